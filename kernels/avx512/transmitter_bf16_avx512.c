/* Transmitter of one CVR task: m = ReLU(A F + a), for each row of the batch; bf16 weights and
 * inputs, sums in f32.
 *
 *                 64 of the d outputs
 *      group g | A  A  A  A |
 *      6 rows F | +  +  +  + |  -> max(0, .) -> m      + : a vector of sums in a register
 *            : | :  :  :  : |
 *
 * F is rounded to bf16, to nearest even, before the rows of a tile meet their first panel. A group
 * is two terms: one VDPBF16PS takes them in the variant _bf16, two multiply-adds of their halves,
 * widened, in the plain one. VDPBF16PS takes a denormal number for 0, which may change the last bit
 * of a sum that is itself next to denormal, and no other.
 *
 * Tile, blocks and tails are narrow_product.h's. Bottleneck: the multiply-adds from a few rows on,
 * then what a row costs to be rounded; for one row the stream of weights. */
#include "kernels/avx512/bf16.h"

#include "kernels/avx512/narrow_product.h"
#include "kernels/transmitter_narrow.h"

extern const struct backend avx512_backend;

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &transmitter_op,
    .dtype = DTYPE_BF16,
    .backend = &avx512_backend,
    .isa = ISA_AVX512,
    .features = FEATURES,
    .panel = PANEL,
    .run = run,
    .prepare = prepare,
    .release = free,
    .about = "6 rows x 64 outputs in registers, bias and ReLU fused; bound by multiply-adds",
};
