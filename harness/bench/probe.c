#include "harness/bench/probe.h"

#include "harness/verify/oracle.h"
#include "reference/operands.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *level_name(enum level level)
{
    static const char *const names[LEVELS] = {"L1", "L2", "L3", "memory"};
    return names[level];
}

enum level level_of(const struct topology *topology, double bytes)
{
    for (enum level l = LEVEL_L1; l < LEVEL_MEMORY; l++)
        if (bytes <= (double)topology->cache_bytes[l])
            return l;
    return LEVEL_MEMORY;
}

/* ---- calls ----------------------------------------------------------------------------------- */

static struct tensor vector(void *data) { return (struct tensor){data, 1, DTYPE_F32}; }

/* Of f32: `fma`. */
static struct call fma_call(float *x, float *y)
{
    static float a = 0.999f, b = 0.001f;
    struct call call = {.dims.extent = {[WIDTH] = FMA_WIDTH, [STEPS] = FMA_STEPS}};
    call.tensor[FMA_X] = vector(x);
    call.tensor[FMA_A] = vector(&a);
    call.tensor[FMA_B] = vector(&b);
    call.tensor[FMA_Y] = vector(y);
    return call;
}

struct call peak_call(enum dtype dtype, float *x, float *y)
{
    static uint16_t half = 0x3e80; /* 1/4 */
    static int8_t integer = 3;
    static struct affine affine = {0.25f, 0};
    static float b = 2;
    struct call call = {.dims.extent = {[WIDTH] = FMA_WIDTH, [STEPS] = FMA_STEPS}};
    if (!dtype_narrow(dtype))
        return fma_call(x, y);
    call.tensor[DOT_X] = vector(x);
    call.tensor[DOT_A] = dtype == DTYPE_I8 ? (struct tensor){&integer, 1, dtype, &affine}
                                           : (struct tensor){&half, 1, dtype};
    call.tensor[DOT_B] = vector(&b);
    call.tensor[DOT_Y] = vector(y);
    return call;
}

void peak_label(struct probe *probe)
{
    const struct kernel *kernel = probe->kernel;
    const char *isa = isa_name(kernel->isa);
    if (kernel->dtype == DTYPE_F32)
        snprintf(probe->label, sizeof probe->label, "%s %s", kernel->op->name, isa);
    else
        snprintf(probe->label, sizeof probe->label, "%s %s %s", kernel->op->name,
                 dtype_name(kernel->dtype), isa);
}

static struct call stream_call(float *x, size_t in, float *y, size_t out)
{
    struct call call = {.dims.extent = {[IN] = in, [OUT] = out}};
    call.tensor[STREAM_X] = vector(x);
    call.tensor[STREAM_Y] = vector(y);
    return call;
}

struct call read_call(float *x, size_t bytes, float *y)
{
    return stream_call(x, bytes / sizeof *x, y, 1);
}

struct call write_call(float *x, float *y, size_t bytes)
{
    return stream_call(x, 1, y, bytes / sizeof *y);
}

struct call copy_call(float *x, float *y, size_t bytes)
{
    return stream_call(x, bytes / sizeof *x, y, bytes / sizeof *y);
}

struct call gather_call(const struct tensor *table, size_t rows, size_t width, int32_t *ids,
                        size_t count, float *y, size_t sums)
{
    struct call call = {
        .dims.extent = {[IDS] = count, [ROWS] = rows, [WIDTH] = width, [SUMS] = sums}};
    call.tensor[GATHER_IDS] = (struct tensor){ids, 1, DTYPE_I32};
    call.tensor[GATHER_TABLE] = *table;
    call.tensor[GATHER_Y] = (struct tensor){y, width, DTYPE_F32};
    return call;
}

/* ---- running --------------------------------------------------------------------------------- */

#define WORK_LEAST 50e3 /* ns between two meetings of the team */

bool probe_make(struct probe *probe, const struct kernel *kernel, struct team *team, size_t turns,
                struct fault *fault)
{
    *probe = (struct probe){.kernel = kernel,
                            .team = team,
                            .members = team_members(team),
                            .turns = turns,
                            .repeats = 1};
    probe->call = calloc(turns * probe->members, sizeof *probe->call);
    return probe->call ? true : fault_memory(fault, "the probes");
}

void probe_free(struct probe *probe)
{
    free(probe->call);
    probe->call = NULL;
}

struct call *probe_call(const struct probe *probe, size_t turn, size_t member)
{
    return &probe->call[turn * probe->members + member];
}

static void work(void *argument, size_t member, size_t members)
{
    (void)members;
    const struct probe *probe = argument;
    size_t turn = probe->at;
    for (size_t i = 0; i < probe->repeats; i++) {
        probe->kernel->run(probe_call(probe, turn, member));
        turn = turn + 1 < probe->turns ? turn + 1 : 0;
    }
}

void probe_run(void *argument)
{
    struct probe *probe = argument;
    team_run(probe->team, work, probe);
    probe->at = (probe->at + probe->repeats) % probe->turns;
}

/* How often to repeat, by the least time of a few calls. */
static size_t find_repeats(const struct probe *probe)
{
    double least = INFINITY;
    for (size_t i = 0; i < 5; i++) {
        uint64_t begin = clock_now();
        probe->kernel->run(probe_call(probe, i % probe->turns, 0));
        least = fmin(least, (double)(clock_now() - begin));
    }
    return least < WORK_LEAST ? (size_t)ceil(WORK_LEAST / fmax(least, 1)) : 1;
}

bool probe_ready(struct probe *probe, bool alone, struct fault *fault)
{
    struct oracle oracle;
    const struct call *call = probe_call(probe, 0, 0);
    if (!oracle_make(&oracle, probe->kernel->op, call, dtype_roundoff(DTYPE_F32), fault))
        return false;
    probe->kernel->run(call);
    probe->error = oracle_error(&oracle, call, NULL, 0);
    oracle_free(&oracle);
    if (!alone)
        probe->repeats = find_repeats(probe);
    return true;
}

static double mean(const struct probe *probe, double (*of)(const struct op *, const struct call *))
{
    double sum = 0;
    for (size_t t = 0; t < probe->turns; t++)
        sum += of(probe->kernel->op, probe_call(probe, t, 0));
    return sum / (double)probe->turns;
}

static double flops(const struct op *op, const struct call *call) { return op->flops(call); }

double probe_bytes(const struct probe *probe) { return mean(probe, op_bytes); }
double probe_flops(const struct probe *probe) { return mean(probe, flops); }

/* ---- records --------------------------------------------------------------------------------- */

static void describe(json_t *record, const struct probe *probe, const struct beside *beside)
{
    const struct kernel *kernel = probe->kernel;
    record_text(record, "name", kernel->name);
    record_text(record, "op", kernel->op->name);
    record_text(record, "dtype", dtype_name(kernel->dtype));
    record_text(record, "backend", kernel->backend->name);
    record_text(record, "isa", isa_name(kernel->isa));
    record_dims(record, &probe_call(probe, 0, 0)->dims);
    record_text(record, "ceiling", probe->label);
    if (probe->bytes) {
        record_text(record, "level", level_name(probe->level));
        record_count(record, "working_set", probe->bytes);
    }
    if (!beside)
        return;
    record_text(record, "preset", beside->preset);
    record_text(record, "layer", beside->layer ? beside->layer : "model");
    record_count(record, "beside_rows", beside->batch);
}

bool probe_record(struct run *run, const struct probe *probe, struct competitor *c,
                  const struct beside *beside, double *rate, size_t *id, struct fault *fault)
{
    double threads = (double)probe->members;
    struct competitor one = *c; /* of one call, where a run is `repeats` of them */
    one.ns = malloc((c->count + 1) * sizeof *one.ns);
    if (!one.ns)
        return fault_memory(fault, "samples");
    for (size_t i = 0; i < c->count; i++)
        one.ns[i] = c->ns[i] / (double)probe->repeats;
    one.calls = c->calls * probe->repeats;
    one.run = NULL; /* energy is told of runs, not of calls */
    struct timing timing = {&one, run->seating, threads * probe_flops(probe),
                            threads * probe_bytes(probe)};
    json_t *record = record_new(KIND_CEILING, run->journal.run);
    describe(record, probe, beside);
    run_describe(run, record, &timing, probe->error);
    record_text(record, "pages", probe->pages);
    if (!beside)
        record_text(record, "cache", cache_name(CACHE_WARM));
    free(one.ns);
    bool computes = probe->bytes == 0;
    *rate = c->invalid ? NAN : record_get_number(record, computes ? "gflops" : "gbytes") / threads;
    bool fine = journal_add(&run->journal, record, fault);
    if (id)
        *id = run->journal.last_id;
    return fine;
}
