#include "harness/choose/json.h"

#include <math.h>
#include <string.h>

/* ---- values ---------------------------------------------------------------------------------- */

static json_t *number(double x) { return isfinite(x) ? json_real(x) : json_null(); }

static json_t *count(double x)
{
    return fabs(x) < 0x1p53 ? json_integer((json_int_t)x) : number(x);
}

static json_t *measured(double x) { return isfinite(x) ? json_real(x) : json_string(UNAVAILABLE); }

static json_t *interval(const struct estimate *e, json_t *(*form)(double x))
{
    return json_pack("{s:o, s:o, s:o}", "median", form(e->median), "lo", form(e->low), "hi",
                     form(e->high));
}

static json_t *texts(const struct notes *notes)
{
    json_t *array = json_array();
    for (size_t i = 0; i < notes->count; i++)
        json_array_append_new(array, json_string(notes->text[i]));
    return array;
}

/* Takes columns of the record over as they are; those that it lacks are left out. */
static void copy(json_t *to, const json_t *record, const char *const *columns, size_t columns_count)
{
    for (size_t i = 0; i < columns_count; i++) {
        json_t *value = json_object_get(record, columns[i]);
        if (value)
            json_object_set(to, columns[i], value);
    }
}

/* ---- what was asked -------------------------------------------------------------------------- */

static json_t *demand_json(const struct question *question)
{
    json_t *bounds = json_object();
    for (enum measure m = 0; m < MEASURES; m++)
        if (question->requirement.asked[m])
            json_object_set_new(bounds, measure_name(m), json_real(question->requirement.bound[m]));
    return json_pack("{s:s, s:f, s:f, s:b, s:o}", "slo", question->objective.text, "rate",
                     question->demand.rate, "headroom", question->demand.headroom, "antagonist",
                     question->antagonist, "min_quality", bounds);
}

static json_t *workload_json(const struct decision *d)
{
    static const char *const columns[] = {"preset", "ids", "candidates"};
    json_t *workload = json_object();
    copy(workload, d->ranking.offer[0].configuration->of->record, columns,
         sizeof columns / sizeof *columns);
    return workload;
}

/* From the strictest on, the one asked for among them. */
static json_t *slos_json(const struct decision *d)
{
    json_t *slos = json_array();
    json_array_append_new(slos, json_string(d->question->objective.text));
    for (size_t i = 0; i < d->alternatives; i++)
        json_array_append_new(slos, json_string(d->alternative[i].objective.text));
    return slos;
}

/* ---- configurations -------------------------------------------------------------------------- */

static json_t *quality_json(const json_t *record)
{
    json_t *quality = json_object();
    for (enum measure m = 0; m < MEASURES; m++) {
        const char *column = measure_column(m);
        copy(quality, record, &column, 1);
    }
    return quality;
}

static json_t *configuration_json(const struct configuration *c)
{
    static const char *const columns[] = {
        "backend",          "isa",       "dtype",    "formats",    "layout", "instances",
        "instance_threads", "placement", "batching", "antagonist", "pages"};
    json_t *object = json_pack("{s:s, s:s}", "machine", c->of->machine, "label", c->label);
    copy(object, c->of->record, columns, sizeof columns / sizeof *columns);
    json_t *more = json_pack("{s:I, s:b, s:o, s:f, s:o, s:o, s:b, s:s, s:b}", "runs",
                             (json_int_t)c->runs, "noisy", c->noisy, "highest",
                             interval(&c->highest, number), "candidates_mean", c->candidates,
                             "joules", measured(c->joules), "quality", quality_json(c->of->record),
                             "passes", c->passes, "why_not", c->why_not, "best", c->best);
    json_object_update(object, more);
    json_decref(more);
    return object;
}

static json_t *configurations_json(const struct decision *d)
{
    json_t *array = json_array();
    for (size_t i = 0; i < d->configurations.count; i++)
        json_array_append_new(array, configuration_json(&d->configurations.configuration[i]));
    return array;
}

/* ---- machines -------------------------------------------------------------------------------- */

static json_t *offer_json(const struct decision *d, const struct offer *o)
{
    const struct cost *cost = &o->cost;
    json_t *price = json_pack("{s:f, s:s, s:s}", "per_hour", o->price->per_hour, "currency",
                              o->price->currency, "note", o->price->note);
    return json_pack("{s:I, s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "rank", (json_int_t)o->rank,
                     "machine", o->machine, "configuration",
                     (json_int_t)(o->configuration - d->configurations.configuration), "price",
                     price, "machines", interval(&cost->machines, count), "cost_per_hour",
                     interval(&cost->per_hour, number), "cost_per_million_queries",
                     interval(&cost->per_million_queries, number), "cost_per_million_candidates",
                     interval(&cost->per_million_candidates, number), "kwh_per_million_queries",
                     measured(energy_of(o->configuration->joules)));
}

static json_t *machines_json(const struct decision *d)
{
    json_t *array = json_array();
    for (size_t i = 0; i < d->ranking.count; i++)
        json_array_append_new(array, offer_json(d, &d->ranking.offer[i]));
    return array;
}

static json_t *ranking_json(const struct ranking *ranking)
{
    json_t *groups = json_array(), *group = NULL;
    for (size_t i = 0; i < ranking->count; i++) {
        if (!i || ranking->offer[i].rank != ranking->offer[i - 1].rank) {
            group = json_array();
            json_array_append_new(groups, group);
        }
        json_array_append_new(group, json_string(ranking->offer[i].machine));
    }
    return groups;
}

/* ---- sensitivity ----------------------------------------------------------------------------- */

static json_t *window_json(const struct window *window)
{
    return window->exists ? json_pack("{s:f, s:f}", "from", window->from, "to", window->to)
                          : json_null();
}

static json_t *alternative_json(const struct alternative *a)
{
    return json_pack("{s:s, s:s?, s:o, s:b, s:s}", "slo", a->objective.text, "first", a->first,
                     "cost_per_hour", a->first ? interval(&a->per_hour, number) : json_null(),
                     "second_first", a->second_leads, "why_not", a->why_not.text);
}

static json_t *sensitivity_json(const struct decision *d)
{
    const struct offer *second = decision_second(d);
    if (!second)
        return json_null();
    json_t *slo = json_array();
    for (size_t i = 0; i < d->alternatives; i++)
        json_array_append_new(slo, alternative_json(&d->alternative[i]));
    return json_pack("{s:s, s:s, s:b, s:{s:f, s:o, s:o}, s:{s:o, s:o}, s:o}", "first",
                     d->ranking.offer[0].machine, "second", second->machine, "difference_shown",
                     decision_is_shown(d), "price", "now", second->price->per_hour, "equal",
                     number(d->price.equal), "shown", number(d->price.shown), "rate", "below",
                     window_json(&d->below), "above", window_json(&d->above), "slo", slo);
}

json_t *decision_json(const struct decision *d)
{
    return json_pack("{s:s, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "kind", "choice",
                     "demand", demand_json(d->question), "workload", workload_json(d), "currency",
                     d->ranking.offer[0].price->currency, "slos", slos_json(d), "configurations",
                     configurations_json(d), "machines", machines_json(d), "ranking",
                     ranking_json(&d->ranking), "sensitivity", sensitivity_json(d), "left_out",
                     texts(&d->left_out), "doubts", texts(&d->doubts));
}
