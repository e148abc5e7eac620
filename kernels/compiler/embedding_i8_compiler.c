/* Embedding with pooling of i8 tables: x[b,f] = sum or mean of offset + scale q of rows
 * table[first[f] + id], id in bag (b,f).
 *
 * Scale and offset lie behind the numbers of each row. Bound by the latency of the random rows:
 * nothing is prefetched, the CPU sees no further ahead than its own window. */
#include "kernels/compiler/embedding_narrow.h"
#include "kernels/variant.h"

extern const struct backend compiler_backend;

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &embedding_op,
    .dtype = DTYPE_I8,
    .backend = &compiler_backend,
    .isa = KERNEL_ISA,
    .run = embedding_narrow,
    .about = "plain C: bag by bag, row by row, no prefetch; latency-bound",
};
