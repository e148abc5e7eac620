/* Whole models on many threads. */
#ifndef EKTM_HARNESS_BENCH_SCALING_H
#define EKTM_HARNESS_BENCH_SCALING_H

#include "harness/bench/models.h"

/* Times the fastest with the job's seating: one batch of job->batch rows shared by all threads, or,
 * where that is 0, a batch for each. One thread is sampled before and after, so that the speed-up
 * is of the same minutes. */
bool models_scale(struct models *models, struct run *run, const struct job *job,
                  struct fault *fault);

#endif
