#include "harness/bench/run.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* From where on a record is noisy, and from where on it is not to be believed: half an interval
 * over the median; the share of its threads' time that it had processors; the clock's range over
 * its median; the share of time that the hypervisor took; processors' worth of other work; the
 * share of time that a quota took. */
static const struct {
    double spread, had, clock_range, steal, load, throttled;
} noisy = {0.05, 0.95, 0.10, 0.01, 0.25, 0}, invalid = {0.25, 0.80, 0.25, 0.10, INFINITY, 0.05};

/* Re-runs of a comparison, and what those of a run may take of its budget. */
enum { RERUNS_MOST = 2 };
#define RERUNS_SHARE 0.5

#define POWERCAP "/sys/class/powercap"

bool run_begin(struct run *run, const struct arguments *arguments,
               const volatile sig_atomic_t *stop, struct fault *fault)
{
    run->arguments = arguments;
    run->stop = stop;
    run->clock = clock_measure();
    if (!topology_load(&run->topology, NULL, fault))
        return false;
    if (!plan_make(&run->plan, arguments, &run->topology, fault)) {
        topology_free(&run->topology);
        return false;
    }
    counters_open(&run->counters);
    run->plan.sampling.clock = &run->clock;
    run->plan.sampling.stop = stop;
    return true;
}

void run_leave(struct run *run)
{
    if (run->team)
        team_stop(run->team);
    run->team = NULL;
}

void run_end(struct run *run)
{
    run_leave(run);
    counters_close(&run->counters);
    plan_free(&run->plan);
    topology_free(&run->topology);
}

bool run_seat(struct run *run, struct seating seating, struct fault *fault)
{
    if (run->team && run->seating.threads == seating.threads &&
        run->seating.placement == seating.placement)
        return true;
    run_leave(run);
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

/* ---- doubts ---------------------------------------------------------------------------------- */

/* Appends a reason to those there are. */
static void doubt(struct doubts *doubts, bool fatal, const char *format, ...)
{
    size_t used = strlen(doubts->reason), size = sizeof doubts->reason;
    if (used && used + 2 < size)
        used += (size_t)snprintf(doubts->reason + used, size - used, "; ");
    va_list arguments;
    va_start(arguments, format);
    if (used < size)
        vsnprintf(doubts->reason + used, size - used, format, arguments);
    va_end(arguments);
    doubts->noisy = true;
    doubts->invalid = doubts->invalid || fatal;
}

/* What the caller asked for, and what the machine is. */
static void doubt_setting(struct doubts *d, const struct circumstances *c)
{
    if (!c->pinned)
        doubt(d, false, "threads are not pinned");
    if (c->oversubscribed)
        doubt(d, false, "more threads than processors");
    if (c->quota > 0 && c->threads > c->quota)
        doubt(d, false, "the cgroup's quota grants the time of %g processors", c->quota);
    if (c->samples < c->wanted)
        doubt(d, false, "%zu samples of %zu", c->samples, c->wanted);
}

struct doubts doubts_of(const struct circumstances *c)
{
    const struct disturbance *of = &c->disturbance;
    struct doubts d = {.reason = ""};
    doubt_setting(&d, c);
    /* Crowded as the caller wished: all that follows from it is to be expected. */
    bool crowded = c->oversubscribed || (c->quota > 0 && c->threads > c->quota);
    bool alone = !crowded;
    if (c->had < noisy.had && alone)
        doubt(&d, c->had < invalid.had, BUSY_REASON " %.0f %% of the time", 100 * c->had);
    if (c->spread > noisy.spread)
        doubt(&d, alone && c->spread > invalid.spread, "the interval spans +-%.0f %% of the median",
              100 * c->spread);
    if (c->clock_range > noisy.clock_range)
        doubt(&d, alone && c->clock_range > invalid.clock_range, "the clock moved by %.0f %%",
              100 * c->clock_range);
    if (of->steal > noisy.steal)
        doubt(&d, alone && of->steal > invalid.steal, "the hypervisor took %.0f %% of the time",
              100 * of->steal);
    if (of->load > noisy.load)
        doubt(&d, of->load > invalid.load, "other work kept %.1f processors busy", of->load);
    if (of->throttled > noisy.throttled)
        doubt(&d, alone && of->throttled > invalid.throttled,
              "the cgroup's quota took %.0f %% of the time", 100 * of->throttled);
    if (of->migrations > 0 && c->pinned)
        doubt(&d, false, "threads moved %.0f times", of->migrations);
    return d;
}

/* Between the 5th and the 95th percentile: single readings are interrupted. */
static double clock_range(const struct competitor *c)
{
    double range = quantile_of(c->clock, c->count, 0.95) - quantile_of(c->clock, c->count, 0.05);
    return range / quantile_of(c->clock, c->count, 0.5);
}

/* The share of its threads' time on processors. The system brings the time of threads other than
 * the asking one up to date now and then only, too seldom for samples: then it is that of all that
 * was compared. */
static double share_had(const struct run *run, const struct competitor *c, size_t threads)
{
    if (c->time)
        return NAN;
    return threads == 1 ? c->processor / c->wall : run->disturbance.own / (double)threads;
}

static struct doubts find_doubts(const struct run *run, const struct competitor *c, size_t threads,
                                 const struct estimate *ns)
{
    struct circumstances circumstances = {
        .pinned = team_pinned(run->team),
        .oversubscribed = team_oversubscribed(run->team),
        .threads = (double)threads,
        .quota = run->topology.quota,
        .had = share_had(run, c, threads),
        .samples = c->count,
        .wanted = run->plan.sampling.least,
        .spread = estimate_spread(ns),
        .clock_range = clock_range(c),
        .disturbance = run->disturbance,
    };
    return doubts_of(&circumstances);
}

struct doubts run_doubts(const struct run *run, const struct competitor *c)
{
    struct estimate ns = median_estimate(c->ns, c->count, run->arguments->seed);
    return find_doubts(run, c, run->seating.threads, &ns);
}

/* ---- sampling -------------------------------------------------------------------------------- */

/* Whether any may not be believed; marks them. */
static bool mark_invalid(struct run *run, struct competitor *competitors, size_t count)
{
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        struct competitor *c = &competitors[i];
        c->invalid = c->count && run_doubts(run, c).invalid;
        any = any || c->invalid;
    }
    return any;
}

/* Forgets samples and what was found beside them; what was calibrated stays. */
static void drop_samples(struct competitor *c)
{
    c->count = 0;
    c->wall = c->processor = c->switches = 0;
    for (size_t i = 0; i < COUNTERS; i++)
        c->counted[i] = 0;
}

static bool sample_once(struct run *run, const struct sampling *sampling,
                        struct competitor *competitors, size_t count, struct fault *fault)
{
    struct totals before, after;
    totals_read(&before, &run->topology);
    bool fine = sample_interleaved(sampling, competitors, count, fault);
    totals_read(&after, &run->topology);
    run->disturbance = disturbance_between(&before, &after, &run->topology);
    return fine;
}

bool run_sample(struct run *run, const struct sampling *wanted, struct competitor *competitors,
                size_t count, struct fault *fault)
{
    struct sampling sampling = *wanted;
    sampling.counters = run->counters.any ? &run->counters : NULL;
    uint64_t begin = clock_now();
    bool fine = sample_once(run, &sampling, competitors, count, fault);
    double least = (double)(clock_now() - begin);
    for (run->reruns = 0; fine && mark_invalid(run, competitors, count);) {
        double most = RERUNS_SHARE * run->plan.sampling.budget;
        if (run->reruns == RERUNS_MOST || *run->stop || run->rerun_ns + least > most)
            break;
        run->reruns++;
        run->rerun_ns += least;
        for (size_t i = 0; i < count; i++)
            drop_samples(&competitors[i]);
        fine = sample_once(run, &sampling, competitors, count, fault);
    }
    return fine;
}

/* ---- records --------------------------------------------------------------------------------- */

/* Joules of one call: it runs for some 20 ms, since the energy is told a thousand times a second.
 */
static double joules_of(const struct competitor *c)
{
    double range = NAN, later = NAN;
    if (!c->run || c->time)
        return NAN;
    double before = energy_read(POWERCAP, &range);
    if (isnan(before))
        return NAN;
    size_t calls = 0;
    for (uint64_t begin = clock_now(); clock_now() - begin < 20000000; calls++)
        c->run(c->argument);
    double after = energy_read(POWERCAP, &later);
    return energy_between(before, after, range) / (double)calls;
}

static void record_disturbance(json_t *record, const struct run *run, const struct competitor *c)
{
    double calls = (double)c->calls * (double)c->count;
    record_number(record, "clock", quantile_of(c->clock, c->count, 0.5));
    record_number(record, "clock_range", clock_range(c));
    record_number(record, "steal", run->disturbance.steal);
    record_number(record, "load", run->disturbance.load);
    record_number(record, "throttled", run->disturbance.throttled);
    record_number(record, "migrations", run->disturbance.migrations);
    record_number(record, "switches", c->switches);
    for (enum counter n = 0; n < COUNTERS; n++)
        record_number(record, counter_name(n), run->counters.any ? c->counted[n] / calls : NAN);
    record_number(record, "joules", joules_of(c));
    record_count(record, "reruns", run->reruns);
}

void run_describe(const struct run *run, json_t *record, const struct timing *timing, double error)
{
    const struct competitor *c = timing->competitor;
    struct estimate ns = median_estimate(c->ns, c->count, run->arguments->seed);
    struct doubts doubts = find_doubts(run, c, timing->seating.threads, &ns);
    record_count(record, "threads", timing->seating.threads);
    record_text(record, "placement", placement_name(timing->seating.placement));
    record_text(record, "cache", cache_name(run->plan.cache));
    record_interval(record, "ns", &ns);
    record_count(record, "samples", c->count);
    record_count(record, "calls", c->calls);
    record_count(record, "outliers", outliers_of(c->ns, c->count));
    record_number(record, "flops", timing->flops);
    record_number(record, "bytes", timing->bytes);
    record_number(record, "gflops", timing->flops / ns.median);
    record_number(record, "gbytes", timing->bytes / ns.median);
    record_disturbance(record, run, c);
    record_number(record, "error", error);
    record_text(record, "verdict", doubts.invalid ? "invalid" : doubts.noisy ? "noisy" : "valid");
    if (doubts.noisy)
        record_text(record, "reason", doubts.reason);
}

void run_compare(const struct run *run, json_t *record, const char *column,
                 const struct competitor *numerator, const struct competitor *denominator,
                 double scale)
{
    struct estimate ratio = {NAN, NAN, NAN};
    if (numerator && denominator && !numerator->invalid && !denominator->invalid) {
        struct series x = competitor_series(numerator), y = competitor_series(denominator);
        ratio = ratio_estimate(&x, &y, run->arguments->seed);
    }
    ratio.median *= scale;
    ratio.low *= scale;
    ratio.high *= scale;
    record_interval(record, column, &ratio);
}

void run_verdict(json_t *record, const char *versus, const char *column)
{
    struct estimate ratio = record_get_interval(record, column);
    record_text(record, versus, shown_name(shown_by(&ratio)));
}

const struct competitor *run_best_peer(const struct competitor *competitors, const bool *peer,
                                       size_t count)
{
    const struct competitor *best = NULL;
    double least = INFINITY;
    for (size_t i = 0; i < count; i++) {
        const struct competitor *c = &competitors[i];
        double ns = peer[i] && !c->invalid ? quantile_of(c->ns, c->count, 0.5) : NAN;
        if (ns < least) {
            least = ns;
            best = c;
        }
    }
    return best;
}
