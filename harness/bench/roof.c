#include "harness/bench/roof.h"

#include "harness/machine/memory.h"
#include "reference/operands.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct op fma_op, dot_op, stream_op, gather_op, embedding_op;

enum { PIECE_MOST = 8 << 20, PIECE = 1 << 20, IDS_PIECE = 64, LINE_FLOATS = 16 };

/* ---- probes ---------------------------------------------------------------------------------- */

/* The op that probes the peak of a format. */
static const struct op *peak_op(enum dtype dtype)
{
    return dtype_narrow(dtype) ? &dot_op : &fma_op;
}

static bool is_plain(const struct kernel *kernel)
{
    return strcmp(kernel->backend->name, "compiler") == 0;
}

/* Whether `a` is the better probe: written for a wider instruction set, by hand, with more
 * instructions beyond it. */
static bool is_better(const struct kernel *a, const struct kernel *b)
{
    if (a->isa != b->isa)
        return a->isa > b->isa;
    return is_plain(a) != is_plain(b) ? is_plain(b) : a->features > b->features;
}

/* The best probe of that op and format: for `isa`, or (ISAS) for any. Scalar code's speed is no
 * ceiling. NULL: there is none. */
static const struct kernel *best_probe(const struct op *op, enum dtype dtype, enum isa isa)
{
    const struct kernel *best = NULL;
    char reason[128];
    for (const struct kernel *const *k = kernels; *k; k++)
        if ((*k)->op == op && (*k)->dtype == dtype && (*k)->isa != ISA_SCALAR &&
            (isa == ISAS || (*k)->isa == isa) && kernel_usable(*k, reason, sizeof reason) &&
            (!best || is_better(*k, best)))
            best = *k;
    return best;
}

/* Whose peak bounds kernels of that level: scalar code has none of its own that means anything, and
 * is held against the machine's. */
static const struct kernel *peak_of(struct arithmetic arithmetic)
{
    const struct op *op = peak_op(arithmetic.dtype);
    const struct kernel *own = best_probe(op, arithmetic.dtype, arithmetic.isa);
    return own ? own : best_probe(op, arithmetic.dtype, ISAS);
}

/* A probe whose calls are still to be filled in. NULL: no memory. */
static struct probe *add(struct roof *roof, const struct run *run, const struct kernel *kernel,
                         enum dtype dtype, size_t turns, struct fault *fault)
{
    struct probe *probe = &roof->probe[roof->count];
    if (!probe_make(probe, kernel, run->team, turns, fault))
        return NULL;
    probe->pages = memory_obtained(roof->block);
    roof->dtype[roof->count] = dtype;
    roof->rate[roof->count++] = NAN;
    return probe;
}

/* Where the bytes streamed in that format begin; with DTYPES, what lies behind all of them. */
static char *streamed(const struct roof *roof, enum dtype dtype)
{
    char *at = roof->block;
    for (enum dtype d = 0; d < dtype; d++)
        at += roof->need.stream[d].round;
    return at;
}

/* Behind what is streamed, each member has its numbers and its output. */
static float *own(const struct roof *roof, size_t member)
{
    return (float *)(void *)streamed(roof, DTYPES) + member * (2 * FMA_WIDTH);
}

static bool add_peak(struct roof *roof, const struct run *run, const struct kernel *kernel,
                     struct fault *fault)
{
    struct probe *probe = add(roof, run, kernel, kernel->dtype, 1, fault);
    for (size_t m = 0; probe && m < team_members(run->team); m++)
        *probe_call(probe, 0, m) = peak_call(kernel->dtype, own(roof, m), own(roof, m) + FMA_WIDTH);
    if (probe)
        peak_label(probe);
    return probe != NULL;
}

/* What a label says of a narrow format: two may take as many bytes. */
static const char *of_format(enum dtype dtype)
{
    return dtype == DTYPE_BF16 ? " bf16" : dtype == DTYPE_I8 ? " i8" : "";
}

static void print_bytes(char *text, size_t size, size_t bytes)
{
    if (bytes < 10 << 10)
        snprintf(text, size, "%zu B", bytes);
    else if (bytes < 10 << 20)
        snprintf(text, size, "%zu KiB", bytes >> 10);
    else
        snprintf(text, size, "%zu MiB", bytes >> 20);
}

/* Every member reads all: weights are shared. What is too much for one sample is read in pieces. */
static bool add_stream(struct roof *roof, const struct run *run, enum dtype dtype,
                       struct fault *fault)
{
    const struct streams *s = &roof->need.stream[dtype];
    const bool alone = roof->need.alone;
    size_t piece = s->bytes > PIECE_MOST ? PIECE : s->bytes;
    const struct kernel *kernel = best_probe(&stream_op, DTYPE_F32, ISAS);
    struct probe *probe = add(roof, run, kernel, dtype, s->round / piece, fault);
    if (!probe)
        return false;
    for (size_t t = 0; t < probe->turns; t++)
        for (size_t m = 0; m < team_members(run->team); m++)
            *probe_call(probe, t, m) = read_call(
                (float *)(void *)(streamed(roof, dtype) + t * piece), piece, own(roof, m));
    char bytes[24];
    print_bytes(bytes, sizeof bytes, s->round);
    probe->bytes = s->round;
    probe->level = alone ? LEVEL_MEMORY : level_of(&run->topology, (double)s->round);
    snprintf(probe->label, sizeof probe->label, "stream read %s%s%s", bytes, of_format(dtype),
             alone ? " cold" : "");
    return true;
}

static size_t gather_sums(const struct need *need, size_t count, size_t piece)
{
    size_t bags = need->rows_all * need->subject->preset->config.fields;
    return (piece * bags + count - 1) / count;
}

/* One way to gather the embedding's rows, in its order, to as many sums as it has bags, of as many
 * ids each on the average; each member begins elsewhere, as it does there. */
static bool add_gather(struct roof *roof, const struct run *run, const struct kernel *kernel,
                       size_t lines, size_t piece, struct fault *fault)
{
    const struct need *need = &roof->need;
    const struct ektm_config *config = &need->subject->preset->config;
    const enum dtype dtype = kernel->dtype;
    const size_t count = roof->ids_count, members = team_members(run->team);
    if (piece == 0)
        return true; /* no id to gather */
    size_t sums = gather_sums(need, count, piece);
    struct tensor table = subject_table(need->subject, dtype);
    struct probe *probe = add(roof, run, kernel, dtype, count / piece, fault);
    if (!probe)
        return false;
    for (size_t t = 0; t < probe->turns; t++)
        for (size_t m = 0; m < members; m++) {
            size_t from = (t + m * probe->turns / members) % probe->turns * piece;
            struct call *call = probe_call(probe, t, m);
            *call =
                gather_call(&table, subject_rows(need->subject), config->width, roof->ids + from,
                            piece, roof->sums + m * sums * config->width, sums);
            call->options.lines_ahead = lines;
        }
    double bytes =
        subject_embedding_bytes(need->subject, need->subject->activations.rows_max, dtype);
    probe->bytes = (size_t)bytes;
    probe->level = need->alone ? LEVEL_MEMORY : level_of(&run->topology, bytes);
    probe->pages = memory_obtained(need->subject->model.block);
    snprintf(probe->label, sizeof probe->label, "gather %zu B%s %s",
             row_bytes(dtype, config->width), of_format(dtype), level_name(probe->level));
    return true;
}

/* The peaks of those levels that compute in the format, each once. */
static bool add_peaks(struct roof *roof, const struct run *run, enum dtype dtype,
                      struct fault *fault)
{
    const struct kernel *added[ISAS] = {NULL};
    bool fine = true;
    for (enum isa isa = 0; isa < ISAS && fine; isa++) {
        const struct kernel *peak = peak_of((struct arithmetic){isa, dtype});
        if (!roof->need.computes[dtype][isa] || !peak || added[peak->isa])
            continue;
        added[peak->isa] = peak;
        fine = add_peak(roof, run, peak, fault);
    }
    return fine;
}

/* The ids that gathers read, and room for their sums; `*piece` becomes the ids of one call. */
static bool make_gathers(struct roof *roof, const struct run *run, size_t *piece,
                         struct fault *fault)
{
    const struct need *need = &roof->need;
    if (!roof->ids)
        roof->ids = subject_table_rows(need->subject, need->rows_all, &roof->ids_count);
    if (!roof->ids)
        return fault_memory(fault, "the probes");
    const size_t count = roof->ids_count, batch = need->rows * count / need->rows_all;
    const size_t wanted = batch > IDS_PIECE ? batch : IDS_PIECE;
    *piece = wanted > count ? count : wanted < 1 ? 1 : wanted;
    if (roof->sums)
        return true;
    const size_t bytes = team_members(run->team) * gather_sums(need, count, *piece) *
                         need->subject->preset->config.width * sizeof *roof->sums;
    if (need->output && bytes <= need->output_bytes) {
        roof->sums = need->output;
        return true;
    }
    roof->sums_bytes = bytes;
    roof->sums = memory_alloc(bytes, run->plan.pages);
    return roof->sums || fault_memory(fault, "the probes");
}

/* No single way to gather is the best on every machine and for every table: each instruction set's
 * probe is tried, with as many lines asked for as it chooses and with fewer. The best is the
 * ceiling. */
static bool add_gathers(struct roof *roof, const struct run *run, enum dtype dtype,
                        struct fault *fault)
{
    static const size_t lines[] = {0, 192};
    size_t piece = 0, before = roof->count;
    char reason[128];
    if (!make_gathers(roof, run, &piece, fault))
        return false;
    for (const struct kernel *const *k = kernels; *k; k++)
        for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
            if ((*k)->op == &gather_op && (*k)->dtype == dtype && !is_plain(*k) &&
                (*k)->isa != ISA_SCALAR && kernel_usable(*k, reason, sizeof reason) &&
                roof->count < before + GATHERS_MOST &&
                !add_gather(roof, run, *k, lines[i], piece, fault))
                return false;
    const struct kernel *plain = best_probe(&gather_op, dtype, ISAS);
    if (roof->count == before && plain && !add_gather(roof, run, plain, 0, piece, fault))
        return false;
    /* As far apart as can be: the next one would find in a cache what one has just read. */
    const size_t ways = roof->count - before, members = team_members(run->team);
    for (size_t i = before; i < roof->count; i++)
        roof->probe[i].at = (i - before) * roof->probe[i].turns / (ways * members);
    return true;
}

static bool add_all(struct roof *roof, const struct run *run, struct fault *fault)
{
    bool fine = true;
    for (enum dtype d = 0; d < DTYPES && fine; d++)
        fine = add_peaks(roof, run, d, fault) &&
               (!roof->need.stream[d].bytes || add_stream(roof, run, d, fault)) &&
               (!roof->need.gathers[d] || add_gathers(roof, run, d, fault));
    return fine;
}

/* Whole lines in each call, and whole pieces in the round. */
static void round_streams(struct streams *s, bool alone)
{
    size_t line = LINE_FLOATS * sizeof(float), bytes = (s->bytes + line - 1) / line * line;
    if (bytes == 0) {
        s->round = 0;
        return;
    }
    if (alone && bytes < PIECE)
        bytes = PIECE; /* a shorter one would tell how long the first lines take */
    size_t piece = bytes > PIECE_MOST ? PIECE : bytes;
    size_t round = s->round > bytes ? s->round : bytes;
    s->bytes = bytes;
    s->round = (round + piece - 1) / piece * piece;
}

bool roof_make(struct roof *roof, const struct run *run, const struct need *need,
               struct competitor *competitor, struct fault *fault)
{
    *roof = (struct roof){.need = *need};
    roof->block_bytes = team_members(run->team) * 2 * FMA_WIDTH * sizeof(float);
    for (enum dtype d = 0; d < DTYPES; d++) {
        round_streams(&roof->need.stream[d], need->alone);
        roof->block_bytes += roof->need.stream[d].round;
    }
    roof->block = memory_alloc(roof->block_bytes, run->plan.pages);
    if (!roof->block)
        return fault_memory(fault, "the probes");
    float *data = roof->block;
    for (size_t i = 0; i < roof->block_bytes / sizeof *data; i++)
        data[i] = probe_datum(i);
    bool fine = add_all(roof, run, fault);
    for (size_t i = 0; i < roof->count && fine; i++) {
        bool computes = roof->probe[i].bytes == 0;
        fine = probe_ready(&roof->probe[i], need->alone && !computes, fault);
        competitor[i] = (struct competitor){.run = probe_run, .argument = &roof->probe[i]};
    }
    if (!fine)
        roof_free(roof);
    return fine;
}

void roof_free(struct roof *roof)
{
    for (size_t i = 0; i < roof->count; i++)
        probe_free(&roof->probe[i]);
    memory_free(roof->block, roof->block_bytes);
    if (roof->sums_bytes)
        memory_free(roof->sums, roof->sums_bytes);
    free(roof->ids);
    *roof = (struct roof){.count = 0};
}

static double ns_of(const struct roof *roof, const struct competitor *competitor, size_t i)
{
    const struct competitor *c = &competitor[i];
    return quantile_of(c->ns, c->count, 0.5) / (double)roof->probe[i].repeats;
}

/* Whether way `k` is a better ceiling than `i`: believable where that is not, or faster, or first.
 */
static bool beats(const struct roof *roof, const struct competitor *competitor, size_t k, size_t i)
{
    const double ns_k = ns_of(roof, competitor, k), ns_i = ns_of(roof, competitor, i);
    if (competitor[k].invalid != competitor[i].invalid)
        return competitor[i].invalid;
    return ns_k < ns_i || (!(ns_i < ns_k) && k < i);
}

/* Whether there is a better way to gather the same rows: then it is no ceiling. */
static bool is_beaten(const struct roof *roof, const struct competitor *competitor, size_t i)
{
    for (size_t k = 0; k < roof->count && roof->probe[i].kernel->op == &gather_op; k++)
        if (roof->probe[k].kernel->op == &gather_op && roof->dtype[k] == roof->dtype[i] &&
            competitor[k].count && k != i && beats(roof, competitor, k, i))
            return true;
    return false;
}

bool roof_record(struct roof *roof, struct run *run, struct competitor *competitor,
                 struct fault *fault)
{
    bool fine = true;
    struct beside beside = {roof->need.preset, roof->need.layer, roof->need.batch};
    for (size_t i = 0; i < roof->count && fine; i++)
        if (competitor[i].count && roof->probe[i].error <= 1 && !is_beaten(roof, competitor, i))
            fine = probe_record(run, &roof->probe[i], &competitor[i], &beside, &roof->rate[i],
                                &roof->id[i], fault);
    return fine;
}

/* ---- bounds ---------------------------------------------------------------------------------- */

struct work work_of(const struct op *op, const struct call *call, bool inner)
{
    struct work work = {.flops = op->flops(call)};
    if (op == &embedding_op) {
        size_t ids = call->dims.extent[IDS], width = call->dims.extent[WIDTH];
        size_t bags = call->dims.extent[BATCH] * call->dims.extent[FIELDS];
        size_t row = row_bytes(call->tensor[EMBEDDING_TABLE].dtype, width);
        work.gathered =
            (double)ids * (double)(row + sizeof(int32_t)) + (double)(bags * width * sizeof(float));
        return work;
    }
    if (!inner) {
        work.streamed = op_bytes(op, call);
        return work;
    }
    for (size_t i = 0; i < op->operands; i++)
        if (op->operand[i].role == ROLE_WEIGHT && call->tensor[i].data)
            work.streamed += (double)(operand_rows(&op->operand[i], &call->dims) *
                                      row_bytes(call->tensor[i].dtype,
                                                operand_row(&op->operand[i], &call->dims)));
    return work;
}

/* The probe of that op beside kernels of the format (and, for peaks, of the level) that was
 * fastest, or NULL. */
static const struct probe *find(const struct roof *roof, const struct op *op,
                                struct arithmetic arithmetic)
{
    const struct kernel *peak = peak_of(arithmetic);
    const struct probe *best = NULL;
    for (size_t i = 0; i < roof->count; i++)
        if (roof->probe[i].kernel->op == op && roof->dtype[i] == arithmetic.dtype &&
            (op != peak_op(arithmetic.dtype) ||
             (peak && roof->probe[i].kernel->isa == peak->isa)) &&
            (!best || isnan(roof->rate[best - roof->probe]) ||
             roof->rate[i] > roof->rate[best - roof->probe]))
            best = &roof->probe[i];
    return best;
}

static double time_of(const struct roof *roof, const struct op *op, struct arithmetic arithmetic,
                      double amount)
{
    const struct probe *probe = find(roof, op, arithmetic);
    if (amount <= 0)
        return 0;
    return probe ? amount / roof->rate[probe - roof->probe] : NAN;
}

void bound_add(struct bound *bound, const struct roof *roof, const struct work *work,
               struct arithmetic arithmetic)
{
    double compute = time_of(roof, peak_op(arithmetic.dtype), arithmetic, work->flops);
    double stream = time_of(roof, &stream_op, arithmetic, work->streamed);
    double gather = time_of(roof, &gather_op, arithmetic, work->gathered);
    double least = fmax(compute, fmax(stream, gather));
    if (isnan(compute + stream + gather))
        least = NAN; /* fmax passes over what is missing */
    *(least == compute  ? &bound->compute
      : least == stream ? &bound->stream
                        : &bound->gather) += least;
    bound->least += least;
}

void bound_describe(json_t *record, const struct bound *bound, const struct roof *roof,
                    struct arithmetic arithmetic, double ns)
{
    const struct op *op = bound->compute >= bound->stream && bound->compute >= bound->gather
                              ? peak_op(arithmetic.dtype)
                          : bound->stream >= bound->gather ? &stream_op
                                                           : &gather_op;
    const struct probe *probe = isnan(bound->least) ? NULL : find(roof, op, arithmetic);
    record_number(record, "roofline", bound->least / ns);
    record_text(record, "bound",
                !probe             ? UNAVAILABLE
                : op == &gather_op ? "gather"
                : op == &stream_op ? level_name(probe->level)
                                   : "compute");
    record_text(record, "ceiling", probe ? probe->label : UNAVAILABLE);
    if (probe)
        record_count(record, "ceiling_id", roof->id[probe - roof->probe]);
}
