/* The highest rate at which a server keeps to its objective, by trying. */
#ifndef EKTM_HARNESS_LOAD_SEARCH_H
#define EKTM_HARNESS_LOAD_SEARCH_H

#include "harness/load/objective.h"
#include "harness/load/server.h"

#include <stdint.h>

enum { ATTEMPTS_MAX = 64 };

/* A rate that was tried. */
struct attempt {
    double rate;
    struct estimate percentile; /* ns: the objective's, over all runs                 */
    enum holds holds;           /* what its interval says                             */
    bool kept;                  /* the percentile itself kept the objective           */
    bool steady;                /* and so did that of each run by itself              */
    double median;              /* ns: half of the latencies                          */
};

/* One more run at a rate, added to the outcome. */
typedef bool run_rate(void *argument, double rate, struct outcome *outcome, struct fault *fault);

/* Whether the runs of an outcome keep to the objective; one that ended early does not. */
enum holds outcome_holds(const struct outcome *outcome, const struct objective *objective);

/* Tries `attempt->rate` in up to `runs` runs, fewer where the outcome, empty at first, is clear
 * before; all of them where `all`, unless one ends early. Sets everything but the rate. */
bool attempt_make(struct attempt *attempt, const struct objective *objective, size_t runs, bool all,
                  run_rate *run, void *argument, struct outcome *outcome, struct fault *fault);

/* Tries `attempt->rate` as attempt_make does. */
typedef bool attempt_rate(void *argument, size_t runs, bool all, struct attempt *attempt,
                          struct fault *fault);

struct search {
    double start;         /* queries a second to begin with: any that the server may do   */
    double ratio;         /* above 1: how far apart rates end that do and do not hold      */
    size_t runs;          /* of an attempt, at most                                       */
    size_t confirmations; /* runs, taken together, that the rate found must keep it in    */
    bool strict;          /* with the percentile's whole interval, and in each run by itself: not
                             with the percentile alone                                      */
    double unloaded;      /* ns: the median latency of a query that meets no other        */
    uint64_t deadline; /* on the clock: from then on the bracket stays as wide as it is; 0: none */
};

struct found {
    bool any;
    double rate; /* confirmed                                                                  */
    double low;  /* the highest rate up to it whose whole interval kept the objective; where none
                    did, the lowest that was kept                                              */
    double high; /* the lowest rate above it that was seen not to                              */
    double knee; /* where the median latency is twice the unloaded one, between rates that were
                    tried; NAN: it is at none of them                                          */
    size_t attempts;
    struct attempt attempt[ATTEMPTS_MAX];
};

/* Whether an attempt in all of `confirmations` runs confirms its rate. */
bool search_confirms(const struct search *search, const struct attempt *attempt);

/* Brackets the rate by steps up or down, halves the bracket until it is narrower than `ratio`, then
 * confirms the lower end, and goes down from it until it is; if it is strict and took several
 * steps, up again, since what failed may have failed by a disturbance. `found->rate` is that of the
 * last attempt that confirmed. False: an attempt failed. `found->any` is false where no rate, down
 * to a quarter of `start`, holds. */
bool search_highest(const struct search *search, attempt_rate *attempt, void *argument,
                    struct found *found, struct fault *fault);

#endif
