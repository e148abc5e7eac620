/* Dense layer: y = activation(W x + b), for each row of the batch; 8-bit weights and inputs, sums
 * in 32 bits.
 *
 *                 64 outputs (one panel)
 *      group g | w  w  w  w |
 *      6 rows x | +  +  +  + |  -> max(floor, .) -> y      + : a vector of sums in a register
 *            : | :  :  :  : |
 *
 * x is rounded to integers from 0 to 255 between the least and the largest of a row, before the
 * rows of a tile meet their first panel. A group is four terms: one VPDPBUSD takes them in the
 * variant _vnni, two VPMADDWD of even and odd bytes, widened, in the plain one. Both are exact; the
 * scales come in when a sum leaves its register.
 *
 * Tile, blocks and tails are narrow_product.h's. Bottleneck: the multiply-adds from a few rows on,
 * then what a row costs to be rounded; for one row the stream of weights. */
#include "kernels/avx512/i8.h"

#include "kernels/avx512/narrow_product.h"
#include "kernels/dense_narrow.h"

extern const struct backend avx512_backend;

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &dense_op,
    .dtype = DTYPE_I8,
    .backend = &avx512_backend,
    .isa = ISA_AVX512,
    .features = FEATURES,
    .panel = PANEL,
    .run = run,
    .prepare = prepare,
    .release = free,
    .about = "6 rows x 64 outputs in registers; bound by multiply-adds, by weights for few rows",
};
