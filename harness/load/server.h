/* A server under load: queries arrive by their own clock, wait in a bounded queue, and are taken by
 * whichever instance is free.
 *
 *     arrivals --> queue (full: shed) --> instance 0 .. n-1 --> latency = end - scheduled arrival
 *
 * Latency counts from the time at which a query was to arrive, not from when somebody got round to
 * it, so that one slow query is also seen in those behind it (no coordinated omission).
 *
 * Nobody has to generate queries while they are served: an instance that is free takes in all that
 * have arrived by then. Since the queue changes by arrivals and by taking alone, it is at every
 * moment what it would be if each query had been put there in time.
 *
 * One and the same server runs against two clocks: the machine's, and one that is simulated, where
 * a service says how long it takes instead of taking it. */
#ifndef EKTM_HARNESS_LOAD_SERVER_H
#define EKTM_HARNESS_LOAD_SERVER_H

#include "harness/load/latencies.h"
#include "harness/load/queue.h"
#include "harness/machine/team.h"

#include <signal.h>

/* Whoever computes. */
struct service {
    void *argument;

    /* Computes `rows` rows on that instance. The ns that it takes; against the machine's clock it
     * takes them, and nobody looks at what it returns. */
    double (*run)(void *argument, size_t instance, size_t rows);
};

/* How queries are served. */
struct serving {
    size_t instances;
    size_t queue_limit;
    double batching;   /* ns that a query may wait for others to be computed with; 0: one by one */
    size_t batch_rows; /* no more rows are computed together, unless one query has them           */
};

/* What one run offers. */
struct traffic {
    const struct candidates *candidates;
    double rate; /* queries a second; 0: an instance that is free has the next one at once */
    uint64_t seed;
    size_t warm_up; /* queries before those that are measured */
    size_t queries; /* that are measured                       */
    double late; /* ns: the run ends early when more than `late_most` of them took longer: more */
    size_t late_most; /* of the same would tell nothing new. 0: it goes on */
};

/* What was measured, of one run or of several. Zero at first. */
struct outcome {
    struct latencies latencies;
    double seconds;            /* from the first measured arrival to the last end */
    double rows, rows_offered; /* that were computed, and those of shed queries too */
    size_t queries, completed, shed;
    bool given_up; /* a run ended early */
};

void outcome_free(struct outcome *outcome);

/* Runs against the machine's clock and adds to the outcome. `workers` has a member for each
 * instance, which computes there. A signal in `stop` ends it; NULL: none can. */
bool server_run_live(const struct serving *serving, const struct traffic *traffic,
                     const struct service *service, struct team *workers,
                     const volatile sig_atomic_t *stop, struct outcome *outcome,
                     struct fault *fault);

/* Runs against a simulated clock. */
bool server_run_simulated(const struct serving *serving, const struct traffic *traffic,
                          const struct service *service, struct outcome *outcome,
                          struct fault *fault);

/* ---- what both are made of ------------------------------------------------------------------- */

enum { BATCH_QUERIES_MAX = 256 };

struct batch {
    size_t count, rows;
    struct query query[BATCH_QUERIES_MAX];
};

struct server {
    const struct serving *serving;
    const struct traffic *traffic;
    struct arrivals arrivals;
    struct queue waiting;
    struct outcome *outcome;
    size_t before;     /* latencies that the outcome held before */
    double begin, end; /* ns of what is measured                 */
    size_t late;
};

bool server_begin(struct server *server, const struct serving *serving,
                  const struct traffic *traffic, struct outcome *outcome, struct fault *fault);

/* Adds the run to the outcome's totals, and gives the queue back. */
void server_end(struct server *server);

/* What an instance does that is free at `now`. */
enum errand {
    ERRAND_SERVE, /* compute `batch`                                */
    ERRAND_WAIT,  /* ask again at `*until`: the queue has nothing yet */
    ERRAND_LEAVE  /* all queries are taken                          */
};
enum errand server_take(struct server *server, double now, struct batch *batch, double *until);

/* Notes that the batch ended at `now`. */
void server_finish(struct server *server, const struct batch *batch, double now);

#endif
