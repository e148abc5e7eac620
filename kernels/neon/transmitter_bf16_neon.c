/* m = ReLU(A F + a) in bf16. EKTM.md, layer 6.
 *
 * The tile is narrow_product.h's, 8 rows x 8 outputs, with the words of bf16.h:
 *
 *     sums[8][8] --- + a, max(.., 0) ---> m[row .. row+7, out .. out+7]
 *
 * Bottleneck: the multiply-adds from about eight rows on; without BFDOT the shifts
 * that widen both sides share their pipes. Below that the stream of weights, half of f32's. Tails:
 * rows that fill no tile by wider tiles; terms by zeros behind the last group; outputs by a partial
 * store of a padded panel. */
#include "kernels/neon/bf16.h"

#include "kernels/neon/narrow_product.h"

#include "kernels/transmitter_narrow.h"

extern const struct backend neon_backend;

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &transmitter_op,
    .dtype = DTYPE_BF16,
    .backend = &neon_backend,
    .isa = ISA_NEON,
    .features = FEATURES,
    .panel = PANEL,
    .run = run,
    .prepare = prepare,
    .release = free,
    .about = "tile of 16 vectors of sums, ReLU in registers; bound by multiply-adds",
};
