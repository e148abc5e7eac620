#include "harness/choose/sensitivity.h"

#include <math.h>
#include <stdlib.h>

struct price_change price_to_lead(const struct offer *first, const struct offer *second)
{
    return (struct price_change){first->cost.per_hour.median / second->cost.machines.median,
                                 first->cost.per_hour.low / second->cost.machines.high};
}

/* ---- rates ----------------------------------------------------------------------------------- */

/* A walk over rates, from step to step of the number of machines of any offer. */
struct walk {
    const struct ranking *ranking;
    double headroom;
    size_t second;
    double *machines; /* of each offer, between two steps */
};

/* The highest rate that so many machines of the offer serve. */
static double served_by(const struct walk *walk, size_t offer, double machines)
{
    return machines * walk->ranking->offer[offer].configuration->highest.median /
           (1 + walk->headroom);
}

static bool leads(const struct walk *walk)
{
    const struct offer *offer = walk->ranking->offer;
    const size_t s = walk->second;
    const double own = walk->machines[s] * offer[s].price->per_hour;
    for (size_t i = 0; i < walk->ranking->count; i++) {
        const double other = walk->machines[i] * offer[i].price->per_hour;
        if (i != s && !shown_below(&(struct estimate){own, own, own},
                                   &(struct estimate){other, other, other}))
            return false;
    }
    return true;
}

static void begin(struct walk *walk, const struct demand *demand)
{
    for (size_t i = 0; i < walk->ranking->count; i++)
        walk->machines[i] =
            machines_for(demand, walk->ranking->offer[i].configuration->highest.median);
}

/* Goes to the rates below the next step down, and returns that step's rate; 0: there is none. */
static double step_down(struct walk *walk)
{
    double at = 0;
    for (size_t i = 0; i < walk->ranking->count; i++)
        at = fmax(at, served_by(walk, i, walk->machines[i] - 1));
    for (size_t i = 0; at > 0 && i < walk->ranking->count; i++)
        walk->machines[i] -= served_by(walk, i, walk->machines[i] - 1) >= at * (1 - COST_ROUNDING);
    return at;
}

/* Likewise to those above the next step up. */
static double step_up(struct walk *walk)
{
    double at = INFINITY;
    for (size_t i = 0; i < walk->ranking->count; i++)
        at = fmin(at, served_by(walk, i, walk->machines[i]));
    for (size_t i = 0; i < walk->ranking->count; i++)
        walk->machines[i] += served_by(walk, i, walk->machines[i]) <= at * (1 + COST_ROUNDING);
    return at;
}

static struct window window_below(struct walk *walk)
{
    struct window window = {.exists = false};
    for (size_t steps = 0; steps < RATE_STEPS_MAX; steps++) {
        const double at = step_down(walk);
        if (window.exists)
            window.from = at;
        if (!(at > 0) || (window.exists && !leads(walk)))
            break;
        if (!window.exists && leads(walk))
            window = (struct window){true, at, at};
    }
    return window;
}

static struct window window_above(struct walk *walk, double reach)
{
    struct window window = {.exists = false};
    for (size_t steps = 0; steps < RATE_STEPS_MAX; steps++) {
        const double at = step_up(walk);
        if (window.exists)
            window.to = fmin(at, reach);
        if (at >= reach || (window.exists && !leads(walk)))
            break;
        if (!window.exists && leads(walk))
            window = (struct window){true, at, at};
    }
    return window;
}

bool rates_to_lead(const struct ranking *ranking, const struct demand *demand, size_t second,
                   struct window *below, struct window *above, struct fault *fault)
{
    struct walk walk = {ranking, demand->headroom, second,
                        calloc(ranking->count, sizeof *walk.machines)};
    if (!walk.machines)
        return fault_memory(fault, "rates");
    begin(&walk, demand);
    *below = window_below(&walk);
    begin(&walk, demand);
    *above = window_above(&walk, RATE_REACH * demand->rate);
    free(walk.machines);
    return true;
}
