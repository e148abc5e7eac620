#include "harness/measure/sample.h"

#include "harness/measure/chain.h"

#include <math.h>
#include <stdlib.h>
#include <sys/resource.h>

static bool stopped(const struct sampling *sampling) { return sampling->stop && *sampling->stop; }

/* ns that `calls` calls take together. */
static double time_calls(const struct competitor *c, size_t calls)
{
    if (c->time)
        return c->time(c->argument, calls);
    uint64_t begin = clock_now();
    for (size_t i = 0; i < calls; i++)
        c->run(c->argument);
    return (double)(clock_now() - begin);
}

/* Finds how many calls make a sample, by doubling; calls until the warm-up is over. */
static void calibrate(const struct sampling *sampling, struct competitor *c)
{
    if (sampling->evict) {
        uint64_t begin = clock_now();
        sampling->evict(sampling->evict_argument);
        time_calls(c, 1);
        c->calls = 1;
        c->span = (double)(clock_now() - begin);
        return;
    }
    double wanted = fmax(sampling->sample, clock_shortest(sampling->clock));
    double spent = time_calls(c, 1), span = time_calls(c, 1);
    size_t calls = 1;
    for (spent += span; span < wanted && !stopped(sampling); spent += span) {
        calls *= 2;
        span = time_calls(c, calls);
    }
    while (spent < sampling->warm_up && !stopped(sampling)) {
        span = time_calls(c, calls);
        spent += span;
    }
    double call = span / (double)calls;
    c->calls = call < wanted ? (size_t)ceil(wanted / call) : 1;
    c->span = call * (double)c->calls + fmax(call, sampling->stride);
}

/* ns that the calling thread has had on processors. */
static double processor_time(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* Times that threads of this process had to make way for others. */
static double forced_switches(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_nivcsw;
}

static void find_stride(const struct sampling *sampling, const struct competitor *c)
{
    double spent = time_calls(c, 1);
    while (!c->time && spent < sampling->stride)
        spent += time_calls(c, 1);
}

enum { CHAIN = 12800 }; /* additions: some microseconds */

static void take(const struct sampling *sampling, struct competitor *c, size_t round)
{
    double counted[2][COUNTERS];
    if (sampling->evict)
        sampling->evict(sampling->evict_argument);
    else
        find_stride(sampling, c);
    double switches = forced_switches();
    if (sampling->counters)
        counters_read(sampling->counters, counted[0]);
    double before = processor_time(), span = time_calls(c, c->calls);
    c->processor += processor_time() - before;
    if (sampling->counters)
        counters_read(sampling->counters, counted[1]);
    for (size_t i = 0; i < COUNTERS; i++)
        c->counted[i] += sampling->counters ? counted[1][i] - counted[0][i] : NAN;
    c->switches += forced_switches() - switches;
    c->wall += span;
    c->clock[c->count] = chain_clock(CHAIN);
    c->round[c->count] = round;
    c->ns[c->count++] = span / (double)c->calls;
}

/* How many samples the competitor's share of the budget pays for. */
static size_t affordable(const struct sampling *sampling, const struct competitor *c, size_t count)
{
    double samples = sampling->budget / (double)count / c->span;
    if (samples >= (double)sampling->most)
        return sampling->most;
    return samples <= (double)sampling->least ? sampling->least : (size_t)samples;
}

/* Whether one that takes `share` samples in `rounds` rounds takes one in this round. */
static bool sits_in(size_t share, size_t round, size_t rounds)
{
    return (round + 1) * share / rounds > round * share / rounds;
}

static void take_rounds(const struct sampling *sampling, struct competitor *competitors,
                        const size_t *share, size_t count, size_t rounds)
{
    uint64_t begin = clock_now();
    size_t first = 0; /* rounds of an earlier call end before it */
    for (size_t i = 0; i < count; i++)
        if (competitors[i].count && competitors[i].round[competitors[i].count - 1] >= first)
            first = competitors[i].round[competitors[i].count - 1] + 1;
    for (size_t round = 0; round < rounds; round++) {
        /* Spans were estimated: should they have grown since, the least number will do. */
        bool late = (double)(clock_now() - begin) > 2 * sampling->budget;
        for (size_t i = 0; i < count; i++) {
            size_t at = (round + i) % count;
            if (stopped(sampling))
                return;
            if (sits_in(share[at], round, rounds) &&
                !(late && competitors[at].count >= sampling->least))
                take(sampling, &competitors[at], first + round);
        }
    }
}

static bool make_room(struct competitor *c, size_t count)
{
    double *ns = realloc(c->ns, count * sizeof *ns);
    c->ns = ns ? ns : c->ns;
    double *clock = realloc(c->clock, count * sizeof *clock);
    c->clock = clock ? clock : c->clock;
    size_t *round = realloc(c->round, count * sizeof *round);
    c->round = round ? round : c->round;
    return ns && clock && round;
}

bool sample_interleaved(const struct sampling *sampling, struct competitor *competitors,
                        size_t count, struct fault *fault)
{
    size_t *share = calloc(count ? count : 1, sizeof *share), rounds = 0;
    if (!share)
        return fault_memory(fault, "samples");
    for (size_t i = 0; i < count && !stopped(sampling); i++) {
        struct competitor *c = &competitors[i];
        if (!c->calls)
            calibrate(sampling, c);
        share[i] = affordable(sampling, c, count);
        rounds = share[i] > rounds ? share[i] : rounds;
        if (!make_room(c, c->count + share[i])) {
            free(share);
            return fault_memory(fault, "samples");
        }
    }
    if (!stopped(sampling))
        take_rounds(sampling, competitors, share, count, rounds);
    free(share);
    return true;
}

struct series competitor_series(const struct competitor *competitor)
{
    return (struct series){competitor->ns, competitor->round, competitor->count};
}

void competitor_free(struct competitor *competitor)
{
    free(competitor->ns);
    free(competitor->clock);
    free(competitor->round);
    competitor->ns = competitor->clock = NULL;
    competitor->round = NULL;
    competitor->count = 0;
}
