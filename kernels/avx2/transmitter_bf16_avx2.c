/* The transmitter in bf16: m = ReLU(A F + a), A in bf16, the rest in f32.
 *
 *                     16 outputs (one panel)
 *              g | w  w |
 *      6 rows  x | +  + |      g: a group of terms, widened as bf16.h says
 *              : | :  : |
 *
 * Tile, blocks and tails are narrow_product.h's, what follows the sums is transmitter_narrow.h's.
 * Bottleneck: the f32 multiply-adds; for one row the stream of weights, half as many bytes as in
 * f32. */
#include "kernels/avx2/bf16.h"

#include "kernels/avx2/narrow_product.h"
#include "kernels/transmitter_narrow.h"

extern const struct backend avx2_backend;

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &transmitter_op,
    .dtype = DTYPE_BF16,
    .backend = &avx2_backend,
    .isa = ISA_AVX2,
    .features = FEATURES,
    .panel = PANEL,
    .run = run,
    .prepare = prepare,
    .release = free,
    .about = "6 rows x 16 outputs in registers, bias and ReLU fused; bound by multiply-adds",
};
