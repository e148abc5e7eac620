/* Queries as they arrive: at random, whatever the server does (open loop), or as fast as they are
 * taken (closed loop). */
#ifndef EKTM_HARNESS_LOAD_ARRIVALS_H
#define EKTM_HARNESS_LOAD_ARRIVALS_H

#include "harness/load/candidates.h"

struct query {
    double at;     /* ns after the beginning, when it was to arrive */
    size_t number; /* from 0                                        */
    size_t rows;
};

/* The stream of queries of one run: a function of the law, the rate and the seed alone. */
struct arrivals {
    const struct candidates *candidates;
    double gap; /* ns between two, at the mean; 0: a query arrives when it is taken */
    struct random times, sizes;
    struct query next; /* that has not arrived yet */
};

/* Begins a Poisson process of `rate` queries a second; 0: closed loop. */
void arrivals_begin(struct arrivals *arrivals, const struct candidates *candidates, double rate,
                    uint64_t seed);

/* The next query, which has now arrived. */
struct query arrivals_take(struct arrivals *arrivals);

#endif
