/* g = sigmoid(G_f f + G_m m + c), z = f + g m in i8. EKTM.md, layer 7.
 *
 * The tile is narrow_product.h's, 8 rows x 8 outputs, or 4 x 4 without SDOT, with the words of
 * i8.h:
 *
 *     sums[8][8] += f G_f ;  z = sums ;  sums += m G_m ;  z = f + sigmoid(z + sums + c) m
 *
 * Bottleneck: the multiply-adds from about eight rows on, and for narrow layers finding out how to
 * round a row. Below that the stream of weights, a quarter of f32's. Tails: rows that fill no tile
 * by wider tiles; terms by zeros behind the last group; outputs by a partial store of a padded
 * panel. */
#include "kernels/neon/i8.h"

#include "kernels/neon/enhanced_narrow.h"

extern const struct backend neon_backend;

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &enhanced_op,
    .dtype = DTYPE_I8,
    .backend = &neon_backend,
    .isa = ISA_NEON,
    .features = FEATURES,
    .panel = PANEL,
    .run = run,
    .prepare = prepare,
    .release = free,
    .about =
        "tile of 16 vectors of sums over [f ; m] unbuilt, gate on it in L1; bound by multiply-adds",
};
