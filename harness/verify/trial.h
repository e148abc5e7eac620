/* The shapes that kernels are tried on: awkward ones for every op, and the layers of a preset. */
#ifndef EKTM_HARNESS_VERIFY_TRIAL_H
#define EKTM_HARNESS_VERIFY_TRIAL_H

#include "harness/fault.h"
#include "reference/ektm.h"

#include <stdint.h>

struct trial {
    const struct op *op;
    struct dims dims; /* IDS of `embedding` is 0: it follows from the bags */
    struct options options;
    size_t gap;     /* elements between one row and the next of each tensor that has rows */
    size_t bag_max; /* bags hold 0 .. bag_max ids */
    bool extreme;   /* numbers of the largest spread, integers of the largest sums */
    bool zeros;     /* most numbers of the inputs are 0, as behind a ReLU */
    size_t bag_odd; /* 0: all do; else one in so many does, and the others hold 1 */
    uint64_t seed;  /* of the values */
};

/* How many trials bring in each awkward extent of each axis of the op once or more: 1, vector and
 * tile sizes and their neighbours, primes, 0 rows. */
size_t awkward_trials(const struct op *op);

/* Trial `index` of those that `seed` draws: the seed chooses which extents meet. */
struct trial awkward_trial(const struct op *op, size_t index, uint64_t seed);

/* A layer of the model at its own size for `rows` rows, its embedding tables cut short. */
struct trial layer_trial(const struct ektm_preset *preset, const struct ektm_layer *layer,
                         size_t rows, uint64_t seed);

/* Such as "BATCH 3, IN 17, OUT 5, relu, gap 1, seed 7". */
void trial_describe(const struct trial *trial, char *text, size_t size);

#endif
