/* Embedding with pooling: x[b,f] = sum or mean, in f32, of rows table[first[f] + id] of i8 numbers
 * q, which stand for offset + scale q, id in bag (b,f).
 *
 *      row   | lines |  ->  sum | zmm zmm zmm zmm .. | of 8, a stripe of 128 columns
 *
 * The walk over bags is pooled.h's. Rows are widened as row_i8.h has it, with the scale and offset
 * behind each. The last vector is masked. An empty bag gives zeros. Bottleneck: the latency of
 * memory and, when that is hidden, how many lines it delivers at a time, of which a row has three
 * for eight of f32; from the near caches the stores into x. */
#include "kernels/avx512/row_i8.h"
#include "kernels/avx512/rows.h"
#include "kernels/pooled.h"
#include "kernels/variant.h"

extern const struct backend avx512_backend;

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &embedding_op,
    .dtype = DTYPE_I8,
    .backend = &avx512_backend,
    .isa = ISA_AVX512,
    .run = run,
    .about = "stripes of 8 vectors, rows prefetched across bags; bound by memory's parallelism",
};
