#include "harness/choose/sentences.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- numbers --------------------------------------------------------------------------------- */

struct text {
    char text[96];
};

/* An amount of money: cents, or three digits where it is less than one unit. */
static struct text amount(double x)
{
    struct text t;
    if (!isfinite(x))
        snprintf(t.text, sizeof t.text, "unbounded");
    else
        snprintf(t.text, sizeof t.text, x < 1 ? "%.3g" : "%.2f", x);
    return t;
}

static struct text cents(double x)
{
    struct text t;
    snprintf(t.text, sizeof t.text, isfinite(x) ? "%.2f" : "unbounded", x);
    return t;
}

static struct text whole(double x)
{
    struct text t;
    snprintf(t.text, sizeof t.text, isfinite(x) ? "%.0f" : "unbounded", x);
    return t;
}

static struct text digits(double x)
{
    struct text t;
    snprintf(t.text, sizeof t.text, fabs(x) < 1000 ? "%.3g" : "%.0f", x);
    return t;
}

/* The median, and its interval where that is more than a number. */
static struct text interval(const struct estimate *e, struct text (*form)(double x))
{
    struct text t;
    const struct text median = form(e->median), low = form(e->low), high = form(e->high);
    if (strcmp(low.text, high.text) == 0)
        return median;
    snprintf(t.text, sizeof t.text, "%.24s (%.24s-%.24s)", median.text, low.text, high.text);
    return t;
}

/* ---- what was asked -------------------------------------------------------------------------- */

bool tell_question(struct notes *to, const struct decision *d, struct fault *fault)
{
    const struct offer *first = &d->ranking.offer[0];
    const json_t *r = first->configuration->of->record;
    const struct demand *demand = &d->question->demand;
    return notes_add(to, fault, "%s, ids %s, candidates %s (%.0f a query)%s",
                     record_get_text(r, "preset"), record_get_text(r, "ids"),
                     record_get_text(r, "candidates"), first->configuration->candidates,
                     d->question->antagonist ? ", beside an antagonist" : "") &&
           notes_add(to, fault, "%s at %.0f queries/s and %g %% headroom; prices in %s, of %s",
                     d->question->objective.text, demand->rate, 100 * demand->headroom,
                     first->price->currency, d->prices->path);
}

/* ---- what to take ---------------------------------------------------------------------------- */

bool tell_choice(struct notes *to, const struct decision *d, struct fault *fault)
{
    const struct offer *first = &d->ranking.offer[0];
    if (!notes_add(to, fault, "Take %s x %s, %s, for %s %s an hour",
                   interval(&first->cost.machines, whole).text, first->machine,
                   first->configuration->label, interval(&first->cost.per_hour, cents).text,
                   first->price->currency))
        return false;
    if (d->ranking.count == 1)
        return notes_add(to, fault, "It is the only machine that can be ranked");
    if (decision_is_shown(d))
        return notes_add(to, fault, "All others are shown to cost more");
    for (size_t i = 1; i < d->ranking.count && d->ranking.offer[i].rank == 1; i++)
        if (!notes_add(to, fault, "No difference shown between it and %s",
                       d->ranking.offer[i].machine))
            return false;
    return true;
}

/* ---- what would have to change --------------------------------------------------------------- */

static bool tell_price(struct notes *to, const struct decision *d, struct fault *fault)
{
    const struct offer *first = &d->ranking.offer[0], *second = decision_second(d);
    const double now = second->price->per_hour;
    char shown[160] = "at no price is it shown to cost less";
    if (d->price.shown > 0)
        snprintf(shown, sizeof shown, "below %.4g (%+.1f %%) it is shown to cost less",
                 d->price.shown, 100 * (d->price.shown / now - 1));
    return notes_add(to, fault,
                     "Price: at %.4g %s an hour (%+.1f %% of %g) %s costs as much as %s; %s",
                     d->price.equal, second->price->currency, 100 * (d->price.equal / now - 1), now,
                     second->machine, first->machine, shown);
}

static bool tell_rate(struct notes *to, const struct decision *d, struct fault *fault)
{
    const char *second = decision_second(d)->machine;
    const double reach = RATE_REACH * d->question->demand.rate;
    char below[128] = "at no lower rate", above[128];
    snprintf(above, sizeof above, "at no higher rate up to %.0f queries/s", reach);
    if (d->below.exists)
        snprintf(below, sizeof below, "above %.0f and up to %.0f queries/s", d->below.from,
                 d->below.to);
    if (d->above.exists)
        snprintf(above, sizeof above, "above %.0f and up to %.0f queries/s", d->above.from,
                 d->above.to);
    return notes_add(to, fault, "Rate: %s costs least %s, and %s; numbers of machines go in steps",
                     second, below, above);
}

static bool tell_objective(struct notes *to, const struct decision *d, const struct alternative *a,
                           struct fault *fault)
{
    if (!a->first)
        return notes_add(to, fault, "Objective: %s: %s", a->objective.text, a->why_not.text);
    const char *now = d->ranking.offer[0].machine;
    return notes_add(to, fault, "Objective: at %s %s %s first, for %s %s an hour",
                     a->objective.text, a->first, strcmp(a->first, now) == 0 ? "stays" : "becomes",
                     interval(&a->per_hour, cents).text, d->ranking.offer[0].price->currency);
}

bool tell_changes(struct notes *to, const struct decision *d, struct fault *fault)
{
    if (!decision_second(d))
        return true;
    if (!tell_price(to, d, fault) || !tell_rate(to, d, fault))
        return false;
    for (size_t i = 0; i < d->alternatives; i++)
        if (!tell_objective(to, d, &d->alternative[i], fault))
            return false;
    return d->alternatives ||
           notes_add(to, fault, "Objective: the files hold searches at no other than %s",
                     d->question->objective.text);
}

/* ---- machines -------------------------------------------------------------------------------- */

static bool any_energy(const struct decision *d)
{
    for (size_t i = 0; i < d->ranking.count; i++)
        if (isfinite(d->ranking.offer[i].configuration->joules))
            return true;
    return false;
}

static bool shares_rank(const struct ranking *ranking, size_t at)
{
    const size_t rank = ranking->offer[at].rank;
    return (at && ranking->offer[at - 1].rank == rank) ||
           (at + 1 < ranking->count && ranking->offer[at + 1].rank == rank);
}

static bool name_columns(struct grid *to, const struct decision *d, struct fault *fault)
{
    const char *currency = d->ranking.offer[0].price->currency;
    return grid_add(to, fault, "rank") && grid_add(to, fault, "machine") &&
           grid_add(to, fault, "configuration") && grid_add(to, fault, "queries/s of one") &&
           grid_add(to, fault, "machines") && grid_add(to, fault, "%s/h", currency) &&
           grid_add(to, fault, "%s/1e6 queries", currency) &&
           grid_add(to, fault, "%s/1e6 candidates", currency) &&
           (to->columns == 8 || grid_add(to, fault, "kWh/1e6 queries"));
}

static bool add_offer(struct grid *to, const struct decision *d, size_t at, struct fault *fault)
{
    const struct offer *o = &d->ranking.offer[at];
    const struct configuration *c = o->configuration;
    const struct cost *cost = &o->cost;
    return grid_add(to, fault, "%zu%s", o->rank, shares_rank(&d->ranking, at) ? "=" : "") &&
           grid_add(to, fault, "%s", o->machine) &&
           grid_add(to, fault, "%s%s", c->label, c->noisy ? " ~" : "") &&
           grid_add(to, fault, "%s", interval(&c->highest, digits).text) &&
           grid_add(to, fault, "%s", interval(&cost->machines, whole).text) &&
           grid_add(to, fault, "%s", interval(&cost->per_hour, cents).text) &&
           grid_add(to, fault, "%s", interval(&cost->per_million_queries, amount).text) &&
           grid_add(to, fault, "%s", interval(&cost->per_million_candidates, amount).text) &&
           (to->columns == 8 ||
            (isfinite(c->joules) ? grid_add(to, fault, "%.3g", energy_of(c->joules))
                                 : grid_add(to, fault, "unavailable")));
}

bool tabulate_ranking(struct grid *to, const struct decision *d, struct fault *fault)
{
    to->columns = any_energy(d) ? 9 : 8;
    if (!name_columns(to, d, fault))
        return false;
    for (size_t i = 0; i < d->ranking.count; i++)
        if (!add_offer(to, d, i, fault))
            return false;
    return true;
}

/* ---- configurations -------------------------------------------------------------------------- */

bool tabulate_configurations(struct grid *to, const struct decision *d, struct fault *fault)
{
    to->columns = 4;
    if (!grid_add(to, fault, "machine") || !grid_add(to, fault, "configuration") ||
        !grid_add(to, fault, "queries/s of one") || !grid_add(to, fault, "chosen"))
        return false;
    for (size_t i = 0; i < d->configurations.count; i++) {
        const struct configuration *c = &d->configurations.configuration[i];
        if (!grid_add(to, fault, "%s", c->of->machine) ||
            !grid_add(to, fault, "%s%s", c->label, c->noisy ? " ~" : "") ||
            !grid_add(to, fault, "%s", interval(&c->highest, digits).text) ||
            !(c->passes ? grid_add(to, fault, "%s", c->best ? "yes" : "no")
                        : grid_add(to, fault, "no: %s", c->why_not)))
            return false;
    }
    return true;
}
