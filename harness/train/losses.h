/* The losses of a batch. EKTM.md, T2 to T5, and what the baselines are trained with. */
#ifndef EKTM_HARNESS_TRAIN_LOSSES_H
#define EKTM_HARNESS_TRAIN_LOSSES_H

#include "harness/data/dataset.h"
#include "kernels/kernel.h"
#include "reference/network.h"
#include "reference/operands.h"

/* alpha, beta and gamma of T3 to T5; the weight of AITM's calibrator, as its paper has it. */
#define LOSS_ALPHA      0.1F
#define LOSS_BETA       1.0F
#define LOSS_GAMMA      1.0F
#define LOSS_CALIBRATOR 0.6

struct losses {
    const struct network *network;
    const struct kernel *kernel; /* of the op `loss`                                      */
    double conversions;          /* weight of the conversions' losses beside the clicks'       */
    bool sequential;             /* a conversion needs the one before                     */
    int32_t *label;              /* [rows_max, T + 1]: 0, 1 or -1, as the objective counts */
    float *row;                  /* [rows_max]: its share of the loss                     */
    float scale[TASKS_MAX + 1];  /* 1 over the rows in which a task counts                */
    double total;                /* of the batches so far                                 */
    size_t batches;
};

bool losses_make(struct losses *losses, const struct network *network, const struct kernel *kernel,
                 size_t rows_max, struct fault *fault);
void losses_free(struct losses *losses);

/* Takes in the labels [rows, T + 1] of a batch. */
void losses_label(struct losses *losses, const uint8_t *label, size_t rows);

/* Of some rows: the gradients of the logits, and of the base heads where there are, and each row's
 * share of the loss. `buffer` as in struct pass. */
void losses_rows(const struct losses *losses, const struct tensor *buffer, size_t first,
                 size_t count);

/* Adds up what the batch's rows lost. */
void losses_add(struct losses *losses, size_t rows);

#endif
