/* The highest rate at which a server keeps to its objective, by trying. */
#ifndef EKTM_HARNESS_LOAD_SEARCH_H
#define EKTM_HARNESS_LOAD_SEARCH_H

#include "harness/load/objective.h"

#include <stdint.h>

enum { ATTEMPTS_MAX = 64 };

/* A rate that was tried. */
struct attempt {
    double rate;
    struct estimate percentile; /* ns: the objective's, over all runs                 */
    enum holds holds;           /* what its interval says                             */
    bool kept;                  /* the percentile of each single run kept the objective */
    double median;              /* ns: half of the latencies                          */
};

/* Tries a rate in up to `runs` runs, fewer where the outcome is clear before; all of them where
 * `all`. Sets all but `rate`. */
typedef bool attempt_rate(void *argument, double rate, size_t runs, bool all,
                          struct attempt *attempt, struct fault *fault);

struct search {
    double start;         /* queries a second to begin with: any that the server may do   */
    double ratio;         /* above 1: how far apart rates end that do and do not hold      */
    size_t runs;          /* of an attempt, at most                                       */
    size_t confirmations; /* runs that the rate found must all keep                       */
    bool strict;          /* and the whole interval of all of them together must keep it too */
    double unloaded;      /* ns: the median latency of a query that meets no other        */
    uint64_t deadline; /* on the clock: from then on the bracket stays as wide as it is; 0: none */
};

struct found {
    bool any;
    double rate; /* confirmed: each of its runs kept the objective                             */
    double low;  /* the highest rate up to it whose whole interval kept the objective; where none
                    did, the lowest that was kept                                              */
    double high; /* the lowest rate above it that was seen not to                              */
    double knee; /* where the median latency is twice the unloaded one, between rates that were
                    tried; NAN: it is at none of them                                          */
    size_t attempts;
    struct attempt attempt[ATTEMPTS_MAX];
};

/* Brackets the rate by steps up or down, halves the bracket until it is narrower than `ratio`, then
 * confirms the lower end, and goes down from it until it is. False: an attempt failed. `found->any`
 * is false where no rate, down to a quarter of `start`, holds. */
bool search_highest(const struct search *search, attempt_rate *attempt, void *argument,
                    struct found *found, struct fault *fault);

#endif
