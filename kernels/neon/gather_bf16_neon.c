/* y[s] = sum over k in part s of table[ids[k]], bf16 rows added up in f32.
 *
 *      row   | h h h h h h h h | ..      a load of 8 numbers, each shifted into the upper half
 *      sum   |   q0   |   q1   | ..      of a lane of f32
 *
 * The walk over ids is gather_narrow.h's. Bottleneck: memory latency over the lines in flight; that
 * is what the probe measures. Tails: pieces of 32, 16 and 8 columns, then one to seven that are
 * loaded in parts; the last block has as many rows as are left. */
#include "kernels/neon/rows_bf16.h"

#include "kernels/neon/gather_narrow.h"

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &gather_op,
    .dtype = DTYPE_BF16,
    .backend = &neon_backend,
    .isa = ISA_NEON,
    .features = FEATURES,
    .run = run,
    .about = "64 columns in registers, rows prefetched; bound by memory latency",
};
