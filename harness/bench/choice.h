/* Which kernel is best at a layer, by what a run found on one thread. */
#ifndef EKTM_HARNESS_BENCH_CHOICE_H
#define EKTM_HARNESS_BENCH_CHOICE_H

#include "harness/results/record.h"
#include "kernels/kernel.h"
#include "reference/ektm.h"

/* A batch of a preset's layers, and the records that tell of it. */
struct found {
    const json_t *records; /* a run's */
    const char *preset;
    size_t rows;
};

/* The fastest f32 kernel of the layer among those that `admits` names: by the least median; the
 * first one recorded of several alike. What the machine disturbed too much (`invalid`) counts only
 * where there is nothing else. NULL: none was timed at that batch. */
const struct kernel *choice_fastest(const struct found *found, const char *layer,
                                    bool (*admits)(const struct kernel *));

/* Sets kernel[l] to the fastest peer's at each layer of the model; NULL where no peer that was
 * timed has a kernel of its op. False: there is nothing to choose, for fewer than two peers were
 * timed at that batch, or a layer of theirs was not. */
bool choice_of_peers(const struct found *found, const struct ektm *ektm,
                     const struct kernel **kernel);

#endif
