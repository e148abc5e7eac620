/* Queries that wait, first come first served, and never more than a limit. */
#ifndef EKTM_HARNESS_LOAD_QUEUE_H
#define EKTM_HARNESS_LOAD_QUEUE_H

#include "harness/load/arrivals.h"

struct queue {
    struct query *query; /* [limit]: a ring */
    size_t limit, first, count;
    size_t rows; /* of all that wait */
};

/* limit > 0. */
bool queue_make(struct queue *queue, size_t limit, struct fault *fault);
void queue_free(struct queue *queue);

/* False: it is full, and the query is not taken in. */
bool queue_push(struct queue *queue, const struct query *query);

/* The one that has waited longest, which stays; NULL: none waits. */
const struct query *queue_oldest(const struct queue *queue);

/* Takes the oldest out; there is one. */
struct query queue_pop(struct queue *queue);

#endif
