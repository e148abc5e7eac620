#include "harness/bench/layers.h"

#include "harness/bench/choice.h"
#include "harness/machine/memory.h"
#include "reference/operands.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KERNELS_MAX = 64 };

/* ---- the layer ------------------------------------------------------------------------------- */

static size_t output_of(const struct op *op)
{
    size_t i = 0;
    while (op->operand[i].role != ROLE_OUT)
        i++;
    return i;
}

/* The layer's call for the first `rows` rows in a format, writing to our own output. */
static struct call call_in(const struct trial_layer *trial, size_t rows, enum dtype dtype)
{
    if (trial->training)
        return training_call(trial->training, rows);
    struct call call = subject_call(trial->subject, trial->index, rows, dtype);
    call.tensor[output_of(trial->layer->op)].data = trial->output;
    return call;
}

static struct call call_of(const struct trial_layer *trial, size_t rows)
{
    return call_in(trial, rows, DTYPE_F32);
}

static bool gathers(const struct trial_layer *trial)
{
    return trial->layer->op == op_find("embedding");
}

/* Bytes of the weights that a call reads, in a format. */
static size_t weight_bytes(const struct trial_layer *trial, enum dtype dtype)
{
    const struct op *op = trial->layer->op;
    const struct call call = call_in(trial, 1, dtype);
    size_t bytes = 0;
    for (size_t i = 0; i < op->operands; i++)
        if (op->operand[i].role == ROLE_WEIGHT && call.tensor[i].data)
            bytes += span_bytes(&op->operand[i], &call.dims, &call.tensor[i]);
    return bytes;
}

/* As many copies of the layer's weights as the last-level cache does not hold, where caches rotate:
 * a table is large enough as it is. */
static size_t copies_of(const struct trial_layer *trial, const struct run *run, enum dtype dtype)
{
    enum { COPIES_MOST = 1024 };
    const size_t bytes = weight_bytes(trial, dtype);
    if (run->plan.cache != CACHE_ROTATE || gathers(trial) || !bytes)
        return 1;
    const size_t wanted = run->plan.rotation / bytes + 1;
    return wanted < COPIES_MOST ? wanted : COPIES_MOST;
}

static bool is_reference(const struct kernel *kernel)
{
    return strcmp(kernel->backend->name, "reference") == 0;
}

/* Whether a kernel of the format may be timed on the layer. */
static bool takes_part(const struct trial_layer *trial, const struct run *run,
                       const struct kernel *kernel)
{
    char reason[128];
    return kernel->op == trial->layer->op && arguments_admit(run->arguments, kernel) &&
           kernel_usable(kernel, reason, sizeof reason) &&
           !(trial->training && is_reference(kernel)); /* takes minutes */
}

/* Whether something but the scalar reference computes it in that format. */
static bool is_computed(const struct trial_layer *trial, const struct run *run, enum dtype dtype)
{
    for (const struct kernel *const *k = kernels; *k; k++)
        if ((*k)->dtype == dtype && takes_part(trial, run, *k) &&
            (!is_reference(*k) || !dtype_narrow(dtype)))
            return true;
    return false;
}

static bool make_training(struct trial_layer *trial, const struct run *run, size_t part,
                          struct fault *fault)
{
    trial->training = calloc(1, sizeof *trial->training);
    if (!trial->training)
        return fault_memory(fault, "a part of a training step");
    if (training_make(trial->training, trial->subject, part, plan_batch_most(&run->plan), fault)) {
        trial->layer = &trial->training->part;
        return true;
    }
    free(trial->training);
    trial->training = NULL;
    return false;
}

bool trial_layer_make(struct trial_layer *trial, const struct run *run,
                      const struct subject *subject, size_t layer, struct fault *fault)
{
    const struct ektm_layer *table = subject->model.ektm.layer;
    const size_t entries = ektm_entries(&subject->model.ektm);
    if (layer >= entries) {
        *trial = (struct trial_layer){.subject = subject, .index = layer};
        return make_training(trial, run, layer - entries, fault);
    }
    *trial = (struct trial_layer){.subject = subject, .layer = &table[layer], .index = layer};
    const struct op *op = table[layer].op;
    size_t out = output_of(op), rows = plan_batch_most(&run->plan);
    struct call call = call_of(trial, rows);
    trial->output_bytes = span_bytes(&op->operand[out], &call.dims, &call.tensor[out]);
    trial->output = memory_alloc(trial->output_bytes, PAGES_THP);
    bool fine = trial->output || fault_memory(fault, "a layer's output");
    for (enum dtype d = 0; d < DTYPES && fine; d++) {
        call = call_in(trial, rows, d);
        fine = !is_computed(trial, run, d) ||
               oracle_make(&trial->oracle[d], op, &call, dtype_roundoff(dtype_sums(d)), fault);
    }
    if (!fine)
        trial_layer_free(trial);
    return fine;
}

void trial_layer_free(struct trial_layer *trial)
{
    for (enum dtype d = 0; d < DTYPES; d++)
        oracle_free(&trial->oracle[d]);
    memory_free(trial->output, trial->output_bytes);
    competitor_free(&trial->reference_time);
    trial->output = NULL;
    if (trial->training)
        training_free(trial->training);
    free(trial->training);
    trial->training = NULL;
}

/* ---- competitors ----------------------------------------------------------------------------- */

struct contest {
    size_t count;
    struct entry entry[KERNELS_MAX];
    struct competitor competitor[KERNELS_MAX + ROOF_MAX]; /* the roof's behind the kernels' */
    struct roof roof;
};

/* The largest error of what the entry computes, and where it is. */
static double error_of(const struct trial_layer *trial, struct entry *entry, char *worst,
                       size_t size)
{
    if (trial->training) {
        const struct verdict verdict = bed_try(&trial->training->bed, entry->kernel);
        snprintf(worst, size, "%.*s", (int)size - 1, verdict.text);
        return verdict.passed ? verdict.error : INFINITY;
    }
    memset(trial->output, 0xff, trial->output_bytes); /* NaN */
    entry_run(entry);
    return oracle_error(&trial->oracle[entry->kernel->dtype], &entry->call, worst, size);
}

/* Adds the kernel, unless what it computes is wrong: then no time of it is taken. */
static bool enter(struct contest *contest, struct trial_layer *trial, struct run *run,
                  const struct kernel *kernel, size_t rows, struct fault *fault)
{
    struct entry *entry = &contest->entry[contest->count];
    char worst[160];
    *entry = (struct entry){.kernel = kernel, .call = call_in(trial, rows, kernel->dtype)};
    if (!entry_prepare(entry, fault))
        return false;
    entry->error = error_of(trial, entry, worst, sizeof worst);
    if (!(entry->error <= 1)) {
        kernel_release(kernel, &entry->call);
        return run_invalid(run, kernel, trial->subject->preset->name, trial->layer->name,
                           &entry->call.dims, entry->error, worst, fault);
    }
    if (!entry_prepare_copies(entry, copies_of(trial, run, kernel->dtype), fault))
        return false;
    contest->competitor[contest->count++] =
        (struct competitor){.run = entry_run, .argument = entry};
    return true;
}

static bool enter_all(struct contest *contest, struct trial_layer *trial, struct run *run,
                      size_t rows, struct fault *fault)
{
    size_t few = plan_batch_most(&run->plan) < run->plan.reference_rows
                     ? plan_batch_most(&run->plan)
                     : run->plan.reference_rows;
    for (const struct kernel *const *k = kernels; *k; k++) {
        if (!takes_part(trial, run, *k) || contest->count == KERNELS_MAX ||
            (is_reference(*k) && (trial->reference_time.count || dtype_narrow((*k)->dtype))))
            continue;
        if (!enter(contest, trial, run, *k, is_reference(*k) ? few : rows, fault))
            return false;
    }
    return true;
}

/* Rows for the probe of an embedding, from the first on. Where caches rotate it has half of them to
 * itself, since it reads more than anyone. */
static size_t probe_rows(const struct trial_layer *trial, const struct run *run)
{
    size_t all = trial->subject->activations.rows_max;
    return run->plan.cache == CACHE_ROTATE ? all / 2 : all;
}

/* Keeps embeddings out of each other's rows, which whoever comes second would find in a cache: all
 * go round the same rows but begin as far apart as can be; where caches rotate, and there are rows
 * enough, each has rows of its own, behind the probe's. */
static void spread_turns(struct contest *contest, const struct trial_layer *trial,
                         const struct run *run)
{
    size_t all = trial->subject->activations.rows_max, from = probe_rows(trial, run) % all;
    size_t each = (all - from) / (contest->count ? contest->count : 1);
    for (size_t i = 0; i < contest->count; i++) {
        struct entry *entry = &contest->entry[i];
        size_t rows = entry->call.dims.extent[BATCH], batches = all / (rows ? rows : 1);
        bool own = from && each >= rows;
        entry->turn.first = own ? from + i * each : 0;
        entry->turn.end = own ? entry->turn.first + each : all;
        entry_go_to(entry, own ? entry->turn.first : i * batches / contest->count * rows);
    }
}

/* Keeps the reference's samples for the batches that follow. */
static void keep_reference(struct trial_layer *trial, struct contest *contest)
{
    for (size_t i = 0; i < contest->count; i++)
        if (is_reference(contest->entry[i].kernel)) {
            trial->reference = contest->entry[i];
            trial->reference_time = contest->competitor[i];
        }
}

static void contest_free(struct contest *contest)
{
    for (size_t i = 0; i < contest->count; i++) {
        entry_release(&contest->entry[i]);
        if (!is_reference(contest->entry[i].kernel))
            competitor_free(&contest->competitor[i]);
    }
}

/* ---- records --------------------------------------------------------------------------------- */

static const struct competitor *baseline_of(const struct contest *contest,
                                            const struct kernel *kernel)
{
    const struct kernel *baseline = kernel_baseline(kernel);
    for (size_t i = 0; i < contest->count; i++)
        if (contest->entry[i].kernel == baseline)
            return &contest->competitor[i];
    return NULL;
}

static void describe_entry(json_t *record, const struct trial_layer *trial, const struct run *run,
                           const struct entry *entry)
{
    record_text(record, "name", entry->kernel->name);
    record_text(record, "op", entry->kernel->op->name);
    record_text(record, "layer", trial->layer->name);
    record_text(record, "preset", trial->subject->preset->name);
    record_text(record, "dtype", dtype_name(entry->kernel->dtype));
    record_text(record, "backend", entry->kernel->backend->name);
    record_text(record, "isa", isa_name(kernel_isa(entry->kernel)));
    const char *(*path)(const void *) = entry->kernel->path;
    record_text(record, "path", path ? path(entry->call.prepared) : "");
    record_dims(record, &entry->call.dims);
    record_text(record, "ids", run->plan.ids);
    record_count(record, "seed", run->arguments->seed);
    record_number(record, "prepare_ns", entry->prepare_ns);
}

/* How weights and rows lay, and on what. */
static void record_states(json_t *record, const struct trial_layer *trial, const struct run *run,
                          const struct entry *entry)
{
    bool rotates = entry->copies > 1 || gathers(trial);
    enum dtype dtype = entry->kernel->dtype;
    record_text(
        record, "cache",
        cache_name(run->plan.cache == CACHE_ROTATE && !rotates ? CACHE_WARM : run->plan.cache));
    record_text(record, "pages", memory_obtained(trial->subject->model.block));
    if (run->plan.cache == CACHE_ROTATE && rotates)
        record_count(record, "rotation",
                     gathers(trial)
                         ? (size_t)subject_embedding_bytes(
                               trial->subject, trial->subject->activations.rows_max, dtype)
                         : entry->copies * weight_bytes(trial, dtype));
}

/* What the comparison needs to know of the machine: bytes that each call touches, and of how many
 * calls go round. */
static struct need need_of(const struct trial_layer *trial, const struct run *run,
                           const struct contest *contest, size_t rows)
{
    struct need need = {.subject = trial->subject,
                        .preset = trial->subject->preset->name,
                        .layer = trial->layer->name,
                        .batch = rows,
                        .alone = run->plan.cache == CACHE_COLD};
    for (size_t i = 0; i < contest->count; i++) {
        const struct kernel *kernel = contest->entry[i].kernel;
        const enum dtype d = kernel->dtype;
        const size_t copies = copies_of(trial, run, d);
        struct call call = call_in(trial, rows, d);
        need.computes[d][kernel_isa(kernel)] = true;
        need.gathers[d] = gathers(trial);
        if (!gathers(trial))
            need.stream[d].bytes = (size_t)work_of(trial->layer->op, &call, copies > 1).streamed;
        need.stream[d].round = copies * need.stream[d].bytes;
    }
    if (gathers(trial)) {
        need.rows = rows;
        need.rows_all = probe_rows(trial, run);
        need.output = trial->output;
        need.output_bytes = trial->output_bytes;
    }
    return need;
}

/* The least work of a call; an embedding's is the mean over the batches that it goes round. */
static struct work least_work(const struct trial_layer *trial, const struct entry *entry)
{
    size_t rows = entry->call.dims.extent[BATCH];
    size_t all = gathers(trial) ? trial->subject->activations.rows_max : rows;
    double share = (double)rows / (double)all;
    struct call call = call_in(trial, all, entry->kernel->dtype);
    struct work work = work_of(trial->layer->op, &call, entry->copies > 1);
    return (struct work){work.flops * share, work.streamed * share, work.gathered * share};
}

static double bytes_of(const struct trial_layer *trial, size_t rows, enum dtype dtype)
{
    size_t all = gathers(trial) ? trial->subject->activations.rows_max : rows;
    struct call call = call_in(trial, all, dtype);
    return op_bytes(trial->layer->op, &call) * (double)rows / (double)all;
}

/* A narrow kernel's equal in f32: the same backend's at the same level, or NULL. */
static const struct competitor *wide_of(const struct contest *contest, const struct kernel *kernel)
{
    for (size_t i = 0; i < contest->count && dtype_narrow(kernel->dtype); i++) {
        const struct kernel *other = contest->entry[i].kernel;
        if (other->dtype == DTYPE_F32 && other->backend == kernel->backend &&
            kernel_isa(other) == kernel_isa(kernel))
            return &contest->competitor[i];
    }
    return NULL;
}

/* The best peer's time in the same format over this one's; a peer's own over the best of the
 * others'. */
static void compare_with_peers(json_t *record, const struct run *run, const struct contest *contest,
                               const struct entry *entry, const struct competitor *competitor)
{
    bool peer[KERNELS_MAX];
    for (size_t i = 0; i < contest->count; i++)
        peer[i] = contest->entry[i].kernel->backend->peer &&
                  contest->entry[i].kernel->dtype == entry->kernel->dtype &&
                  &contest->competitor[i] != competitor;
    const struct competitor *best = run_best_peer(contest->competitor, peer, contest->count);
    run_compare(run, record, "x_peer", best, competitor, 1);
    record_text(record, "peer",
                best ? contest->entry[best - contest->competitor].kernel->backend->name : "");
    run_verdict(record, "versus_reference", "x_reference");
    run_verdict(record, "versus_compiler", "x_compiler");
    run_verdict(record, "versus_peer", "x_peer");
}

/* A record of an entry's time and of what bounds it, but for the comparisons. */
static json_t *record_timed(const struct trial_layer *trial, struct run *run,
                            const struct roof *roof, const struct entry *entry,
                            const struct competitor *competitor)
{
    size_t rows = entry->call.dims.extent[BATCH];
    const struct arithmetic arithmetic = {kernel_isa(entry->kernel), entry->kernel->dtype};
    struct work work = least_work(trial, entry);
    struct bound bound = {0};
    bound_add(&bound, roof, &work, arithmetic);
    struct timing timing = {competitor, run->seating, work.flops,
                            bytes_of(trial, rows, arithmetic.dtype)};
    json_t *record = record_new(KIND_KERNEL, run->journal.run);
    describe_entry(record, trial, run, entry);
    run_describe(run, record, &timing, entry->error);
    record_states(record, trial, run, entry);
    double ns = record_get_interval(record, "ns").median;
    record_number(record, "rows_per_s", (double)rows / ns * 1e9);
    bound_describe(record, &bound, roof, arithmetic, ns);
    return record;
}

static bool record_entry(const struct trial_layer *trial, struct run *run,
                         const struct contest *contest, size_t i, struct fault *fault)
{
    const struct entry *entry = &contest->entry[i];
    const struct competitor *competitor = &contest->competitor[i];
    size_t rows = entry->call.dims.extent[BATCH];
    json_t *record = record_timed(trial, run, &contest->roof, entry, competitor);
    double reference_rows = (double)trial->reference.call.dims.extent[BATCH];
    run_compare(run, record, "x_reference", &trial->reference_time, competitor,
                (double)rows / reference_rows);
    run_compare(run, record, "x_compiler", baseline_of(contest, entry->kernel), competitor, 1);
    compare_with_peers(record, run, contest, entry, competitor);
    if (wide_of(contest, entry->kernel)) {
        run_compare(run, record, "x_f32", wide_of(contest, entry->kernel), competitor, 1);
        run_verdict(record, "versus_f32", "x_f32");
    }
    return journal_add(&run->journal, record, fault);
}

bool trial_layer_run(struct trial_layer *trial, struct run *run, const struct job *job,
                     struct fault *fault)
{
    struct contest contest = {.count = 0};
    struct sampling sampling = run_sampling(run, job);
    struct eviction eviction;
    bool fine =
        run_seat(run, job->seating, fault) && eviction_make(&eviction, run, &sampling, fault);
    if (!fine)
        return false;
    fine = enter_all(&contest, trial, run, job->batch, fault);
    if (gathers(trial))
        spread_turns(&contest, trial, run);
    struct competitor *above = &contest.competitor[contest.count];
    struct need need = need_of(trial, run, &contest, job->batch);
    size_t most = 0;
    for (enum dtype d = 0; d < DTYPES; d++)
        most = need.stream[d].bytes > most ? need.stream[d].bytes : most;
    sampling.stride = most > run->topology.cache_bytes[1] ? WARMING : 0;
    fine =
        fine && roof_make(&contest.roof, run, &need, above, fault) &&
        run_sample(run, &sampling, contest.competitor, contest.count + contest.roof.count, fault) &&
        roof_record(&contest.roof, run, above, fault);
    keep_reference(trial, &contest);
    for (size_t i = 0; i < contest.count && fine; i++)
        if (contest.competitor[i].count)
            fine = record_entry(trial, run, &contest, i, fault);
    for (size_t i = 0; i < contest.roof.count; i++)
        competitor_free(&above[i]);
    roof_free(&contest.roof);
    contest_free(&contest);
    eviction_free(&eviction);
    return fine;
}

/* ---- many threads ---------------------------------------------------------------------------- */

/* A batch shared by a team: each member has a call of its own. */
struct shared {
    struct team *team;
    struct entry *part; /* [members] */
};

static void run_part(void *argument, size_t member, size_t members)
{
    (void)members;
    struct entry *part = argument;
    entry_run(&part[member]);
}

static void run_shared(void *argument)
{
    struct shared *shared = argument;
    team_run(shared->team, run_part, shared->part);
}

static bool share_out(struct shared *shared, const struct trial_layer *trial, const struct run *run,
                      const struct entry *whole, struct fault *fault)
{
    size_t members = team_members(run->team), parts = call_parts(trial->layer->op, &whole->call);
    *shared = (struct shared){run->team, calloc(members, sizeof *shared->part)};
    if (!shared->part)
        return fault_memory(fault, "shares of a batch");
    for (size_t m = 0; m < members; m++) {
        struct share share = share_of(parts, m, members);
        shared->part[m] = (struct entry){
            .kernel = whole->kernel,
            .call = call_part(trial->layer->op, &whole->call, share.first, share.count)};
        if (gathers(trial))
            shared->part[m].turn.end = trial->subject->activations.rows_max - share.first;
    }
    return true;
}

/* What may share a batch: neither a library's nor the reference's. */
static bool may_share(const struct kernel *kernel)
{
    return !kernel->backend->peer && !is_reference(kernel);
}

static bool record_shared(const struct trial_layer *trial, struct run *run,
                          const struct entry *entry, const struct competitor *team,
                          const struct competitor *alone, struct fault *fault)
{
    size_t rows = entry->call.dims.extent[BATCH];
    struct roof none = {.count = 0};
    json_t *record = record_timed(trial, run, &none, entry, team);
    run_compare(run, record, "x_reference", NULL, team, 1);
    run_compare(run, record, "x_compiler", NULL, team, 1);
    record_count(record, "base_rows", rows);
    run_compare(run, record, "speedup", alone, team, 1);
    return journal_add(&run->journal, record, fault);
}

/* The largest error of the batch as its members share it. A part of a training step is tried on its
 * bed once more, which cuts it, too. */
static double shared_error(struct trial_layer *trial, struct shared *shared, struct entry *whole,
                           char *worst, size_t size)
{
    if (trial->training)
        return error_of(trial, whole, worst, size);
    memset(trial->output, 0xff, trial->output_bytes); /* NaN */
    run_shared(shared);
    return oracle_error(&trial->oracle[whole->kernel->dtype], &whole->call, worst, size);
}

/* Checks the shared batch as a whole. */
static bool check_shared(struct trial_layer *trial, struct run *run, struct shared *shared,
                         struct entry *whole, bool *right, struct fault *fault)
{
    char worst[160];
    whole->error = shared_error(trial, shared, whole, worst, sizeof worst);
    *right = whole->error <= 1;
    return *right ? true
                  : run_invalid(run, whole->kernel, trial->subject->preset->name,
                                trial->layer->name, &whole->call.dims, whole->error, worst, fault);
}

bool trial_layer_share(struct trial_layer *trial, struct run *run, const struct job *job,
                       struct fault *fault)
{
    struct found found = {run->journal.records, trial->subject->preset->name, job->batch};
    const struct kernel *kernel = choice_fastest(&found, trial->layer->name, may_share);
    struct sampling sampling = run_sampling(run, job);
    struct shared shared = {0};
    bool right = false;
    if (!kernel)
        return true;
    struct entry whole = {.kernel = kernel, .call = call_in(trial, job->batch, kernel->dtype)};
    if (!run_seat(run, job->seating, fault) || !entry_prepare(&whole, fault))
        return false;
    struct competitor pair[] = {{.run = run_shared, .argument = &shared},
                                {.run = entry_run, .argument = &whole}};
    bool fine = share_out(&shared, trial, run, &whole, fault) &&
                check_shared(trial, run, &shared, &whole, &right, fault);
    if (gathers(trial))
        whole.turn.end = trial->subject->activations.rows_max;
    if (fine && right)
        fine = run_sample(run, &sampling, pair, 2, fault) &&
               (!pair[0].count || record_shared(trial, run, &whole, &pair[0], &pair[1], fault));
    competitor_free(&pair[0]);
    competitor_free(&pair[1]);
    free(shared.part);
    kernel_release(kernel, &whole.call);
    return fine;
}
