/* Which layers to narrow first: models between f32 and the narrowest that are worth having. */
#ifndef EKTM_HARNESS_BENCH_SEARCH_H
#define EKTM_HARNESS_BENCH_SEARCH_H

#include "harness/bench/models.h"

/* One layer after the other gets a narrower format, from f32 throughout on: always the step that
 * saves most time for the error that it adds. What a step saves is read off the run's own records
 * of the layers at the job's batch; its error, the mean difference of all predictions from f32's,
 * is found by narrowing that layer alone. The models passed on the way are then timed side by side,
 * with their true errors, and recorded. Nothing where no layer is faster in a narrower format. */
bool models_search(struct models *models, struct run *run, const struct job *job,
                   struct fault *fault);

#endif
