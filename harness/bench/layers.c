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

/* The layer's call for the first `rows` rows, writing to our own output. */
static struct call call_of(const struct trial_layer *trial, size_t rows)
{
    const struct subject *s = trial->subject;
    struct call call = ektm_call(&s->model.ektm, &s->activations.memory, trial->index, rows);
    call.tensor[output_of(trial->layer->op)].data = trial->output;
    return call;
}

static bool gathers(const struct trial_layer *trial)
{
    return trial->layer->op == op_find("embedding");
}

enum { COPIES_MOST = 1024, LINE = 64 };

/* Bytes from one copy's operand to its next one. */
static size_t room_of(const struct operand *operand, const struct call *call, size_t i)
{
    size_t bytes = operand_span(operand, &call->dims, call->tensor[i].ld) * sizeof(float);
    return operand->role == ROLE_WEIGHT && call->tensor[i].data ? (bytes + LINE - 1) / LINE * LINE
                                                                : 0;
}

/* Points the call's weights to copy `k`. */
static void take_copy(const struct trial_layer *trial, struct call *call, size_t k)
{
    const struct op *op = trial->layer->op;
    char *at = (char *)trial->weights + k * (trial->weights_bytes / trial->copies);
    for (size_t i = 0; i < op->operands; i++) {
        size_t room = room_of(&op->operand[i], call, i);
        call->tensor[i].data = room ? at : call->tensor[i].data;
        at += room;
    }
}

/* As many copies of the layer's weights as the last-level cache does not hold: a table is large
 * enough as it is. */
static bool copy_weights(struct trial_layer *trial, const struct run *run, const struct call *call)
{
    const struct op *op = trial->layer->op;
    size_t bytes = 0;
    for (size_t i = 0; i < op->operands; i++)
        bytes += room_of(&op->operand[i], call, i);
    trial->copies = 1;
    if (run->plan.cache != CACHE_ROTATE || gathers(trial) || !bytes)
        return true;
    size_t wanted = run->plan.rotation / bytes + 1;
    trial->copies = wanted < COPIES_MOST ? wanted : COPIES_MOST;
    trial->weights_bytes = trial->copies * bytes;
    trial->weights = memory_alloc(trial->weights_bytes, run->plan.pages);
    for (size_t k = 0; k < trial->copies && trial->weights; k++) {
        struct call copy = *call;
        take_copy(trial, &copy, k);
        for (size_t i = 0; i < op->operands; i++)
            if (copy.tensor[i].data != call->tensor[i].data)
                memcpy(copy.tensor[i].data, call->tensor[i].data,
                       operand_span(&op->operand[i], &call->dims, call->tensor[i].ld) *
                           sizeof(float));
    }
    return trial->weights != NULL;
}

bool trial_layer_make(struct trial_layer *trial, const struct run *run,
                      const struct subject *subject, size_t layer, struct fault *fault)
{
    const struct ektm_layer *table = subject->model.ektm.layer;
    *trial = (struct trial_layer){.subject = subject, .layer = &table[layer], .index = layer};
    const struct op *op = table[layer].op;
    size_t out = output_of(op), rows = plan_batch_most(&run->plan);
    struct call call = call_of(trial, rows);
    size_t elements = operand_span(&op->operand[out], &call.dims, call.tensor[out].ld);
    trial->output_bytes = elements * sizeof(float);
    trial->output = memory_alloc(trial->output_bytes, PAGES_THP);
    if (!trial->output)
        return fault_memory(fault, "a layer's output");
    call = call_of(trial, rows);
    if (!copy_weights(trial, run, &call)) {
        memory_free(trial->output, trial->output_bytes);
        return fault_memory(fault, "copies of a layer's weights");
    }
    if (oracle_make(&trial->oracle, op, &call, dtype_roundoff(DTYPE_F32), fault))
        return true;
    memory_free(trial->output, trial->output_bytes);
    memory_free(trial->weights, trial->weights_bytes);
    return false;
}

void trial_layer_free(struct trial_layer *trial)
{
    oracle_free(&trial->oracle);
    memory_free(trial->output, trial->output_bytes);
    memory_free(trial->weights, trial->weights_bytes);
    competitor_free(&trial->reference_time);
    trial->output = NULL;
}

/* ---- competitors ----------------------------------------------------------------------------- */

struct contest {
    size_t count;
    struct entry entry[KERNELS_MAX];
    struct competitor competitor[KERNELS_MAX + ROOF_MAX]; /* the roof's behind the kernels' */
    struct roof roof;
};

static bool is_reference(const struct kernel *kernel)
{
    return strcmp(kernel->backend->name, "reference") == 0;
}

/* Lets the next call of an embedding take the ids from `row` on. */
static void go_to(struct entry *entry, size_t row)
{
    struct tensor *bags = &entry->call.tensor[EMBEDDING_BAGS];
    bags->data =
        (int32_t *)bags->data + ((ptrdiff_t)row - (ptrdiff_t)entry->turn.row) * (ptrdiff_t)bags->ld;
    entry->turn.row = row;
}

static void run_entry(void *argument)
{
    struct entry *entry = argument;
    struct turn *turn = &entry->turn;
    entry->kernel->run(entry->copy ? &entry->copy[entry->next] : &entry->call);
    entry->next = entry->next + 1 < entry->copies ? entry->next + 1 : 0;
    if (!turn->end)
        return;
    size_t rows = entry->call.dims.extent[BATCH];
    go_to(entry, turn->row + 2 * rows <= turn->end ? turn->row + rows : turn->first);
}

static bool prepare(struct entry *entry, struct fault *fault)
{
    uint64_t begin = clock_now();
    bool fine = kernel_prepare(entry->kernel, &entry->call);
    entry->prepare_ns = entry->kernel->prepare ? (double)(clock_now() - begin) : NAN;
    return fine ? true : fault_memory(fault, "packed weights");
}

static void release(struct entry *entry)
{
    kernel_release(entry->kernel, &entry->call);
    for (size_t k = 0; k < entry->copies && entry->copy; k++)
        kernel_release(entry->kernel, &entry->copy[k]);
    free(entry->copy);
    entry->copy = NULL;
}

/* A call for each copy of the weights, prepared as the first one is. */
static bool prepare_copies(struct entry *entry, const struct trial_layer *trial,
                           struct fault *fault)
{
    if (trial->copies == 1)
        return true;
    entry->copy = calloc(trial->copies, sizeof *entry->copy);
    if (!entry->copy)
        return fault_memory(fault, "copies of packed weights");
    for (entry->copies = 0; entry->copies < trial->copies; entry->copies++) {
        struct call *copy = &entry->copy[entry->copies];
        *copy = entry->call;
        copy->prepared = NULL;
        take_copy(trial, copy, entry->copies);
        if (!kernel_prepare(entry->kernel, copy)) {
            release(entry);
            return fault_memory(fault, "copies of packed weights");
        }
    }
    return true;
}

/* Adds the kernel, unless what it computes is wrong: then no time of it is taken. */
static bool enter(struct contest *contest, struct trial_layer *trial, struct run *run,
                  const struct kernel *kernel, size_t rows, struct fault *fault)
{
    struct entry *entry = &contest->entry[contest->count];
    char worst[160];
    *entry = (struct entry){.kernel = kernel, .call = call_of(trial, rows)};
    if (!prepare(entry, fault))
        return false;
    memset(trial->output, 0xff, trial->output_bytes); /* NaN */
    run_entry(entry);
    entry->error = oracle_error(&trial->oracle, &entry->call, worst, sizeof worst);
    if (!(entry->error <= 1)) {
        kernel_release(kernel, &entry->call);
        return run_invalid(run, kernel, trial->subject->preset->name, trial->layer->name,
                           &entry->call.dims, entry->error, worst, fault);
    }
    if (!prepare_copies(entry, trial, fault)) {
        kernel_release(kernel, &entry->call);
        return false;
    }
    contest->competitor[contest->count++] =
        (struct competitor){.run = run_entry, .argument = entry};
    return true;
}

static bool enter_all(struct contest *contest, struct trial_layer *trial, struct run *run,
                      size_t rows, struct fault *fault)
{
    size_t few = plan_batch_most(&run->plan) < run->plan.reference_rows
                     ? plan_batch_most(&run->plan)
                     : run->plan.reference_rows;
    for (const struct kernel *const *k = kernels; *k; k++) {
        char reason[128];
        if ((*k)->op != trial->layer->op || !arguments_admit(run->arguments, *k) ||
            !kernel_usable(*k, reason, sizeof reason) || contest->count == KERNELS_MAX ||
            (is_reference(*k) && trial->reference_time.count))
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
        go_to(entry, own ? entry->turn.first : i * batches / contest->count * rows);
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
        release(&contest->entry[i]);
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
static void record_states(json_t *record, const struct trial_layer *trial, const struct run *run)
{
    bool rotates = trial->copies > 1 || gathers(trial);
    record_text(
        record, "cache",
        cache_name(run->plan.cache == CACHE_ROTATE && !rotates ? CACHE_WARM : run->plan.cache));
    record_text(record, "pages", memory_obtained(trial->subject->model.block));
    if (run->plan.cache == CACHE_ROTATE && rotates)
        record_count(record, "rotation",
                     gathers(trial) ? (size_t)subject_embedding_bytes(
                                          trial->subject, trial->subject->activations.rows_max)
                                    : trial->weights_bytes);
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
    struct call call = call_of(trial, rows);
    for (size_t i = 0; i < contest->count; i++)
        need.isa[kernel_isa(contest->entry[i].kernel)] = true;
    if (gathers(trial)) {
        need.rows = rows;
        need.rows_all = probe_rows(trial, run);
    } else
        need.streamed = (size_t)work_of(trial->layer->op, &call, trial->copies > 1).streamed;
    need.round = trial->copies * need.streamed;
    return need;
}

/* The least work of a call; an embedding's is the mean over the batches that it goes round. */
static struct work least_work(const struct trial_layer *trial, size_t rows)
{
    size_t all = gathers(trial) ? trial->subject->activations.rows_max : rows;
    double share = (double)rows / (double)all;
    struct call call = call_of(trial, all);
    struct work work = work_of(trial->layer->op, &call, trial->copies > 1);
    return (struct work){work.flops * share, work.streamed * share, work.gathered * share};
}

static double bytes_of(const struct trial_layer *trial, size_t rows)
{
    size_t all = gathers(trial) ? trial->subject->activations.rows_max : rows;
    struct call call = call_of(trial, all);
    return op_bytes(trial->layer->op, &call) * (double)rows / (double)all;
}

/* The best peer's time over this one's; a peer's own over the best of the others'. */
static void compare_with_peers(json_t *record, const struct run *run, const struct contest *contest,
                               const struct competitor *competitor)
{
    bool peer[KERNELS_MAX];
    for (size_t i = 0; i < contest->count; i++)
        peer[i] = contest->entry[i].kernel->backend->peer && &contest->competitor[i] != competitor;
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
    enum isa isa = kernel_isa(entry->kernel);
    struct work work = least_work(trial, rows);
    struct bound bound = {0};
    bound_add(&bound, roof, &work, isa);
    struct timing timing = {competitor, run->seating, work.flops, bytes_of(trial, rows)};
    json_t *record = record_new(KIND_KERNEL, run->journal.run);
    describe_entry(record, trial, run, entry);
    run_describe(run, record, &timing, entry->error);
    record_states(record, trial, run);
    double ns = record_get_interval(record, "ns").median;
    record_number(record, "rows_per_s", (double)rows / ns * 1e9);
    bound_describe(record, &bound, roof, isa, ns);
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
    compare_with_peers(record, run, contest, competitor);
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
    sampling.stride = need.streamed > run->topology.cache_bytes[1] ? WARMING : 0;
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
    run_entry(&part[member]);
}

static void run_shared(void *argument)
{
    struct shared *shared = argument;
    team_run(shared->team, run_part, shared->part);
}

static bool share_out(struct shared *shared, const struct trial_layer *trial, const struct run *run,
                      const struct entry *whole, struct fault *fault)
{
    size_t members = team_members(run->team), rows = whole->call.dims.extent[BATCH];
    *shared = (struct shared){run->team, calloc(members, sizeof *shared->part)};
    if (!shared->part)
        return fault_memory(fault, "shares of a batch");
    for (size_t m = 0; m < members; m++) {
        struct share share = share_of(rows, m, members);
        shared->part[m] = (struct entry){
            .kernel = whole->kernel,
            .call = call_rows(trial->layer->op, &whole->call, share.first, share.count)};
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

/* Checks the shared batch as a whole. */
static bool check_shared(struct trial_layer *trial, struct run *run, struct shared *shared,
                         struct entry *whole, bool *right, struct fault *fault)
{
    char worst[160];
    memset(trial->output, 0xff, trial->output_bytes); /* NaN */
    run_shared(shared);
    whole->error = oracle_error(&trial->oracle, &whole->call, worst, sizeof worst);
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
    struct entry whole = {.kernel = kernel, .call = call_of(trial, job->batch)};
    if (!run_seat(run, job->seating, fault) || !prepare(&whole, fault))
        return false;
    struct competitor pair[] = {{.run = run_shared, .argument = &shared},
                                {.run = run_entry, .argument = &whole}};
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
