/* y = activation(W x + b) in i8. EKTM.md, layers 2 to 4.
 *
 * The tile is narrow_product.h's, 8 rows x 8 outputs, or 4 x 4 without SDOT, with the words of
 * i8.h:
 *
 *     sums[8][8] --- + b, max(.., floor) ---> y[row .. row+7, out .. out+7]
 *
 * Bottleneck: the multiply-adds from about eight rows on, and for narrow layers finding out how to
 * round a row. Below that the stream of weights, a quarter of f32's. Tails: rows that fill no tile
 * by wider tiles; terms by zeros behind the last group; outputs by a partial store of a padded
 * panel. */
#include "kernels/neon/i8.h"

#include "kernels/neon/narrow_product.h"

#include "kernels/dense_narrow.h"

extern const struct backend neon_backend;

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &dense_op,
    .dtype = DTYPE_I8,
    .backend = &neon_backend,
    .isa = ISA_NEON,
    .features = FEATURES,
    .panel = PANEL,
    .run = run,
    .prepare = prepare,
    .release = free,
    .about = "tile of 16 vectors of sums over packed panels; bound by multiply-adds",
};
