/* A network's passes over a batch: its tables of layers walked forward and backward, and its
 * weights updated, by one thread or a team.
 *
 * Each layer is cut along the axis that its op may be cut along (struct op), and all members meet
 * behind it. No bit of a result depends on the cut, so none depends on how many threads there are.
 */
#ifndef EKTM_HARNESS_TRAIN_PASS_H
#define EKTM_HARNESS_TRAIN_PASS_H

#include "harness/data/dataset.h"
#include "harness/machine/team.h"
#include "harness/model/touched.h"
#include "harness/train/losses.h"
#include "harness/train/parameters.h"
#include "kernels/kernel.h"

/* A layer and the kernel that computes it. */
struct pass_step {
    const struct kernel *kernel;
    const struct ektm_layer *layer;
    struct call call;
    bool rectified; /* of the forward pass: a ReLU made its input, which is full of zeros then */
};

/* Learning rates, and what else the optimisers are told. */
struct rates {
    float dense, tables; /* Adam's; Adagrad's */
    float decay;         /* L2 on what is dense */
};

struct pass {
    const struct network *network;
    struct parameters *parameters;
    struct team *team;
    struct batch batch;    /* inputs and labels of up to rows_max rows */
    struct tensor *buffer; /* [2 * buffers]: values; gradients         */
    void *block;
    size_t block_bytes, rows;
    size_t steps, forward; /* of the steps the first ones are the forward pass */
    struct pass_step *step;
    struct touched touched;
    struct losses losses;
    const struct kernel *adam, *adagrad;
    struct rates rates;
    size_t taken; /* steps of the optimisers so far */
    bool fresh;   /* weights have changed since they were packed */
    bool failed;  /* out of memory */
    double *ns;   /* [steps + 2]: time in each layer, loss and updates; NULL: not taken */
};

/* Makes room for batches of up to `rows_max` rows. Kernels are the backend's, or borrowed. What it
 * is given must outlive it. `team` NULL: the caller computes alone. */
bool pass_make(struct pass *pass, struct parameters *parameters, const struct backend *backend,
               enum isa isa, size_t rows_max, struct team *team, struct fault *fault);
void pass_free(struct pass *pass);

/* Takes `count` rows of the data as the next batch. */
bool pass_gather(struct pass *pass, const struct dataset *data, const uint32_t *row, size_t count,
                 struct fault *fault);

/* The forward pass over the batch: logits in `buffer[network->logits]`. */
bool pass_forward(struct pass *pass, struct fault *fault);

/* Forward, losses and backward: gradients of what is dense, and of what was embedded. The losses
 * are added to pass->losses. */
bool pass_backward(struct pass *pass, struct fault *fault);

/* pass_backward, then one step of the optimisers. */
bool pass_step(struct pass *pass, struct fault *fault);

/* What the batch's rows were predicted: pCTR, pCVR_1 .. pCVR_T of each, to `p` [rows, T + 1]. */
void pass_predictions(const struct pass *pass, float *p);

#endif
