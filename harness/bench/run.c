#include "harness/bench/run.h"

#include "harness/machine/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Half an interval of more than this fraction of the median makes a record noisy. */
#define NOISY_SPREAD 0.05

/* So does less than this fraction of its threads' time on processors: others had the rest. */
#define BUSY_SHARE 0.95

bool run_seat(struct run *run, struct seating seating, struct fault *fault)
{
    if (run->team && run->seating.threads == seating.threads &&
        run->seating.placement == seating.placement)
        return true;
    if (run->team)
        team_stop(run->team);
    run->seating = seating;
    run->team = team_start(&run->topology, seating.placement, seating.threads, fault);
    return run->team != NULL;
}

struct sampling run_sampling(const struct run *run, const struct job *job)
{
    struct sampling sampling = run->plan.sampling;
    sampling.budget *= job->share / run->plan.shares;
    return sampling;
}

bool run_invalid(struct run *run, const struct kernel *kernel, const char *preset,
                 const char *layer, const struct dims *dims, double error, const char *worst,
                 struct fault *fault)
{
    char reason[320];
    snprintf(reason, sizeof reason, "wrong by %.3g times what is allowed at %s", error, worst);
    json_t *record = journal_skip(&run->journal, kernel, "invalid", reason);
    if (layer) {
        record_text(record, "preset", preset);
        record_text(record, "layer", layer);
    }
    record_dims(record, dims);
    record_number(record, "error", error);
    run->invalid++;
    return journal_add(&run->journal, record, fault);
}

/* Appends a reason to those there are. */
static void doubt(char *reason, size_t size, const char *text)
{
    size_t used = strlen(reason);
    snprintf(reason + used, size - used, "%s%s", used ? "; " : "", text);
}

/* Everything that speaks against the time, or "". */
static void find_doubts(const struct run *run, const struct timing *timing,
                        const struct estimate *ns, char *reason, size_t size)
{
    char text[96];
    double threads = (double)timing->seating.threads, quota = run->topology.quota;
    reason[0] = '\0';
    if (!team_pinned(run->team))
        doubt(reason, size, "threads are not pinned");
    if (team_oversubscribed(run->team))
        doubt(reason, size, "more threads than processors");
    if (quota > 0 && threads > quota) {
        snprintf(text, sizeof text, "the cgroup's quota grants the time of %g processors", quota);
        doubt(reason, size, text);
    }
    double had = timing->competitor->processor / timing->competitor->wall / threads;
    if (had < BUSY_SHARE && !team_oversubscribed(run->team)) {
        snprintf(text, sizeof text, BUSY_REASON " %.0f %% of the time", 100 * had);
        doubt(reason, size, text);
    }
    if (timing->competitor->count < run->plan.sampling.least) {
        snprintf(text, sizeof text, "%zu samples of %zu", timing->competitor->count,
                 run->plan.sampling.least);
        doubt(reason, size, text);
    }
    if (estimate_spread(ns) > NOISY_SPREAD) {
        snprintf(text, sizeof text, "the interval spans +-%.0f %% of the median",
                 100 * estimate_spread(ns));
        doubt(reason, size, text);
    }
}

void run_describe(const struct run *run, json_t *record, const struct timing *timing, double error)
{
    const struct competitor *c = timing->competitor;
    struct estimate ns = median_estimate(c->ns, c->count, run->arguments->seed);
    char reason[256];
    find_doubts(run, timing, &ns, reason, sizeof reason);
    record_count(record, "threads", timing->seating.threads);
    record_text(record, "placement", placement_name(timing->seating.placement));
    record_text(record, "cache", cache_name(run->plan.cache));
    record_text(record, "pages", memory_pages());
    record_interval(record, "ns", &ns);
    record_count(record, "samples", c->count);
    record_count(record, "calls", c->calls);
    record_count(record, "outliers", outliers_of(c->ns, c->count));
    record_number(record, "flops", timing->flops);
    record_number(record, "bytes", timing->bytes);
    record_number(record, "gflops", timing->flops / ns.median);
    record_number(record, "gbytes", timing->bytes / ns.median);
    record_number(record, "error", error);
    record_text(record, "verdict", reason[0] ? "noisy" : "valid");
    if (reason[0])
        record_text(record, "reason", reason);
}

void run_compare(const struct run *run, json_t *record, const char *column,
                 const struct competitor *numerator, const struct competitor *denominator,
                 double scale)
{
    struct estimate ratio = {NAN, NAN, NAN};
    if (numerator && denominator && numerator->count && denominator->count)
        ratio = ratio_estimate(numerator->ns, numerator->count, denominator->ns, denominator->count,
                               run->arguments->seed);
    ratio.median *= scale;
    ratio.low *= scale;
    ratio.high *= scale;
    record_interval(record, column, &ratio);
}
