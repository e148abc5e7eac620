/* The server against a simulated clock: the instance that is free first is the next to act. */
#include "harness/load/server.h"

#include <math.h>
#include <stdlib.h>

static size_t earliest(const double *ready, size_t instances)
{
    size_t first = 0;
    for (size_t i = 1; i < instances; i++)
        if (ready[i] < ready[first])
            first = i;
    return first;
}

/* One instance after the other, each when it is free: INFINITY once it has left. */
static void simulate(struct server *server, const struct serving *serving,
                     const struct service *service, double *ready)
{
    struct batch batch;
    for (;;) {
        const size_t i = earliest(ready, serving->instances);
        double until = INFINITY;
        if (isinf(ready[i]))
            return;
        switch (server_take(server, ready[i], &batch, &until)) {
        case ERRAND_SERVE:
            until = ready[i] + service->run(service->argument, i, batch.rows);
            server_finish(server, &batch, until);
            break;
        case ERRAND_LEAVE:
            until = INFINITY;
            break;
        case ERRAND_WAIT:
            break;
        }
        ready[i] = until;
    }
}

bool server_run_simulated(const struct serving *serving, const struct traffic *traffic,
                          const struct service *service, struct outcome *outcome,
                          struct fault *fault)
{
    struct server server;
    double *ready = calloc(serving->instances, sizeof *ready);
    if (!ready)
        return fault_memory(fault, "the instances");
    const bool fine = server_begin(&server, serving, traffic, outcome, fault);
    if (fine) {
        simulate(&server, serving, service, ready);
        server_end(&server);
    }
    free(ready);
    return fine;
}
