/* y[s] = sum over k in part s of table[ids[k]], i8 rows with a scale and an offset each, added up
 * in f32.
 *
 *      row   | q q q q q q q q | .. | scale offset |      8 numbers -> 16 bits -> 32 bits -> f32,
 *      sum   |   q0   |   q1   | ..                       times scale, + offset
 *
 * The walk over ids is gather_narrow.h's. Bottleneck: memory latency over the lines in flight; that
 * is what the probe measures. Tails: pieces of 32, 16 and 8 columns, then one to seven, read whole
 * with what lies behind them; the last block has as many rows as are left. */
#include "kernels/neon/rows_i8.h"

#include "kernels/neon/gather_narrow.h"

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &gather_op,
    .dtype = DTYPE_I8,
    .backend = &neon_backend,
    .isa = ISA_NEON,
    .features = FEATURES,
    .run = run,
    .about = "64 columns in registers, rows prefetched; bound by memory latency",
};
