/* Instances of a composed model, each with processors, threads and inputs of its own: the service
 * that a server under load has. Weights are packed once for each NUMA node and shared by the
 * instances there; tables are shared by all. */
#ifndef EKTM_HARNESS_LOAD_FLEET_H
#define EKTM_HARNESS_LOAD_FLEET_H

#include "harness/bench/contender.h"
#include "harness/load/layouts.h"
#include "harness/load/server.h"

enum {
    PASS_ROWS = 1024, /* that one pass computes at most: a query of more takes several */
    INPUT_ROWS = 2048 /* whose ids the passes of an instance go round                   */
};

struct instance;

struct fleet {
    const struct layout *layout;
    const struct contender *contender;
    const struct run *run;
    struct team *workers; /* a member for each instance; the caller is the first */
    struct instance *instance;
    struct service service;
    bool pinned, oversubscribed;
};

/* Starts the layout's instances of the contender. The run must have no team. A fault of any
 * instance is the fleet's. */
bool fleet_start(struct fleet *fleet, const struct run *run, const struct subject *subject,
                 const struct contender *contender, const struct layout *layout,
                 struct fault *fault);
void fleet_stop(struct fleet *fleet);

/* The first fault that an instance met while it computed; false: none did. */
bool fleet_failed(const struct fleet *fleet, struct fault *fault);

#endif
