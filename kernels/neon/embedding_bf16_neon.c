/* Embedding with pooling of bf16 tables: x[b,f] = sum or mean, in f32, of table[first[f] + id] over
 * the ids of bag (b,f). EKTM.md, layer 1.
 *
 *      row   | h h h h h h h h | ..      a load of 8 numbers, each shifted into the upper half
 *      sum   |   q0   |   q1   | ..      of a lane of f32
 *
 * The walk over bags is embedding_narrow.h's. A bag of one id is a copy, widened; an empty bag is
 * zeros. Bottleneck: the latency of rows from memory, of which each has half of f32's lines. Tails:
 * pieces of 32, 16 and 8 columns, then one to seven that are loaded in parts. */
#include "kernels/neon/rows_bf16.h"

#include "kernels/neon/embedding_narrow.h"

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &embedding_op,
    .dtype = DTYPE_BF16,
    .backend = &neon_backend,
    .isa = ISA_NEON,
    .features = FEATURES,
    .run = run,
    .about = "64 columns in registers, rows prefetched across bags; bound by memory latency",
};
