/* Embedding with pooling: x[b,f] = sum or mean, in f32, of rows table[first[f] + id] of bf16
 * numbers, id in bag (b,f).
 *
 *      row   | lines |  ->  sum | ymm ymm ymm ymm .. | of 16, a stripe of 128 columns
 *
 * The walk over bags is pooled.h's. Rows are widened as row_bf16.h has it. The last vector is
 * masked. An empty bag gives zeros. Bottleneck: the latency of memory and, when that is hidden,
 * how many lines it delivers at a time, of which a row has half as many as in f32; from the near
 * caches the stores into x. */
#include "kernels/avx2/row_bf16.h"
#include "kernels/avx2/rows.h"
#include "kernels/pooled.h"
#include "kernels/variant.h"

extern const struct backend avx2_backend;

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &embedding_op,
    .dtype = DTYPE_BF16,
    .backend = &avx2_backend,
    .isa = ISA_AVX2,
    .run = run,
    .about = "stripes of 16 vectors, rows prefetched across bags; bound by memory's parallelism",
};
