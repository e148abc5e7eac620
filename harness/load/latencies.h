/* Latencies of queries in the order in which they arrived, each kept, and their percentiles. */
#ifndef EKTM_HARNESS_LOAD_LATENCIES_H
#define EKTM_HARNESS_LOAD_LATENCIES_H

#include "harness/fault.h"
#include "harness/measure/statistics.h"

struct latencies {
    double *ns; /* [count]; INFINITY: the query was shed */
    size_t count, room, shed;
};

/* Zeroed ones are empty. Makes room for `more` queries whose latencies are NAN until they are set.
 */
bool latencies_extend(struct latencies *latencies, size_t more, struct fault *fault);
void latencies_free(struct latencies *latencies);

/* The `share` quantile: an order statistic, with its 95 % interval, order statistics too.
 *
 * Were queries independent, the number of latencies below the true quantile would be binomial. But
 * neighbours wait in the same queue and are slow together, so that n of them tell less than n
 * independent ones would. How much less is found from the share above the quantile in BATCHES
 * stretches of neighbours: it varies more from one stretch to the next than binomial numbers do,
 * and the interval is widened by as much.
 *
 * An end that lies beyond the longest latency, as the upper one does of fewer queries than
 * latencies_needed, is INFINITY, and so is a quantile among the queries that were shed. None: NAN.
 */
struct estimate latencies_quantile(const struct latencies *latencies, double share);

/* Queries that a run needs at least for an interval of that quantile to end below the longest. */
size_t latencies_needed(double share);

/* Of the queries that ended; NAN: none did. */
double latencies_mean(const struct latencies *latencies);

/* Counts of latencies in classes that grow by a tenth of a decade: class i holds those up to
 * histogram_bound(i) and above that of class i - 1. */
enum { HISTOGRAM_CLASSES = 121 };
double histogram_bound(size_t class); /* ns: 1 at class 0, 1e12 at the last, which has no end */
void latencies_histogram(const struct latencies *latencies, size_t count[HISTOGRAM_CLASSES]);

#endif
