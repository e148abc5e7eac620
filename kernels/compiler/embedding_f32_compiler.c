/* Embedding with pooling: x[b,f] = sum or mean of table[first[f] + id], id in bag (b,f).
 *
 * Bound by the latency of the random rows: nothing is prefetched, the CPU sees no further ahead
 * than its own window. */
#include "kernels/compiler/rows.h"
#include "kernels/variant.h"

extern const struct backend compiler_backend;

static void scale(float *restrict x, float factor, size_t width)
{
    for (size_t e = 0; e < width; e++)
        x[e] *= factor;
}

static void run(const struct call *call)
{
    const size_t *n = call->dims.extent;
    const struct tensor *t = call->tensor;
    const int32_t *ids = t[EMBEDDING_IDS].data, *bag = t[EMBEDDING_BAGS].data;
    const float *table = t[EMBEDDING_TABLE].data;
    size_t ld = t[EMBEDDING_TABLE].ld;

    for (size_t b = 0; b < n[BATCH]; b++)
        for (size_t f = 0; f < n[FIELDS]; f++, bag++) {
            float *x = (float *)t[EMBEDDING_X].data + b * t[EMBEDDING_X].ld + f * n[WIDTH];
            size_t count = (size_t)(bag[1] - bag[0]);
            add_rows(x, table + index_at(&t[EMBEDDING_FIRST], f) * ld, ld, ids + bag[0], count,
                     n[WIDTH]);
            if (call->options.pooling == POOLING_MEAN && count > 1)
                scale(x, 1 / (float)count, n[WIDTH]);
        }
}

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &embedding_op,
    .dtype = DTYPE_F32,
    .backend = &compiler_backend,
    .isa = KERNEL_ISA,
    .run = run,
    .about = "plain C: bag by bag, no prefetch; latency-bound",
};
