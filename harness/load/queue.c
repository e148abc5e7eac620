#include "harness/load/queue.h"

#include <assert.h>
#include <stdlib.h>

bool queue_make(struct queue *queue, size_t limit, struct fault *fault)
{
    *queue = (struct queue){.limit = limit, .query = malloc(limit * sizeof *queue->query)};
    return queue->query ? true : fault_memory(fault, "the queue");
}

void queue_free(struct queue *queue)
{
    free(queue->query);
    queue->query = NULL;
}

bool queue_push(struct queue *queue, const struct query *query)
{
    if (queue->count == queue->limit)
        return false;
    queue->query[(queue->first + queue->count++) % queue->limit] = *query;
    queue->rows += query->rows;
    return true;
}

const struct query *queue_oldest(const struct queue *queue)
{
    return queue->count ? &queue->query[queue->first] : NULL;
}

struct query queue_pop(struct queue *queue)
{
    assert(queue->count > 0);
    const struct query query = queue->query[queue->first];
    queue->first = (queue->first + 1) % queue->limit;
    queue->count--;
    queue->rows -= query.rows;
    return query;
}
