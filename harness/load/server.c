#include "harness/load/server.h"

#include <math.h>

bool server_begin(struct server *s, const struct serving *serving, const struct traffic *traffic,
                  struct outcome *outcome, struct fault *fault)
{
    *s = (struct server){.serving = serving,
                         .traffic = traffic,
                         .outcome = outcome,
                         .before = outcome->latencies.count,
                         .begin = INFINITY};
    arrivals_begin(&s->arrivals, traffic->candidates, traffic->rate, traffic->seed);
    return latencies_extend(&outcome->latencies, traffic->queries, fault) &&
           queue_make(&s->waiting, serving->queue_limit, fault);
}

void outcome_free(struct outcome *outcome)
{
    latencies_free(&outcome->latencies);
    *outcome = (struct outcome){.seconds = 0};
}

/* ---- arrivals -------------------------------------------------------------------------------- */

static bool has_given_up(const struct server *s)
{
    return s->traffic->late_most && s->late > s->traffic->late_most;
}

static bool is_last(const struct server *s)
{
    return has_given_up(s) || s->arrivals.next.number == s->traffic->warm_up + s->traffic->queries;
}

/* Where the query's latency belongs; NULL: it only warms up. */
static double *latency_of(const struct server *s, const struct query *query)
{
    return query->number < s->traffic->warm_up
               ? NULL
               : &s->outcome->latencies.ns[s->before + query->number - s->traffic->warm_up];
}

static void note_arrival(struct server *s, const struct query *query)
{
    if (!latency_of(s, query))
        return;
    s->begin = fmin(s->begin, query->at);
    s->outcome->queries++;
    s->outcome->rows_offered += (double)query->rows;
}

static void shed(struct server *s, const struct query *query)
{
    double *latency = latency_of(s, query);
    if (!latency)
        return;
    *latency = INFINITY;
    s->late++;
    s->outcome->latencies.shed++;
    s->outcome->shed++;
}

/* Lets in what has arrived by now. */
static void admit(struct server *s, double now)
{
    while (!is_last(s) && s->arrivals.next.at <= now) {
        const struct query query = arrivals_take(&s->arrivals);
        note_arrival(s, &query);
        if (!queue_push(&s->waiting, &query))
            shed(s, &query);
    }
}

/* ---- taking ---------------------------------------------------------------------------------- */

static bool has_room(const struct server *s, const struct batch *batch, size_t rows)
{
    if (batch->count == 0)
        return true;
    return s->serving->batching > 0 && batch->count < BATCH_QUERIES_MAX &&
           batch->rows + rows <= s->serving->batch_rows;
}

static void put(struct batch *batch, const struct query *query)
{
    batch->query[batch->count++] = *query;
    batch->rows += query->rows;
}

/* Queries arrive as they are taken. */
static enum errand take_closed(struct server *s, double now, struct batch *batch)
{
    while (!is_last(s) && has_room(s, batch, s->arrivals.next.rows)) {
        struct query query = arrivals_take(&s->arrivals);
        query.at = now;
        note_arrival(s, &query);
        put(batch, &query);
    }
    return batch->count ? ERRAND_SERVE : ERRAND_LEAVE;
}

/* Until when the oldest query waits for company. */
static double patience(const struct server *s)
{
    const bool full = s->waiting.rows >= s->serving->batch_rows;
    return full || is_last(s) ? 0 : queue_oldest(&s->waiting)->at + s->serving->batching;
}

static enum errand take_open(struct server *s, double now, struct batch *batch, double *until)
{
    admit(s, now);
    if (!s->waiting.count) {
        *until = s->arrivals.next.at;
        return is_last(s) ? ERRAND_LEAVE : ERRAND_WAIT;
    }
    if (now < patience(s)) {
        *until = fmin(s->arrivals.next.at, patience(s));
        return ERRAND_WAIT;
    }
    while (s->waiting.count && has_room(s, batch, queue_oldest(&s->waiting)->rows)) {
        const struct query query = queue_pop(&s->waiting);
        put(batch, &query);
    }
    return ERRAND_SERVE;
}

enum errand server_take(struct server *s, double now, struct batch *batch, double *until)
{
    batch->count = batch->rows = 0;
    return s->traffic->rate > 0 ? take_open(s, now, batch, until) : take_closed(s, now, batch);
}

void server_finish(struct server *s, const struct batch *batch, double now)
{
    for (size_t i = 0; i < batch->count; i++) {
        double *latency = latency_of(s, &batch->query[i]);
        if (!latency)
            continue;
        *latency = now - batch->query[i].at;
        s->late += *latency > s->traffic->late;
        s->end = fmax(s->end, now);
        s->outcome->rows += (double)batch->query[i].rows;
        s->outcome->completed++;
    }
}

void server_end(struct server *s)
{
    const size_t arrived = s->arrivals.next.number, warm_up = s->traffic->warm_up;
    s->outcome->latencies.count = s->before + (arrived > warm_up ? arrived - warm_up : 0);
    s->outcome->seconds += fmax(s->end - s->begin, 0) / 1e9;
    s->outcome->given_up = s->outcome->given_up || has_given_up(s);
    queue_free(&s->waiting);
}
