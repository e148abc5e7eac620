/* The head in i8: p = sigmoid(w ReLU(U x + u) + v), U in i8, the rest in f32.
 *
 *                     16 outputs (one panel)
 *              g | w  w |
 *      6 rows  x | +  + |      g: a group of terms, widened as i8.h says
 *              : | :  : |
 *
 * Tile, blocks and tails are narrow_product.h's, what follows the sums is head_narrow.h's.
 * Bottleneck: the multiply-adds and the additions of their pairs; for one row widening the weights,
 * with AVX-VNNI their stream. */
#include "kernels/avx2/i8.h"

#include "kernels/avx2/head_narrow.h"

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &head_op,
    .dtype = DTYPE_I8,
    .backend = &avx2_backend,
    .isa = ISA_AVX2,
    .features = FEATURES,
    .run = run,
    .prepare = prepare,
    .release = free,
    .about = "6 rows x 16 hidden units in registers, w and sigmoid in L1; bound by multiply-adds",
};
