/* The whole model, composed for each backend and instruction set. */
#ifndef EKTM_HARNESS_BENCH_MODELS_H
#define EKTM_HARNESS_BENCH_MODELS_H

#include "harness/bench/eviction.h"
#include "harness/bench/roof.h"

enum { MODELS_MAX = 16 };

/* A composed model as a competitor, on `rows` rows. */
struct contender {
    const struct backend *backend;
    enum isa isa;
    struct composed *composed; /* [copies]: passes go round them, each with packed weights of its
                                  own; 1 unless caches rotate                                   */
    size_t copies, next;
    double prepare_ns, error;
    bool invalid; /* a prediction was wrong: it is not timed any more */
    double speed; /* rows a second of one thread at the last batch; 0: not measured */
    size_t rows;
    size_t row; /* whose ids the next pass takes first, and what they go round at */
    size_t rows_all;
    struct team *team; /* whose members compute */
};

struct models {
    struct subject *subject;
    size_t count;
    struct contender contender[MODELS_MAX];
    size_t reference_rows;
    struct competitor reference_time; /* of contender `reference`; no samples: count is 0 */
};

/* Chooses kernels and prepares weights for every backend and instruction set that was asked for
 * and runs here. */
bool models_make(struct models *models, struct run *run, struct subject *subject,
                 struct fault *fault);
void models_free(struct models *models);

/* Checks, then times all of them at the job's batch on one thread, side by side. */
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

/* Times the fastest with the job's seating: one batch shared by all threads, and a batch for each.
 * One thread is sampled before and after, so that the speed-up is of the same minutes. */
bool models_scale(struct models *models, struct run *run, const struct job *job,
                  struct fault *fault);

#endif
