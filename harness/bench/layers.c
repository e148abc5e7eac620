#include "harness/bench/layers.h"

#include "harness/machine/memory.h"
#include "reference/operands.h"

#include <math.h>
#include <stdio.h>
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
    trial->output = memory_alloc(trial->output_bytes);
    if (!trial->output)
        return fault_memory(fault, "a layer's output");
    call = call_of(trial, rows);
    if (oracle_make(&trial->oracle, op, &call, dtype_roundoff(DTYPE_F32), fault))
        return true;
    memory_free(trial->output, trial->output_bytes);
    return false;
}

void trial_layer_free(struct trial_layer *trial)
{
    oracle_free(&trial->oracle);
    memory_free(trial->output, trial->output_bytes);
    competitor_free(&trial->reference_time);
    trial->output = NULL;
}

/* ---- competitors ----------------------------------------------------------------------------- */

struct contest {
    size_t count;
    struct entry entry[KERNELS_MAX];
    struct competitor competitor[KERNELS_MAX];
};

static bool is_reference(const struct kernel *kernel)
{
    return strcmp(kernel->backend->name, "reference") == 0;
}

static bool gathers(const struct trial_layer *trial)
{
    return trial->layer->op == op_find("embedding");
}

static void run_entry(void *argument)
{
    struct entry *entry = argument;
    struct turn *turn = &entry->turn;
    entry->kernel->run(&entry->call);
    if (!turn->rows_all)
        return;
    size_t rows = entry->call.dims.extent[BATCH];
    size_t next = turn->row + 2 * rows <= turn->rows_all ? turn->row + rows : 0;
    struct tensor *bags = &entry->call.tensor[EMBEDDING_BAGS];
    bags->data =
        (int32_t *)bags->data + ((ptrdiff_t)next - (ptrdiff_t)turn->row) * (ptrdiff_t)bags->ld;
    turn->row = next;
}

static bool prepare(struct entry *entry, struct fault *fault)
{
    uint64_t begin = clock_now();
    bool fine = kernel_prepare(entry->kernel, &entry->call);
    entry->prepare_ns = entry->kernel->prepare ? (double)(clock_now() - begin) : NAN;
    return fine ? true : fault_memory(fault, "packed weights");
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
    if (gathers(trial))
        entry->turn.rows_all = trial->subject->activations.rows_max;
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
        kernel_release(contest->entry[i].kernel, &contest->entry[i].call);
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

static bool record_entry(const struct trial_layer *trial, struct run *run,
                         const struct ceilings *ceilings, const struct contest *contest, size_t i,
                         struct fault *fault)
{
    const struct entry *entry = &contest->entry[i];
    const struct op *op = entry->kernel->op;
    const struct competitor *competitor = &contest->competitor[i];
    size_t rows = entry->call.dims.extent[BATCH];
    size_t all = gathers(trial) ? trial->subject->activations.rows_max : rows;
    double share = (double)rows / (double)all;
    struct call whole = call_of(trial, all);
    struct rates rates = ceilings_at(ceilings, 1);
    enum level level =
        level_of(&run->topology, &rates, subject_layer_bytes(trial->subject, trial->index, all));
    struct bound bound = bound_of(ceilings, &rates, op, &whole, kernel_isa(entry->kernel), level);
    bound_scale(&bound, share);
    struct timing timing = {competitor, run->seating, op->flops(&whole) * share,
                            op_bytes(op, &whole) * share};
    json_t *record = record_new(KIND_KERNEL, run->journal.run);
    describe_entry(record, trial, run, entry);
    run_describe(run, record, &timing, entry->error);
    double ns = record_get_interval(record, "ns").median;
    record_number(record, "rows_per_s", (double)rows / ns * 1e9);
    bound_describe(record, &bound, ns);
    double reference_rows = (double)trial->reference.call.dims.extent[BATCH];
    run_compare(run, record, "x_reference", &trial->reference_time, competitor,
                (double)rows / reference_rows);
    run_compare(run, record, "x_compiler", baseline_of(contest, entry->kernel), competitor, 1);
    return journal_add(&run->journal, record, fault);
}

bool trial_layer_run(struct trial_layer *trial, struct run *run, const struct ceilings *ceilings,
                     const struct job *job, struct fault *fault)
{
    struct contest contest = {.count = 0};
    struct sampling sampling = run_sampling(run, job);
    bool fine = run_seat(run, job->seating, fault) &&
                enter_all(&contest, trial, run, job->batch, fault) &&
                sample_interleaved(&sampling, contest.competitor, contest.count, fault);
    keep_reference(trial, &contest);
    for (size_t i = 0; i < contest.count && fine; i++)
        if (contest.competitor[i].count)
            fine = record_entry(trial, run, ceilings, &contest, i, fault);
    contest_free(&contest);
    return fine;
}
