/* p = sigmoid(w ReLU(U x + u) + v), U and x in bf16. EKTM.md, layer 8.
 *
 * The tile is narrow_product.h's, 8 rows x 8 outputs, with the words of bf16.h:
 *
 *     sums[8][8] --- + u, max(.., 0) ---> 48 rows of hidden units --- times w ---> logits
 *
 * Bottleneck: the multiply-adds from about eight rows on; without BFDOT the shifts
 * that widen both sides share their pipes. Below that the stream of weights, half of f32's. Tails:
 * rows that fill no tile by wider tiles; terms by zeros behind the last group; outputs by a partial
 * store of a padded panel. */
#include "kernels/neon/bf16.h"

#include "kernels/neon/head_narrow.h"

extern const struct backend neon_backend;

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &head_op,
    .dtype = DTYPE_BF16,
    .backend = &neon_backend,
    .isa = ISA_NEON,
    .features = FEATURES,
    .run = run,
    .prepare = prepare,
    .release = free,
    .about = "tile of 16 vectors of sums, hidden units stay in the caches; bound by multiply-adds",
};
