#include "harness/load/point.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#define POWERCAP "/sys/class/powercap"

/* ---- what happened meanwhile ----------------------------------------------------------------- */

/* Times that threads of this process had to make way for others. */
static double switches_now(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (double)usage.ru_nivcsw : NAN;
}

void point_resume(struct point *p, const struct run *run)
{
    totals_read(&p->before, &run->topology);
    p->switches_before = switches_now();
    p->joules_before = energy_read(POWERCAP, &p->joules_range);
}

void point_pause(struct point *p, const struct run *run)
{
    struct totals after;
    double range;
    p->joules += energy_between(p->joules_before, energy_read(POWERCAP, &range), p->joules_range);
    p->switches += switches_now() - p->switches_before;
    totals_read(&after, &run->topology);
    const struct disturbance d = disturbance_between(&p->before, &after, &run->topology);
    const double wall = after.wall - p->before.wall;
    p->wall += wall;
    p->stolen += d.steal * wall;
    p->load += d.load * wall;
    p->throttled += d.throttled * wall;
}

/* Of all runs together. */
static struct disturbance disturbance_of(const struct point *p)
{
    return (struct disturbance){.steal = p->stolen / p->wall,
                                .load = p->load / p->wall,
                                .throttled = p->throttled / p->wall};
}

/* ---- verdict --------------------------------------------------------------------------------- */

static size_t threads_of(const struct point *p)
{
    return p->fleet->layout->threads *
           (p->scenario == SCENARIO_SINGLE ? 1 : p->fleet->layout->instances);
}

static struct doubts doubts_of_point(const struct point *p, const struct run *run)
{
    const struct circumstances circumstances = {.pinned = p->fleet->pinned,
                                                .oversubscribed = p->fleet->oversubscribed,
                                                .threads = (double)threads_of(p),
                                                .quota = run->topology.quota,
                                                .had = 1,
                                                .disturbance = disturbance_of(p)};
    return doubts_of(&circumstances);
}

/* A run too short for the objective's percentile is invalid, however quiet the machine was, unless
 * it ended early since that was certain. */
static void record_verdict(json_t *record, const struct point *p, const struct run *run)
{
    const struct objective *objective = &p->settings->objective;
    const size_t needed = latencies_needed(objective->share), count = p->outcome.latencies.count;
    const struct doubts doubts = doubts_of_point(p, run);
    char reason[512];
    if (count < needed && !p->outcome.given_up) {
        snprintf(reason, sizeof reason, "too short for %s: %zu queries, %zu are needed%s%s",
                 objective->percentile, count, needed, doubts.noisy ? "; " : "", doubts.reason);
        record_text(record, "verdict", "invalid");
        record_text(record, "reason", reason);
        return;
    }
    record_text(record, "verdict", doubts.invalid ? "invalid" : doubts.noisy ? "noisy" : "valid");
    if (doubts.noisy)
        record_text(record, "reason", doubts.reason);
}

/* ---- the line -------------------------------------------------------------------------------- */

static void record_who(json_t *record, const struct point *p, const struct run *run)
{
    const struct contender *c = p->fleet->contender;
    const struct subject *subject = p->models->subject;
    contender_describe(record, c);
    record_text(record, "ids", run->plan.ids);
    record_count(record, "seed", run->arguments->seed);
    record_text(record, "preset", subject->preset->name);
    record_text(record, "borrowed", c->composed->borrowed);
    record_count(record, "threads", threads_of(p));
    record_text(record, "placement", placement_name(PLACEMENT_COMPACT));
    record_text(record, "pages", memory_obtained(subject->model.block));
    if (c->quality)
        models_record_quality(record, c->quality);
}

static void record_setting(json_t *record, const struct point *p)
{
    const struct load_settings *s = p->settings;
    const struct layout *layout = p->fleet->layout;
    char antagonist[32] = "none";
    if (p->disturbed)
        snprintf(antagonist, sizeof antagonist, "stream=%zu", s->streams);
    record_text(record, "scenario", scenario_name(p->scenario));
    record_count(record, "instances", p->scenario == SCENARIO_SINGLE ? 1 : layout->instances);
    record_count(record, "instance_threads", layout->threads);
    record_text(record, "layout", layout->name);
    record_text(record, "candidates", s->candidates.text);
    record_number(record, "candidates_mean", p->outcome.rows_offered / (double)p->outcome.queries);
    record_number(record, "batching", s->batching);
    record_text(record, "antagonist", antagonist);
}

static void record_counts(json_t *record, const struct point *p)
{
    const struct outcome *o = &p->outcome;
    record_number(record, "completed", (double)o->completed / o->seconds);
    record_number(record, "rows_per_s", o->rows / o->seconds);
    record_count(record, "queries", o->queries);
    record_number(record, "seconds", o->seconds);
    if (p->scenario != SCENARIO_SERVER)
        return;
    record_number(record, "offered", p->rate);
    record_count(record, "shed", o->shed);
    record_count(record, "queue_limit", p->queue_limit);
}

/* The usual percentiles, and the objective's where it is none of them. */
static void record_latency(json_t *record, const struct point *p)
{
    const struct objective *objective = &p->settings->objective;
    const char *names[] = {"p50", "p95", "p99", "p99.9", objective->percentile};
    const double shares[] = {0.5, 0.95, 0.99, 0.999, objective->share};
    struct estimate percentile[5];
    size_t count = 5;
    for (size_t i = 0; i < 5; i++) {
        percentile[i] = latencies_quantile(&p->outcome.latencies, shares[i]);
        count = i < 4 && strcmp(names[i], objective->percentile) == 0 ? 4 : count;
    }
    record_intervals(record, "latency", names, percentile, count);
    record_number(record, "latency_mean", latencies_mean(&p->outcome.latencies));
    record_text(record, "slo", objective->text);
    record_text(record, "holds", holds_name(outcome_holds(&p->outcome, objective)));
}

static void record_histogram(json_t *record, const struct point *p)
{
    size_t count[HISTOGRAM_CLASSES];
    char bound[32];
    json_t *object = json_object();
    latencies_histogram(&p->outcome.latencies, count);
    for (size_t class = 0; class < HISTOGRAM_CLASSES; class ++)
        if (count[class]) {
            snprintf(bound, sizeof bound, "%.0f", histogram_bound(class));
            json_object_set_new(object, bound, json_integer((json_int_t)count[class]));
        }
    json_object_set_new(record, "histogram", object);
}

static void record_finding(json_t *record, const struct found *found)
{
    record_text(record, "finding", found ? "highest" : "point");
    if (!found)
        return;
    const struct estimate highest = {found->rate, found->low, found->high};
    record_interval(record, "highest", &highest);
    record_number(record, "knee", found->knee);
}

json_t *point_record(const struct point *p, const struct run *run, const struct found *found)
{
    json_t *record = record_new(KIND_LOAD, run->journal.run);
    const struct disturbance d = disturbance_of(p);
    record_who(record, p, run);
    record_setting(record, p);
    record_counts(record, p);
    record_latency(record, p);
    record_histogram(record, p);
    record_finding(record, found);
    record_number(record, "steal", d.steal);
    record_number(record, "load", d.load);
    record_number(record, "throttled", d.throttled);
    record_number(record, "switches", p->switches);
    record_number(record, "joules", p->joules / (double)p->outcome.completed);
    record_verdict(record, p, run);
    return record;
}
