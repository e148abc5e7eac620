/* The probe ops as competitors: every thread of the team runs its own call at the same time. */
#include "harness/bench/ground.h"

#include "harness/random.h"
#include "harness/verify/oracle.h"
#include "reference/operands.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct op fma_op, stream_op, gather_op;

enum { KERNELS_MAX = 32, CACHE_LINE = 64 };

/* Elements and steps of `fma`: whole blocks for 8, 10, 12, 15 and 16 vectors of 4, 8 or 16. */
enum { FMA_WIDTH = 3840, FMA_STEPS = 512 };

/* One kernel's probe on every member of the team. Each calls it so often that handing out the work
 * costs nothing beside it. */
struct probe {
    const struct kernel *kernel;
    struct team *team;
    struct call *call; /* of each member */
    size_t repeats;
};

#define WORK_LEAST 50e3 /* ns between two meetings of the team */

static void work(void *argument, size_t member, size_t members)
{
    (void)members;
    const struct probe *probe = argument;
    for (size_t i = 0; i < probe->repeats; i++)
        probe->kernel->run(&probe->call[member]);
}

/* How often to repeat, by the least time of a few calls. */
static size_t find_repeats(const struct probe *probe)
{
    double least = INFINITY;
    for (int i = 0; i < 5; i++) {
        uint64_t begin = clock_now();
        probe->kernel->run(&probe->call[0]);
        least = fmin(least, (double)(clock_now() - begin));
    }
    return least < WORK_LEAST ? (size_t)ceil(WORK_LEAST / fmax(least, 1)) : 1;
}

static void run_probe(void *argument)
{
    struct probe *probe = argument;
    team_run(probe->team, work, probe);
}

/* ---- calls ----------------------------------------------------------------------------------- */

/* What is probed: an op, and for the ops of memory the level and, for `gather`, the row. */
struct question {
    const struct op *op;
    enum level level;
    size_t bytes;               /* of one member's data */
    size_t row_bytes, row_size; /* and its index in ceilings.row_bytes */
};

static struct call fma_call(const struct ground *ground, size_t member)
{
    static float a = 0.999f, b = 0.001f;
    struct call call = {.dims.extent = {[WIDTH] = FMA_WIDTH, [STEPS] = FMA_STEPS}};
    call.tensor[FMA_X] = (struct tensor){ground_data(ground, member), 1, DTYPE_F32};
    call.tensor[FMA_A] = (struct tensor){&a, 1, DTYPE_F32};
    call.tensor[FMA_B] = (struct tensor){&b, 1, DTYPE_F32};
    call.tensor[FMA_Y] = (struct tensor){ground_output(ground, member), 1, DTYPE_F32};
    return call;
}

static struct call stream_call(const struct ground *ground, size_t member, size_t bytes)
{
    struct call call = {.dims.extent = {[IN] = bytes / sizeof(float), [OUT] = 1}};
    call.tensor[STREAM_X] = (struct tensor){ground_data(ground, member), 1, DTYPE_F32};
    call.tensor[STREAM_Y] = (struct tensor){ground_output(ground, member), 1, DTYPE_F32};
    return call;
}

/* So many random rows that what they touch, of a table larger than the caches, is larger than
 * those, too: it would be found there again. */
static size_t ids_of(const struct question *question)
{
    size_t touched = question->row_bytes > CACHE_LINE ? question->row_bytes : CACHE_LINE;
    size_t count = question->bytes / 2 / touched;
    return count > IDS_LEAST ? count : IDS_LEAST;
}

static struct call gather_call(const struct ground *ground, size_t member,
                               const struct question *question, uint64_t seed)
{
    size_t width = question->row_bytes / sizeof(float),
           rows = question->bytes / question->row_bytes;
    size_t count = ids_of(question);
    struct call call = {.dims.extent = {[IDS] = count, [ROWS] = rows, [WIDTH] = width}};
    struct random random = random_stream(seed, member);
    int32_t *ids = ground_ids(ground, member);
    for (size_t i = 0; i < count; i++)
        ids[i] = (int32_t)random_below(&random, rows);
    call.tensor[GATHER_IDS] = (struct tensor){ids, 1, DTYPE_I32};
    call.tensor[GATHER_TABLE] = (struct tensor){ground_data(ground, member), width, DTYPE_F32};
    call.tensor[GATHER_Y] = (struct tensor){ground_output(ground, member), 1, DTYPE_F32};
    return call;
}

static struct call question_call(const struct ground *ground, size_t member,
                                 const struct question *question, uint64_t seed)
{
    if (question->op == &fma_op)
        return fma_call(ground, member);
    if (question->op == &stream_op)
        return stream_call(ground, member, question->bytes);
    return gather_call(ground, member, question, seed);
}

static void question_label(const struct question *question, enum isa isa, char *label, size_t size)
{
    if (question->op == &fma_op)
        snprintf(label, size, "fma %s", isa_name(isa));
    else if (question->op == &stream_op)
        snprintf(label, size, "stream %s", level_name(question->level));
    else
        snprintf(label, size, "gather %zu B %s", question->row_bytes, level_name(question->level));
}

/* ---- records --------------------------------------------------------------------------------- */

static double *rate_of(struct rates *rates, const struct question *question, enum isa isa)
{
    if (question->op == &fma_op)
        return &rates->fma[isa];
    if (question->op == &stream_op)
        return &rates->stream[question->level];
    return &rates->gather[question->row_size][question->level];
}

static bool record_probe(struct run *run, struct rates *rates, const struct question *question,
                         const struct probe *probe, struct competitor *c, double error,
                         struct fault *fault)
{
    const struct call *call = &probe->call[0];
    const struct kernel *kernel = probe->kernel;
    double threads = (double)run->seating.threads;
    for (size_t i = 0; i < c->count; i++)
        c->ns[i] /= (double)probe->repeats;
    c->calls *= probe->repeats;
    struct timing timing = {c, run->seating, threads * kernel->op->flops(call),
                            threads * op_bytes(kernel->op, call)};
    char label[40];
    question_label(question, kernel->isa, label, sizeof label);
    json_t *record = record_new(KIND_CEILING, run->journal.run);
    record_text(record, "name", kernel->name);
    record_text(record, "op", kernel->op->name);
    record_text(record, "dtype", dtype_name(kernel->dtype));
    record_text(record, "backend", kernel->backend->name);
    record_text(record, "isa", isa_name(kernel->isa));
    record_dims(record, &call->dims);
    record_text(record, "ceiling", label);
    if (question->op != &fma_op) {
        record_text(record, "level", level_name(question->level));
        record_count(record, "working_set", question->bytes);
    }
    run_describe(run, record, &timing, error);
    const char *unit = question->op == &fma_op ? "gflops" : "gbytes";
    double *best = rate_of(rates, question, kernel->isa);
    *best = fmax(*best, record_get_number(record, unit) / threads);
    return journal_add(&run->journal, record, fault);
}

/* ---- asking ---------------------------------------------------------------------------------- */

struct contest {
    size_t count;
    struct probe probe[KERNELS_MAX];
    struct competitor competitor[KERNELS_MAX];
    double error[KERNELS_MAX];
};

static void contest_free(struct contest *contest, size_t members)
{
    for (size_t i = 0; i < contest->count; i++) {
        for (size_t m = 0; m < members && contest->probe[i].call; m++)
            kernel_release(contest->probe[i].kernel, &contest->probe[i].call[m]);
        free(contest->probe[i].call);
        competitor_free(&contest->competitor[i]);
    }
}

/* Adds the kernel, unless its result on the first member's call is wrong. */
static bool enter(struct contest *contest, struct run *run, const struct ground *ground,
                  const struct question *question, const struct oracle *oracle,
                  const struct kernel *kernel, struct fault *fault)
{
    struct probe *probe = &contest->probe[contest->count];
    char worst[160];
    *probe = (struct probe){kernel, run->team, calloc(ground->members, sizeof *probe->call), 1};
    contest->competitor[contest->count] = (struct competitor){.run = run_probe, .argument = probe};
    contest->count++;
    bool fine = probe->call != NULL;
    for (size_t m = 0; m < ground->members && fine; m++) {
        probe->call[m] = question_call(ground, m, question, run->arguments->seed);
        fine = kernel_prepare(kernel, &probe->call[m]);
    }
    if (!fine)
        return fault_memory(fault, "the probes");
    kernel->run(&probe->call[0]);
    double error = oracle_error(oracle, &probe->call[0], worst, sizeof worst);
    contest->error[contest->count - 1] = error;
    probe->repeats = find_repeats(probe);
    if (error <= 1)
        return true;
    struct dims dims = probe->call[0].dims;
    for (size_t m = 0; m < ground->members; m++)
        kernel_release(kernel, &probe->call[m]);
    free(probe->call);
    contest->count--;
    return run_invalid(run, kernel, NULL, NULL, &dims, error, worst, fault);
}

static bool enter_all(struct contest *contest, struct run *run, const struct ground *ground,
                      const struct question *question, struct fault *fault)
{
    struct oracle oracle;
    struct call call = question_call(ground, 0, question, run->arguments->seed);
    if (!oracle_make(&oracle, question->op, &call, dtype_roundoff(DTYPE_F32), fault))
        return false;
    bool fine = true;
    for (const struct kernel *const *k = kernels; *k && fine; k++) {
        char reason[128];
        if ((*k)->op == question->op && (*k)->dtype == DTYPE_F32 && (*k)->isa != ISA_SCALAR &&
            contest->count < KERNELS_MAX && kernel_usable(*k, reason, sizeof reason))
            fine = enter(contest, run, ground, question, &oracle, *k, fault);
    }
    oracle_free(&oracle);
    return fine;
}

static bool ask(struct rates *rates, struct run *run, const struct ground *ground,
                const struct question *question, const struct sampling *sampling,
                struct fault *fault)
{
    struct contest contest = {0};
    bool fine = enter_all(&contest, run, ground, question, fault) &&
                sample_interleaved(sampling, contest.competitor, contest.count, fault);
    for (size_t i = 0; i < contest.count && fine; i++)
        if (contest.competitor[i].count)
            fine = record_probe(run, rates, question, &contest.probe[i], &contest.competitor[i],
                                contest.error[i], fault);
    contest_free(&contest, ground->members);
    return fine;
}

bool ceilings_measure(struct ceilings *ceilings, struct run *run, const struct job *job,
                      struct fault *fault)
{
    struct ground ground;
    struct rates *rates = job->seating.threads > 1 ? &ceilings->most : &ceilings->one;
    struct sampling sampling = run_sampling(run, job);
    ceilings->threads = job->seating.threads;
    sampling.budget /= (double)(1 + LEVELS * (1 + ceilings->row_sizes));
    if (!run_seat(run, job->seating, fault) || !ground_make(&ground, run, fault))
        return false;
    struct question question = {.op = &fma_op};
    bool fine = ask(rates, run, &ground, &question, &sampling, fault);
    for (enum level l = 0; l < LEVELS && fine && !*run->stop; l++) {
        question = (struct question){&stream_op, l, ground_bytes(&ground, &run->topology, l), 0, 0};
        if (!question.bytes)
            continue;
        fine = ask(rates, run, &ground, &question, &sampling, fault);
        question.op = &gather_op;
        for (size_t r = 0; r < ceilings->row_sizes && fine && !*run->stop; r++) {
            question.row_size = r;
            question.row_bytes = ceilings->row_bytes[r];
            fine = ask(rates, run, &ground, &question, &sampling, fault);
        }
    }
    ground_free(&ground);
    return fine;
}
