/* A latency objective, such as p99=10ms: that percentile of latencies takes no longer than that. */
#ifndef EKTM_HARNESS_LOAD_OBJECTIVE_H
#define EKTM_HARNESS_LOAD_OBJECTIVE_H

#include "harness/fault.h"
#include "harness/measure/statistics.h"

struct objective {
    double share; /* of queries that must keep to it, in (0, 1): 0.99 of p99 */
    double ns;    /* the longest that they may take                          */
    char percentile[16];
    char text[40]; /* "p99=10ms": the percentile and the time in one spelling */
};

/* Reads "pN=TIME": N above 0 and below 100, TIME as time_parse has it. NULL: p99=10ms. A text of
 * another form: a fault that names --slo. */
bool objective_parse(struct objective *objective, const char *text, struct fault *fault);

/* Whether latencies keep to it, by the interval of their percentile. */
enum holds { HOLDS_NO, HOLDS_UNKNOWN, HOLDS_YES };
enum holds objective_holds(const struct objective *objective, const struct estimate *percentile);

/* "no", "unknown", "yes". */
const char *holds_name(enum holds holds);

/* Reads a time of 0 to an hour with its unit, ns, us, ms or s: "500us". A text of another form: a
 * fault that names `where`. */
bool time_parse(double *ns, const char *text, const char *where, struct fault *fault);

/* Writes it in the largest unit that leaves at least 1, with four digits: "12.5ms". */
void time_print(char *text, size_t size, double ns);

#endif
