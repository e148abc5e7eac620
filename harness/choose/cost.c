#include "harness/choose/cost.h"

#include <math.h>

double machines_for(const struct demand *demand, double highest)
{
    if (!(highest > 0))
        return INFINITY;
    return fmax(1, ceil(demand->rate * (1 + demand->headroom) / highest * (1 - COST_ROUNDING)));
}

static struct estimate times(const struct estimate *e, double factor)
{
    return (struct estimate){e->median * factor, e->low * factor, e->high * factor};
}

static struct estimate over(const struct estimate *e, double divisor)
{
    return (struct estimate){e->median / divisor, e->low / divisor, e->high / divisor};
}

struct cost cost_of(const struct demand *demand, const struct estimate *highest, double price,
                    double candidates)
{
    struct cost cost;
    cost.machines =
        (struct estimate){machines_for(demand, highest->median),
                          machines_for(demand, highest->high), machines_for(demand, highest->low)};
    cost.per_hour = times(&cost.machines, price);
    const struct estimate of_query = over(&cost.per_hour, demand->rate * 3600);
    cost.per_million_queries = times(&of_query, 1e6);
    cost.per_million_candidates = over(&cost.per_million_queries, candidates);
    return cost;
}

double energy_of(double joules) { return joules / 3.6; }

bool shown_below(const struct estimate *a, const struct estimate *b)
{
    return a->high * (1 + COST_ROUNDING) < b->low;
}
