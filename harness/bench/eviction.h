/* Cold caches: every member of the team reads so much else that nothing of the last call is left.
 */
#ifndef EKTM_HARNESS_BENCH_EVICTION_H
#define EKTM_HARNESS_BENCH_EVICTION_H

#include "harness/bench/run.h"

struct eviction {
    struct team *team;
    char *block; /* NULL: caches are left as they are */
    size_t bytes;
};

/* For the run's team. Where the plan wants cold caches, the sampling evicts from now on. */
bool eviction_make(struct eviction *eviction, const struct run *run, struct sampling *sampling,
                   struct fault *fault);
void eviction_free(struct eviction *eviction);

#endif
