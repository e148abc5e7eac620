/* The server against the machine's clock: a thread for each instance, which computes itself. */
#include "harness/load/server.h"

#include "harness/measure/clock.h"

#include <pthread.h>
#include <time.h>

/* A thread that waits longer than that sleeps until so many ns before the time: it needs some to
 * wake up. */
#define WAKE_NS 100e3

struct live {
    struct server server;
    const struct service *service;
    const volatile sig_atomic_t *stop;
    pthread_mutex_t mutex; /* of the server */
    uint64_t start;
};

static double now_of(const struct live *live) { return (double)(clock_now() - live->start); }

static bool is_stopped(const struct live *live) { return live->stop && *live->stop; }

/* Waits until that time after the start. */
static void wait_until(const struct live *live, double until)
{
    const double ahead = until - now_of(live) - WAKE_NS;
    if (ahead > 0) {
        const struct timespec time = {(time_t)(ahead / 1e9), (long)ahead % 1000000000};
        nanosleep(&time, NULL);
    }
    while (now_of(live) < until && !is_stopped(live))
        ;
}

static enum errand take(struct live *live, struct batch *batch, double *until)
{
    pthread_mutex_lock(&live->mutex);
    const enum errand errand = server_take(&live->server, now_of(live), batch, until);
    pthread_mutex_unlock(&live->mutex);
    return is_stopped(live) ? ERRAND_LEAVE : errand;
}

static void finish(struct live *live, const struct batch *batch)
{
    const double end = now_of(live);
    pthread_mutex_lock(&live->mutex);
    server_finish(&live->server, batch, end);
    pthread_mutex_unlock(&live->mutex);
}

/* A team_work: one instance until there is nothing left to take. */
static void serve(void *argument, size_t instance, size_t instances)
{
    struct live *live = argument;
    struct batch batch;
    double until;
    (void)instances;
    for (;;)
        switch (take(live, &batch, &until)) {
        case ERRAND_SERVE:
            live->service->run(live->service->argument, instance, batch.rows);
            finish(live, &batch);
            break;
        case ERRAND_WAIT:
            wait_until(live, until);
            break;
        case ERRAND_LEAVE:
            return;
        }
}

bool server_run_live(const struct serving *serving, const struct traffic *traffic,
                     const struct service *service, struct team *workers,
                     const volatile sig_atomic_t *stop, struct outcome *outcome,
                     struct fault *fault)
{
    struct live live = {.service = service, .stop = stop, .mutex = PTHREAD_MUTEX_INITIALIZER};
    if (!server_begin(&live.server, serving, traffic, outcome, fault))
        return false;
    live.start = clock_now();
    team_run(workers, serve, &live);
    server_end(&live.server);
    return true;
}
