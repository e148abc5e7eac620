/* A training that goes on where it was, to the bit. */
#ifndef EKTM_HARNESS_TRAIN_CHECKPOINT_H
#define EKTM_HARNESS_TRAIN_CHECKPOINT_H

#include "harness/train/trainer.h"

enum { IDENTITY_BYTES = 512 };

/* What must be the same for a training to go on: network, sizes, options, rows. */
void checkpoint_identity(const struct pass *pass, const struct dataset *train,
                         const struct dataset *validation, const struct training *training,
                         char *text, size_t size);

/* Writes a file atomically: weights, what the optimisers remember, the best weights so far (as
 * parameters_take has them) and the progress. */
bool checkpoint_write(const char *path, const struct pass *pass, const float *best,
                      const struct progress *progress, const char *identity, struct fault *fault);

/* Reads one; `*found`: there is a file. One that is damaged, or of another training: a fault. */
bool checkpoint_read(const char *path, struct pass *pass, float *best, struct progress *progress,
                     const char *identity, bool *found, struct fault *fault);

#endif
