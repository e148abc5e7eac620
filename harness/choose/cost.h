/* What serving costs: arithmetic alone. The page of `make report` does the same in JavaScript; both
 * are IEEE doubles, from left to right as written here, so that they agree to the bit.
 *
 *   R  queries a second that are to be served, in all           demand.rate
 *   h  how much more than that to be ready for, a fraction      demand.headroom
 *   Q  queries a second that one machine serves at the objective: {median, lo, hi}
 *   P  price of one machine for an hour
 *   C  candidates of a query, the mean
 *
 *   machines of a Q   = max(1, ceil(R * (1 + h) / Q * (1 - 1e-9))); infinitely many where Q <= 0
 *   machines          = {of Q.median, of Q.hi, of Q.lo}: fewest where Q is highest
 *   per hour          = machines * P
 *   per 1e6 queries   = per hour / (R * 3600) * 1e6
 *   per 1e6 candidates = per 1e6 queries / C
 *   kWh of 1e6 queries = J of a query / 3.6
 *
 * Each for median, lo and hi. The factor 1 - 1e-9 keeps a rounding error of the quotient from
 * buying one more machine. Queries are paid for as they come, R of them a second: headroom is a
 * cost of theirs. */
#ifndef EKTM_HARNESS_CHOOSE_COST_H
#define EKTM_HARNESS_CHOOSE_COST_H

#include "harness/measure/statistics.h"

#include <stdbool.h>

/* How much of a machine, and of a cost, counts as rounding. */
#define COST_ROUNDING 1e-9

struct demand {
    double rate;     /* query/s, above 0     */
    double headroom; /* a fraction, 0 or more */
};

struct cost {
    struct estimate machines;               /* whole numbers, or infinite              */
    struct estimate per_hour;               /* in the currency of the price, and so on */
    struct estimate per_million_queries;    /*                                         */
    struct estimate per_million_candidates; /*                                         */
};

/* Machines that serve the demand when each serves `highest` queries a second. */
double machines_for(const struct demand *demand, double highest);

struct cost cost_of(const struct demand *demand, const struct estimate *highest, double price,
                    double candidates);

/* Of a million queries, in kWh, from the joules of one. */
double energy_of(double joules);

/* Whether all of `a` lies below all of `b`, by more than rounding: a.hi * (1 + 1e-9) < b.lo. Where
 * neither lies below the other, no difference is shown. */
bool shown_below(const struct estimate *a, const struct estimate *b);

#endif
