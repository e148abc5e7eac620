/* Embedding with pooling of bf16 tables: x[b,f] = sum or mean of table[first[f] + id], id in bag
 * (b,f).
 *
 * Each row is widened on its way into the sum. Bound by the latency of the random rows: nothing is
 * prefetched, the CPU sees no further ahead than its own window. */
#include "kernels/compiler/embedding_narrow.h"
#include "kernels/variant.h"

extern const struct backend compiler_backend;

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &embedding_op,
    .dtype = DTYPE_BF16,
    .backend = &compiler_backend,
    .isa = KERNEL_ISA,
    .run = embedding_narrow,
    .about = "plain C: bag by bag, row by row, no prefetch; latency-bound",
};
