#include "harness/load/search.h"

#include "harness/measure/clock.h"

#include <math.h>

#define STEP      1.4
#define LONG_STEP 2

/* Of the rate to begin with: below, queries hardly ever meet. */
enum { LOWEST = 4 };

/* ---- one rate -------------------------------------------------------------------------------- */

enum holds outcome_holds(const struct outcome *outcome, const struct objective *objective)
{
    const struct estimate e = latencies_quantile(&outcome->latencies, objective->share);
    return outcome->given_up ? HOLDS_NO : objective_holds(objective, &e);
}

/* Whether the runs' latencies from the `first` on keep to the objective by themselves. */
static bool keeps_alone(const struct latencies *all, size_t first,
                        const struct objective *objective)
{
    const struct latencies own = {.ns = all->ns + first, .count = all->count - first};
    return latencies_quantile(&own, objective->share).median <= objective->ns;
}

bool attempt_make(struct attempt *a, const struct objective *objective, size_t runs, bool all,
                  run_rate *run, void *argument, struct outcome *outcome, struct fault *fault)
{
    a->holds = HOLDS_UNKNOWN;
    a->steady = true;
    for (size_t i = 0; i < runs && !outcome->given_up && (all || a->holds == HOLDS_UNKNOWN); i++) {
        const size_t before = outcome->latencies.count;
        if (!run(argument, a->rate, outcome, fault))
            return false;
        a->steady = a->steady && keeps_alone(&outcome->latencies, before, objective);
        a->holds = outcome_holds(outcome, objective);
    }
    a->percentile = latencies_quantile(&outcome->latencies, objective->share);
    a->median = latencies_quantile(&outcome->latencies, 0.5).median;
    a->kept = a->holds != HOLDS_NO && a->percentile.median <= objective->ns;
    return true;
}

/* ---- the highest ----------------------------------------------------------------------------- */

/* A search that goes on. */
struct hunt {
    const struct search *search;
    attempt_rate *attempt;
    void *argument;
    struct found *found;
    double low, high; /* the highest rate that held, the lowest that did not; 0, INFINITY: none */
};

static bool has_attempts_left(const struct hunt *hunt)
{
    return hunt->found->attempts < ATTEMPTS_MAX;
}

static bool has_time_left(const struct hunt *hunt)
{
    return has_attempts_left(hunt) &&
           (!hunt->search->deadline || clock_now() < hunt->search->deadline);
}

/* Tries a rate and narrows the bracket. */
static bool try_rate(struct hunt *hunt, double rate, size_t runs, bool all, struct fault *fault)
{
    struct attempt *a = &hunt->found->attempt[hunt->found->attempts++];
    a->rate = rate;
    if (!hunt->attempt(hunt->argument, runs, all, a, fault))
        return false;
    if (a->kept)
        hunt->low = fmax(hunt->low, rate);
    else
        hunt->high = fmin(hunt->high, rate);
    return true;
}

static const struct attempt *last_of(const struct hunt *hunt)
{
    return &hunt->found->attempt[hunt->found->attempts - 1];
}

/* Whether a rate that holds is still to be looked for, as long as there is time and hope, or, above
 * one, a rate that does not, which ends early. */
static bool is_open(const struct hunt *hunt, double next)
{
    if (hunt->low > 0)
        return isinf(hunt->high) && has_attempts_left(hunt);
    return has_time_left(hunt) && next >= hunt->search->start / LOWEST;
}

/* Steps up or down until rates on both sides are known: in longer steps when it is late. */
static bool bracket(struct hunt *hunt, struct fault *fault)
{
    const struct search *s = hunt->search;
    double rate = s->start;
    do {
        if (!try_rate(hunt, rate, s->runs, false, fault))
            return false;
        const double up = has_time_left(hunt) ? STEP : LONG_STEP;
        rate = last_of(hunt)->kept ? rate * up : rate / LONG_STEP;
    } while (is_open(hunt, rate));
    return true;
}

static bool halve(struct hunt *hunt, struct fault *fault)
{
    while (has_time_left(hunt) && hunt->low > 0 && hunt->high / hunt->low > hunt->search->ratio)
        if (!try_rate(hunt, sqrt(hunt->low * hunt->high), hunt->search->runs, false, fault))
            return false;
    return true;
}

bool search_confirms(const struct search *s, const struct attempt *a)
{
    return a->kept && (!s->strict || (a->holds == HOLDS_YES && a->steady));
}

/* Goes down from the rate that held until one is confirmed, in longer steps when it is late. What
 * held once may have been lucky, so that the bracket may end below it. */
static bool confirm(struct hunt *hunt, struct fault *fault)
{
    const struct search *s = hunt->search;
    double rate = hunt->low;
    while (!hunt->found->any && rate >= s->start / LOWEST && has_attempts_left(hunt)) {
        if (!try_rate(hunt, rate, s->confirmations, true, fault))
            return false;
        hunt->found->any = search_confirms(s, last_of(hunt));
        hunt->found->rate = rate;
        rate /= has_time_left(hunt) ? sqrt(s->ratio) : STEP;
    }
    return true;
}

/* Gives the rates that were not confirmed on the way down, up to `highest`, a second chance, until
 * one is not again: a pause of the machine fails any rate, once. */
static bool climb(struct hunt *hunt, double highest, struct fault *fault)
{
    const struct search *s = hunt->search;
    const double step = sqrt(s->ratio);
    bool rises = s->strict && hunt->found->any;
    while (rises && hunt->found->rate * step * step <= highest && has_time_left(hunt)) {
        if (!try_rate(hunt, hunt->found->rate * step, s->confirmations, true, fault))
            return false;
        rises = search_confirms(s, last_of(hunt));
        hunt->found->rate = rises ? last_of(hunt)->rate : hunt->found->rate;
    }
    return true;
}

/* The highest rate up to the one found that held beyond doubt, or the lowest that held at all. */
static double surest(const struct found *found)
{
    double sure = 0, lowest = found->rate;
    for (size_t i = 0; i < found->attempts; i++) {
        const struct attempt *a = &found->attempt[i];
        if (a->rate <= found->rate && a->kept)
            lowest = fmin(lowest, a->rate);
        if (a->rate <= found->rate && a->holds == HOLDS_YES)
            sure = fmax(sure, a->rate);
    }
    return sure > 0 ? sure : lowest;
}

/* The lowest rate that did not hold, above the one found. */
static double lowest_failed(const struct found *found)
{
    double lowest = INFINITY;
    for (size_t i = 0; i < found->attempts; i++)
        if (!found->attempt[i].kept && found->attempt[i].rate > found->rate)
            lowest = fmin(lowest, found->attempt[i].rate);
    return lowest;
}

/* The neighbours between which the median latency goes past twice the unloaded one, and where it
 * does between them, on a straight line. */
static double knee_of(const struct found *found, double unloaded)
{
    const struct attempt *below = NULL, *above = NULL;
    for (size_t i = 0; i < found->attempts; i++) {
        const struct attempt *a = &found->attempt[i];
        if (a->median > 2 * unloaded && (!above || a->rate < above->rate))
            above = a;
    }
    for (size_t i = 0; i < found->attempts && above; i++) {
        const struct attempt *a = &found->attempt[i];
        if (a->rate < above->rate && (!below || a->rate > below->rate))
            below = a;
    }
    if (!above)
        return NAN;
    const double rate = below ? below->rate : 0, median = below ? below->median : unloaded;
    if (isinf(above->median))
        return above->rate;
    return rate + (above->rate - rate) * (2 * unloaded - median) / (above->median - median);
}

bool search_highest(const struct search *search, attempt_rate *attempt, void *argument,
                    struct found *found, struct fault *fault)
{
    struct hunt hunt = {search, attempt, argument, found, 0, INFINITY};
    *found = (struct found){.any = false, .low = NAN, .high = NAN, .knee = NAN};
    if (!bracket(&hunt, fault) || !halve(&hunt, fault))
        return false;
    const double highest = hunt.low;
    if (highest > 0 && (!confirm(&hunt, fault) || !climb(&hunt, highest, fault)))
        return false;
    found->low = found->any ? surest(found) : NAN;
    found->high = found->any ? lowest_failed(found) : NAN;
    found->knee = knee_of(found, search->unloaded);
    return true;
}
