/* The kernels of one layer, side by side. */
#ifndef EKTM_HARNESS_BENCH_LAYERS_H
#define EKTM_HARNESS_BENCH_LAYERS_H

#include "harness/bench/entry.h"
#include "harness/bench/eviction.h"
#include "harness/bench/roof.h"
#include "harness/bench/training.h"
#include "harness/verify/oracle.h"

/* A layer under test. The reference is timed once, on few rows, and all batches compare with it. */
struct trial_layer {
    const struct subject *subject;
    const struct ektm_layer *layer;
    size_t index;              /* of the layer */
    struct training *training; /* a part of a training step, with operands of its own, in place of
                                  a layer; or NULL */
    struct oracle oracle[DTYPES]; /* of the formats that kernels compute it in */
    void *output;                 /* where kernels write, so that the layers' true inputs stay */
    size_t output_bytes;
    struct entry reference;
    struct competitor reference_time; /* no samples yet: count is 0 */
};

/* Computes the expected results for the plan's largest batch. `layer` is an entry of the model's
 * table or, behind those, a part of its training step. */
bool trial_layer_make(struct trial_layer *trial, const struct run *run,
                      const struct subject *subject, size_t layer, struct fault *fault);
void trial_layer_free(struct trial_layer *trial);

/* Shares the job's batch among its seated threads, with the kernel that was fastest on one, and
 * writes a record with the speed-up over one of those threads, sampled in turns. Nothing where no
 * kernel but peers' and the reference's was timed at that batch. */
bool trial_layer_share(struct trial_layer *trial, struct run *run, const struct job *job,
                       struct fault *fault);

/* Checks, then times every kernel of the layer that was asked for at the job's batch, and writes a
 * record of each. */
bool trial_layer_run(struct trial_layer *trial, struct run *run, const struct job *job,
                     struct fault *fault);

#endif
