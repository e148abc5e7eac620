/* The dense layer in i8: y = activation(W x + b), W in i8, the rest in f32.
 *
 *                     16 outputs (one panel)
 *              g | w  w |
 *      6 rows  x | +  + |      g: a group of terms, widened as i8.h says
 *              : | :  : |
 *
 * Tile, blocks and tails are narrow_product.h's, what follows the sums is dense_narrow.h's.
 * Bottleneck: the multiply-adds and the additions of their pairs; for one row widening the weights,
 * with AVX-VNNI their stream. */
#include "kernels/avx2/i8.h"

#include "kernels/avx2/narrow_product.h"
#include "kernels/dense_narrow.h"

extern const struct backend avx2_backend;

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &dense_op,
    .dtype = DTYPE_I8,
    .backend = &avx2_backend,
    .isa = ISA_AVX2,
    .features = FEATURES,
    .panel = PANEL,
    .run = run,
    .prepare = prepare,
    .release = free,
    .about = "6 rows x 16 outputs in registers; bound by multiply-adds, by weights for few rows",
};
