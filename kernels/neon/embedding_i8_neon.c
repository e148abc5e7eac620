/* Embedding with pooling of i8 tables: x[b,f] = sum or mean of offset + scale q, q the numbers of
 * row first[f] + id of the table, in f32. EKTM.md, layer 1.
 *
 *      row   | q q q q q q q q | .. | scale offset |      8 numbers -> 16 bits -> 32 bits -> f32,
 *      sum   |   q0   |   q1   | ..                       times scale, + offset
 *
 * The walk over bags is embedding_narrow.h's. A bag of one id is stored as it is widened; an empty
 * bag is zeros. Bottleneck: the latency of rows from memory; from the near caches the widening, six
 * instructions to a vector and a half of a load. Tails: pieces of 32, 16 and 8 columns, then one to
 * seven, read whole with what lies behind them and stored in parts. */
#include "kernels/neon/rows_i8.h"

#include "kernels/neon/embedding_narrow.h"

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &embedding_op,
    .dtype = DTYPE_I8,
    .backend = &neon_backend,
    .isa = ISA_NEON,
    .features = FEATURES,
    .run = run,
    .about = "64 columns in registers, rows prefetched across bags; bound by memory latency",
};
