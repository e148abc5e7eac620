/* Gradient of the router by the task vectors: from the shares' derivatives, summed over the batch.
 *
 *     ds of all rows  ->  T x T, through softmax and cosines  ->  times u, 4 columns at a time  ->
 * du
 *
 * The passes are similaritygrad.h's. Bottleneck: reading ds. The last vector of a row is read and
 * stored in part. */
#include "kernels/neon/words.h"
#include "kernels/words.h"
#include "kernels/similaritygrad.h"
#include "kernels/kernel.h"

extern const struct op similaritygrad_op;
extern const struct backend neon_backend;

static void run(const struct call *call) { similaritygrad(call); }

const struct kernel similaritygrad_f32_neon = {
    .name = "similaritygrad_f32_neon",
    .op = &similaritygrad_op,
    .dtype = DTYPE_F32,
    .backend = &neon_backend,
    .isa = ISA_NEON,
    .run = run,
    .about = "a sum over the batch, then T x T by vectors; bound by reading",
};
