/* Whole models side by side on one thread, and what is written of them. */
#ifndef EKTM_HARNESS_BENCH_MODELS_H
#define EKTM_HARNESS_BENCH_MODELS_H

#include "harness/bench/contender.h"
#include "harness/bench/eviction.h"
#include "harness/bench/roof.h"

/* Checks, then times all of them at the job's batch on one thread, side by side; among them, where
 * there is one, the model of the fastest peer at each layer. */
bool models_run(struct models *models, struct run *run, const struct job *job, struct fault *fault);

/* For comparisons with others than our backends: makes a competitor of the contender on `rows`
 * rows, with the run's team, when its predictions are right. False: a fault; invalid says if they
 * are wrong. */
bool models_enter(struct models *models, struct run *run, struct contender *contender, size_t rows,
                  struct competitor *competitor, struct fault *fault);

/* A line of kind model about the contender on the rows that it was entered with, or about whoever
 * else computed the same as `competitor`: without a roof and without comparisons. */
json_t *models_record(struct models *models, struct run *run, struct contender *contender,
                      const struct competitor *competitor);

/* The same with what bounds it. */
json_t *models_record_timed(const struct models *models, struct run *run, const struct roof *roof,
                            const struct contender *contender, const struct competitor *competitor);

/* Sets the columns that say what formats cost the predictions. */
void models_record_quality(json_t *record, const struct quality *quality);

/* What a comparison of passes needs to know of the machine; models_need_of adds what bounds the
 * contender's formats. */
struct need models_need(const struct models *models, const struct run *run, size_t rows);
void models_need_of(struct need *need, const struct models *models, const struct run *run,
                    const struct contender *contender);

#endif
