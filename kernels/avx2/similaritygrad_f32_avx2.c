/* Gradient of the router by the task vectors: from the shares' derivatives, summed over the batch.
 *
 *     ds of all rows  ->  T x T, through softmax and cosines  ->  times u, 8 columns at a time  ->
 * du
 *
 * The passes are similaritygrad.h's. Bottleneck: reading ds. The last vector of a row is masked. */
#include "kernels/avx2/words.h"
#include "kernels/words.h"
#include "kernels/similaritygrad.h"
#include "kernels/kernel.h"

extern const struct op similaritygrad_op;
extern const struct backend avx2_backend;

static void run(const struct call *call) { similaritygrad(call); }

const struct kernel similaritygrad_f32_avx2 = {
    .name = "similaritygrad_f32_avx2",
    .op = &similaritygrad_op,
    .dtype = DTYPE_F32,
    .backend = &avx2_backend,
    .isa = ISA_AVX2,
    .run = run,
    .about = "a sum over the batch, then T x T by vectors; bound by reading",
};
