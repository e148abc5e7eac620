#include "harness/bench/roof.h"

#include "harness/machine/memory.h"
#include "reference/operands.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct op fma_op, stream_op, gather_op, embedding_op;

enum { PIECE_MOST = 8 << 20, PIECE = 1 << 20, IDS_PIECE = 64, LINE_FLOATS = 16 };

/* ---- probes ---------------------------------------------------------------------------------- */

/* The probe of memory that is written for the widest instruction set here. */
static const struct kernel *widest(const struct op *op)
{
    const struct kernel *best = NULL;
    char reason[128];
    for (const struct kernel *const *k = kernels; *k; k++)
        if ((*k)->op == op && (*k)->dtype == DTYPE_F32 &&
            kernel_usable(*k, reason, sizeof reason) &&
            (!best || (*k)->isa > best->isa ||
             ((*k)->isa == best->isa && strcmp(best->backend->name, "compiler") == 0)))
            best = *k;
    return best;
}

/* The peak of an instruction set: its probe written by hand, or else the compiler's. */
static const struct kernel *peak_of(enum isa isa)
{
    const struct kernel *best = NULL;
    char reason[128];
    for (const struct kernel *const *k = kernels; *k; k++)
        if ((*k)->op == &fma_op && (*k)->dtype == DTYPE_F32 && (*k)->isa == isa &&
            kernel_usable(*k, reason, sizeof reason) &&
            (!best || strcmp(best->backend->name, "compiler") == 0))
            best = *k;
    return best;
}

/* Scalar code has no peak of its own that means anything: it is held against the machine's. */
static enum isa peak_isa(enum isa isa)
{
    return isa != ISA_SCALAR && peak_of(isa) ? isa : widest(&fma_op)->isa;
}

/* A probe whose calls are still to be filled in. NULL: no memory. */
static struct probe *add(struct roof *roof, const struct run *run, const struct kernel *kernel,
                         size_t turns, struct fault *fault)
{
    struct probe *probe = &roof->probe[roof->count];
    if (!probe_make(probe, kernel, run->team, turns, fault))
        return NULL;
    probe->pages = memory_obtained(roof->block);
    roof->rate[roof->count++] = NAN;
    return probe;
}

/* Behind what is streamed, each member has its numbers and its output. */
static float *own(const struct roof *roof, size_t member)
{
    char *at = (char *)roof->block + roof->need.round;
    return (float *)(void *)at + member * (2 * FMA_WIDTH);
}

static bool add_peak(struct roof *roof, const struct run *run, enum isa isa, struct fault *fault)
{
    struct probe *probe = add(roof, run, peak_of(isa), 1, fault);
    for (size_t m = 0; probe && m < team_members(run->team); m++)
        *probe_call(probe, 0, m) = fma_call(own(roof, m), own(roof, m) + FMA_WIDTH);
    if (probe)
        snprintf(probe->label, sizeof probe->label, "fma %s", isa_name(isa));
    return probe != NULL;
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
static bool add_stream(struct roof *roof, const struct run *run, struct fault *fault)
{
    const struct need *need = &roof->need;
    size_t piece = need->streamed > PIECE_MOST ? PIECE : need->streamed;
    struct probe *probe = add(roof, run, widest(&stream_op), need->round / piece, fault);
    if (!probe)
        return false;
    for (size_t t = 0; t < probe->turns; t++)
        for (size_t m = 0; m < team_members(run->team); m++)
            *probe_call(probe, t, m) =
                read_call((float *)(void *)((char *)roof->block + t * piece), piece, own(roof, m));
    char bytes[24];
    print_bytes(bytes, sizeof bytes, need->round);
    probe->bytes = need->round;
    probe->level = need->alone ? LEVEL_MEMORY : level_of(&run->topology, (double)need->round);
    snprintf(probe->label, sizeof probe->label, "stream read %s%s", bytes,
             need->alone ? " cold" : "");
    return true;
}

static size_t gather_sums(const struct need *need, size_t count, size_t piece)
{
    size_t bags = need->rows_all * need->subject->preset->config.fields;
    return (piece * bags + count - 1) / count;
}

/* One way to gather the embedding's rows, in its order, to as many sums as it has bags, of as many
 * ids each on the average; each member begins elsewhere, as it does there. `count` is of all ids.
 */
static bool add_gather(struct roof *roof, const struct run *run, const struct kernel *kernel,
                       size_t lines, size_t count, size_t piece, struct fault *fault)
{
    const struct need *need = &roof->need;
    const struct ektm_config *config = &need->subject->preset->config;
    size_t members = team_members(run->team), sums = gather_sums(need, count, piece);
    struct tensor table = need->subject->activations.memory.table;
    struct probe *probe = add(roof, run, kernel, count / piece, fault);
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
    double bytes = subject_embedding_bytes(need->subject, need->subject->activations.rows_max);
    probe->bytes = (size_t)bytes;
    probe->level = need->alone ? LEVEL_MEMORY : level_of(&run->topology, bytes);
    probe->pages = memory_obtained(need->subject->model.block);
    snprintf(probe->label, sizeof probe->label, "gather %zu B %s", config->width * sizeof(float),
             level_name(probe->level));
    return true;
}

/* No single way to gather is the best on every machine and for every table: each instruction set's
 * probe is tried, with as many lines asked for as it chooses and with fewer. The best is the
 * ceiling. */
static bool add_gathers(struct roof *roof, const struct run *run, struct fault *fault)
{
    static const size_t lines[] = {0, 192};
    const struct need *need = &roof->need;
    size_t count, members = team_members(run->team), before = roof->count;
    char reason[128];
    roof->ids = subject_table_rows(need->subject, need->rows_all, &count);
    if (!roof->ids)
        return fault_memory(fault, "the probes");
    size_t batch = need->rows * count / need->rows_all;
    size_t piece = batch > IDS_PIECE ? batch : IDS_PIECE;
    piece = piece > count ? count : piece < 1 ? 1 : piece;
    roof->sums_bytes = members * gather_sums(need, count, piece) *
                       need->subject->preset->config.width * sizeof *roof->sums;
    roof->sums = memory_alloc(roof->sums_bytes, run->plan.pages);
    if (!roof->sums)
        return fault_memory(fault, "the probes");
    for (const struct kernel *const *k = kernels; *k; k++)
        for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
            if ((*k)->op == &gather_op && (*k)->dtype == DTYPE_F32 &&
                strcmp((*k)->backend->name, "compiler") != 0 && (*k)->isa != ISA_SCALAR &&
                kernel_usable(*k, reason, sizeof reason) && roof->count < before + GATHERS_MOST &&
                !add_gather(roof, run, *k, lines[i], count, piece, fault))
                return false;
    if (roof->count == before && !add_gather(roof, run, widest(&gather_op), 0, count, piece, fault))
        return false;
    /* As far apart as can be: the next one would find in a cache what one has just read. */
    for (size_t i = before, ways = roof->count - before; i < roof->count; i++)
        roof->probe[i].at = (i - before) * roof->probe[i].turns / (ways * members);
    return true;
}

static bool add_all(struct roof *roof, const struct run *run, struct fault *fault)
{
    bool fine = true, has[ISAS] = {false};
    for (enum isa isa = 0; isa < ISAS; isa++)
        if (roof->need.isa[isa])
            has[peak_isa(isa)] = true;
    for (enum isa isa = 0; isa < ISAS && fine; isa++)
        fine = !has[isa] || add_peak(roof, run, isa, fault);
    fine = fine && (!roof->need.streamed || add_stream(roof, run, fault));
    return fine && (!roof->need.rows || add_gathers(roof, run, fault));
}

/* Whole lines in each call, and whole pieces in the round. */
static void round_need(struct need *need)
{
    size_t line = LINE_FLOATS * sizeof(float), streamed = (need->streamed + line - 1) / line * line;
    if (streamed == 0) {
        need->round = 0;
        return;
    }
    if (need->alone && streamed < PIECE)
        streamed = PIECE; /* a shorter one would tell how long the first lines take */
    size_t piece = streamed > PIECE_MOST ? PIECE : streamed;
    size_t round = need->round > streamed ? need->round : streamed;
    need->streamed = streamed;
    need->round = (round + piece - 1) / piece * piece;
}

bool roof_make(struct roof *roof, const struct run *run, const struct need *need,
               struct competitor *competitor, struct fault *fault)
{
    *roof = (struct roof){.need = *need};
    round_need(&roof->need);
    roof->block_bytes = roof->need.round + team_members(run->team) * 2 * FMA_WIDTH * sizeof(float);
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
    memory_free(roof->sums, roof->sums_bytes);
    free(roof->ids);
    *roof = (struct roof){.count = 0};
}

bool roof_record(struct roof *roof, struct run *run, struct competitor *competitor,
                 struct fault *fault)
{
    bool fine = true;
    struct beside beside = {roof->need.preset, roof->need.layer, roof->need.batch};
    for (size_t i = 0; i < roof->count && fine; i++)
        if (competitor[i].count && roof->probe[i].error <= 1)
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
        work.gathered = (double)ids * (double)(width * sizeof(float) + sizeof(int32_t)) +
                        (double)(bags * width * sizeof(float));
        return work;
    }
    if (!inner) {
        work.streamed = op_bytes(op, call);
        return work;
    }
    for (size_t i = 0; i < op->operands; i++)
        if (op->operand[i].role == ROLE_WEIGHT && call->tensor[i].data)
            work.streamed += (double)(operand_rows(&op->operand[i], &call->dims) *
                                      operand_row(&op->operand[i], &call->dims) * sizeof(float));
    return work;
}

/* The probe of that op (and, for peaks, instruction set) that was fastest, or NULL. */
static const struct probe *find(const struct roof *roof, const struct op *op, enum isa isa)
{
    const struct probe *best = NULL;
    for (size_t i = 0; i < roof->count; i++)
        if (roof->probe[i].kernel->op == op &&
            (op != &fma_op || roof->probe[i].kernel->isa == peak_isa(isa)) &&
            (!best || !(roof->rate[best - roof->probe] >= roof->rate[i])))
            best = &roof->probe[i];
    return best;
}

static double time_of(const struct roof *roof, const struct op *op, enum isa isa, double amount)
{
    const struct probe *probe = find(roof, op, isa);
    if (amount <= 0)
        return 0;
    return probe ? amount / roof->rate[probe - roof->probe] : NAN;
}

void bound_add(struct bound *bound, const struct roof *roof, const struct work *work, enum isa isa)
{
    double compute = time_of(roof, &fma_op, isa, work->flops);
    double stream = time_of(roof, &stream_op, isa, work->streamed);
    double gather = time_of(roof, &gather_op, isa, work->gathered);
    double least = fmax(compute, fmax(stream, gather));
    if (isnan(compute + stream + gather))
        least = NAN; /* fmax passes over what is missing */
    *(least == compute  ? &bound->compute
      : least == stream ? &bound->stream
                        : &bound->gather) += least;
    bound->least += least;
}

void bound_describe(json_t *record, const struct bound *bound, const struct roof *roof,
                    enum isa isa, double ns)
{
    const struct op *op = bound->compute >= bound->stream && bound->compute >= bound->gather
                              ? &fma_op
                          : bound->stream >= bound->gather ? &stream_op
                                                           : &gather_op;
    const struct probe *probe = isnan(bound->least) ? NULL : find(roof, op, isa);
    record_number(record, "roofline", bound->least / ns);
    record_text(record, "bound",
                !probe             ? UNAVAILABLE
                : op == &fma_op    ? "compute"
                : op == &gather_op ? "gather"
                                   : level_name(probe->level));
    record_text(record, "ceiling", probe ? probe->label : UNAVAILABLE);
    if (probe)
        record_count(record, "ceiling_id", roof->id[probe - roof->probe]);
}
