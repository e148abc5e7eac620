#include "harness/load/sweep.h"

#include "harness/load/antagonist.h"
#include "harness/load/point.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *scenario_name(enum scenario scenario)
{
    static const char *const names[SCENARIOS] = {"single-stream", "offline", "server"};
    return names[scenario];
}

/* ---- settings -------------------------------------------------------------------------------- */

static const struct load_effort quick = {
    .margin = 1.5, .seconds = 0.5, .runs = 1, .confirmations = 2, .ratio = 1.10, .budget = 36};
static const struct load_effort usual = {
    .margin = 2.5, .seconds = 8, .runs = 3, .confirmations = 5, .strict = true, .ratio = 1.05};
static const struct load_effort full = {
    .margin = 5, .seconds = 15, .runs = 3, .confirmations = 5, .strict = true, .ratio = 1.03};

bool load_settings_make(struct load_settings *s, const struct arguments *a,
                        const struct topology *topology, bool hurried, struct fault *fault)
{
    *s = (struct load_settings){.queue = a->queue, .rates = a->rate};
    s->effort = hurried || a->quick ? quick : a->full ? full : usual;
    for (enum scenario i = 0; i < SCENARIOS; i++)
        s->scenario[i] = names_admit(&a->scenario, scenario_name(i));
    if (!objective_parse(&s->objective, a->slo, fault) ||
        !antagonist_parse(&s->streams, a->antagonist, fault) ||
        (a->batching && !time_parse(&s->batching, a->batching, "--batching", fault)) ||
        !candidates_parse(&s->candidates, a->candidates, fault))
        return false;
    const struct layout_wish wish = {.names = &a->layout,
                                     .instances = a->instances,
                                     .threads = a->threads.count ? a->threads.size[0] : 0,
                                     .neighbours = s->streams};
    if (layouts_make(&s->layouts, topology, &wish, fault))
        return true;
    candidates_free(&s->candidates);
    return false;
}

void load_settings_free(struct load_settings *settings)
{
    candidates_free(&settings->candidates);
    layouts_free(&settings->layouts);
}

/* ---- runs ------------------------------------------------------------------------------------ */

/* One contender on one layout, and what is known of it. */
struct sweep {
    const struct load_settings *settings;
    struct run *run;
    const struct models *models;
    struct fleet fleet;
    struct point point;     /* the one that is measured           */
    struct point confirmed; /* the last that confirmed a rate     */
    struct search search;
    bool disturbed;    /* neighbours are there               */
    double capacity;   /* queries a second, closed loop      */
    double unloaded;   /* ns: the median of a lonely query   */
    bool hopeless;     /* a lonely query is too slow already */
    uint64_t seed;     /* of the next run                    */
    uint64_t deadline; /* on the clock: searches end there; 0: they do not */
};

/* Queries of one run: enough for the objective's percentile, whatever that takes. */
static size_t queries_of(const struct sweep *s, double rate)
{
    enum { MOST = 100000 };
    const size_t needed = latencies_needed(s->settings->objective.share);
    const double affordable = fmin(rate * s->settings->effort.seconds, MOST);
    return (size_t)fmax(affordable, ceil(s->settings->effort.margin * (double)needed));
}

/* So many late ones among `queries` leave no doubt, though one long pause makes some at once. */
static size_t late_most(const struct sweep *s, size_t queries)
{
    const double expected = (1 - s->settings->objective.share) * (double)queries;
    return (size_t)ceil(4 * expected + 10);
}

/* Queries that may wait. */
static size_t queue_of(const struct sweep *s)
{
    enum { LEAST = 64, MOST = 1 << 16 };
    const double enough = 4 * s->capacity * s->settings->objective.ns / 1e9;
    return s->settings->queue ? s->settings->queue : (size_t)fmin(fmax(ceil(enough), LEAST), MOST);
}

/* One more run of the point that is measured. */
static bool run_once(struct sweep *s, struct fault *fault)
{
    struct point *p = &s->point;
    const size_t queries = queries_of(s, p->rate > 0 ? p->rate : s->capacity);
    const struct serving serving = {
        .instances = p->scenario == SCENARIO_SINGLE ? 1 : s->fleet.layout->instances,
        .queue_limit = p->queue_limit,
        .batching = s->settings->batching,
        .batch_rows = PASS_ROWS};
    const struct traffic traffic = {.candidates = &s->settings->candidates,
                                    .rate = p->rate,
                                    .seed = s->seed++,
                                    .warm_up = queries / 10 + 1,
                                    .queries = queries,
                                    .late = s->settings->objective.ns,
                                    .late_most = p->searched ? late_most(s, queries) : 0};
    point_resume(p, s->run);
    const bool fine = server_run_live(&serving, &traffic, &s->fleet.service, s->fleet.workers,
                                      s->run->stop, &p->outcome, fault);
    point_pause(p, s->run);
    return fine && !fleet_failed(&s->fleet, fault);
}

static void begin_point(struct sweep *s, enum scenario scenario, double rate)
{
    outcome_free(&s->point.outcome);
    s->point = (struct point){.settings = s->settings,
                              .models = s->models,
                              .fleet = &s->fleet,
                              .scenario = scenario,
                              .rate = rate,
                              .searched = rate > 0 && !s->settings->rates.count,
                              .queue_limit = rate > 0 ? queue_of(s) : 1,
                              .disturbed = s->disturbed};
}

/* Writes the point's line; NULL: no search found it. A run that was cut short is none. */
static bool write_point(const struct sweep *s, const struct point *point, const struct found *found,
                        struct fault *fault)
{
    return *s->run->stop ||
           journal_add(&s->run->journal, point_record(point, s->run, found), fault);
}

/* ---- scenarios ------------------------------------------------------------------------------- */

/* Closed loops are run whether they were asked for or not: searches begin from what they find.
 * Lines that were not asked for are written where they tell why there is no search. */
static bool run_closed(struct sweep *s, enum scenario scenario, struct fault *fault)
{
    s->capacity = 0; /* not known: the first run is as short as it can be */
    begin_point(s, scenario, 0);
    do {
        if (!run_once(s, fault))
            return false;
        s->capacity = (double)s->point.outcome.completed / s->point.outcome.seconds;
    } while (s->point.outcome.queries < queries_of(s, s->capacity) && !*s->run->stop);
    if (scenario == SCENARIO_SINGLE) {
        const struct estimate percentile =
            latencies_quantile(&s->point.outcome.latencies, s->settings->objective.share);
        s->unloaded = latencies_quantile(&s->point.outcome.latencies, 0.5).median;
        s->hopeless = percentile.median > s->settings->objective.ns;
    }
    const bool explains = s->hopeless && s->settings->scenario[SCENARIO_SERVER];
    return (!s->settings->scenario[scenario] && !explains) ||
           write_point(s, &s->point, NULL, fault);
}

/* A run_rate: one more run of the point, whose outcome it is. */
static bool run_at(void *argument, double rate, struct outcome *outcome, struct fault *fault)
{
    struct sweep *s = argument;
    (void)rate;
    (void)outcome;
    return *s->run->stop || run_once(s, fault);
}

/* An attempt_rate. */
static bool attempt(void *argument, size_t runs, bool all, struct attempt *a, struct fault *fault)
{
    struct sweep *s = argument;
    begin_point(s, SCENARIO_SERVER, a->rate);
    return attempt_make(a, &s->settings->objective, runs, all, run_at, s, &s->point.outcome,
                        fault) &&
           write_point(s, &s->point, NULL, fault);
}

/* An attempt_rate of a search: keeps the point that confirms a rate. */
static bool attempt_searched(void *argument, size_t runs, bool all, struct attempt *a,
                             struct fault *fault)
{
    struct sweep *s = argument;
    if (!attempt(s, runs, all, a, fault))
        return false;
    if (all && search_confirms(&s->search, a)) {
        outcome_free(&s->confirmed.outcome);
        s->confirmed = s->point;
        s->point.outcome = (struct outcome){.queries = 0};
    }
    return true;
}

static bool find_highest(struct sweep *s, struct fault *fault)
{
    const struct load_effort *e = &s->settings->effort;
    s->search = (struct search){.start = s->capacity / 2,
                                .ratio = e->ratio,
                                .runs = e->runs,
                                .confirmations = e->confirmations,
                                .strict = e->strict,
                                .unloaded = s->unloaded,
                                .deadline = s->deadline};
    struct found found;
    if (s->hopeless)
        return true;
    return search_highest(&s->search, attempt_searched, s, &found, fault) &&
           (!found.any || write_point(s, &s->confirmed, &found, fault));
}

static bool run_server(struct sweep *s, struct fault *fault)
{
    if (!s->settings->rates.count)
        return find_highest(s, fault);
    bool fine = true;
    for (size_t r = 0; r < s->settings->rates.count && fine && !*s->run->stop; r++) {
        struct attempt a = {.rate = (double)s->settings->rates.size[r]};
        fine = attempt(s, s->settings->effort.runs, true, &a, fault);
    }
    return fine;
}

static bool run_scenarios(struct sweep *s, struct fault *fault)
{
    return run_closed(s, SCENARIO_SINGLE, fault) && run_closed(s, SCENARIO_OFFLINE, fault) &&
           (!s->settings->scenario[SCENARIO_SERVER] || *s->run->stop || run_server(s, fault));
}

/* The same once more, beside neighbours. */
static bool run_disturbed(struct sweep *s, struct fault *fault)
{
    struct antagonist *antagonist =
        antagonist_start(&s->settings->layouts, &s->run->topology, fault);
    s->disturbed = true;
    const bool fine = antagonist && run_scenarios(s, fault);
    if (antagonist)
        antagonist_stop(antagonist);
    return fine;
}

/* One contender on one layout. */
static bool run_layout(const struct load_settings *settings, struct run *run,
                       const struct models *models, const struct contender *contender,
                       const struct layout *layout, uint64_t deadline, struct fault *fault)
{
    struct sweep s = {.settings = settings,
                      .run = run,
                      .models = models,
                      .seed = run->arguments->seed,
                      .deadline = deadline};
    run_leave(run);
    if (!fleet_start(&s.fleet, run, models->subject, contender, layout, fault))
        return false;
    const bool fine =
        run_scenarios(&s, fault) && (!settings->streams || *run->stop || run_disturbed(&s, fault));
    outcome_free(&s.point.outcome);
    outcome_free(&s.confirmed.outcome);
    fleet_stop(&s.fleet);
    return fine;
}

/* ---- models ---------------------------------------------------------------------------------- */

/* Whether it is run: it is right, and no copy that goes layer by layer for comparison. */
static bool is_served(const struct load_settings *settings, const struct contender *c)
{
    return !c->invalid && !c->by_layers && (!settings->only || c->backend == settings->only);
}

/* Predictions are right, and it is known what narrow formats cost them. */
static bool prove(const struct load_settings *settings, struct run *run, struct models *models,
                  struct fault *fault)
{
    bool fine = run_seat(run, (struct seating){1, PLACEMENT_COMPACT}, fault);
    for (size_t i = 0; i < models->count && fine; i++) {
        struct contender *c = &models->contender[i];
        if (is_served(settings, c))
            fine = contender_bind(models, run, c, models->subject->rows, fault) &&
                   contender_check(models, run, c, fault);
        if (is_served(settings, c) && fine && !contender_is_wide(c) && !c->quality)
            fine = contender_judge(models, run, c, fault);
    }
    return fine;
}

/* Those to run, f32 first; returns how many. */
static size_t choose(const struct load_settings *settings, const struct models *models,
                     const struct contender **chosen)
{
    size_t count = 0;
    for (int narrow = 0; narrow < 2; narrow++)
        for (size_t i = 0; i < models->count; i++)
            if (is_served(settings, &models->contender[i]) &&
                contender_is_wide(&models->contender[i]) == !narrow)
                chosen[count++] = &models->contender[i];
    return count;
}

/* ns of its budget that are left; INFINITY: it has none. */
static double time_left(const struct load_settings *settings, uint64_t begin)
{
    const double budget = settings->effort.budget * 1e9;
    return budget > 0 ? budget - (double)(clock_now() - begin) : INFINITY;
}

/* When this one of `left` configurations has used its share of the time; 0: never. */
static uint64_t deadline_of(double ns, size_t left)
{
    return isinf(ns) ? 0 : clock_now() + (uint64_t)(fmax(ns, 0) / (double)left);
}

/* Says that there was no time for it. */
static bool skip(struct run *run, const struct models *models, const struct contender *c,
                 const struct layout *layout, struct fault *fault)
{
    char reason[80];
    json_t *record = record_new(KIND_SKIP, run->journal.run);
    contender_describe(record, c);
    record_text(record, "preset", models->subject->preset->name);
    record_text(record, "verdict", "skipped");
    snprintf(reason, sizeof reason, "layout %s under load: no time is left in a quick run",
             layout->name);
    record_text(record, "reason", reason);
    return journal_add(&run->journal, record, fault);
}

bool load_run(const struct load_settings *settings, struct run *run, struct models *models,
              struct fault *fault)
{
    const struct contender *chosen[MODELS_MAX];
    const uint64_t begin = clock_now();
    if (!prove(settings, run, models, fault))
        return false;
    const size_t layouts = settings->layouts.count,
                 all = choose(settings, models, chosen) * layouts;
    bool fine = true;
    for (size_t i = 0; i < all && fine && !*run->stop; i++) {
        const struct contender *c = chosen[i / layouts];
        const struct layout *layout = &settings->layouts.layout[i % layouts];
        const double left = time_left(settings, begin);
        fine = left > 0
                   ? run_layout(settings, run, models, c, layout, deadline_of(left, all - i), fault)
                   : skip(run, models, c, layout, fault);
    }
    return fine;
}
