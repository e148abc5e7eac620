/* The embedding of narrow tables, whatever their format: rows are added up in f32. */
#ifndef EKTM_KERNELS_COMPILER_EMBEDDING_NARROW_H
#define EKTM_KERNELS_COMPILER_EMBEDDING_NARROW_H

#include "reference/op.h"
#include "reference/operands.h"

/* x[e] = what row `row` of the table stands for, or that much more where `add`. */
static inline void put_row(float *restrict x, const struct tensor *table, size_t row, size_t width,
                           bool add)
{
    if (table->dtype == DTYPE_BF16) {
        const uint16_t *from = (const uint16_t *)table->data + row * table->ld;
        for (size_t e = 0; e < width; e++)
            x[e] = add ? x[e] + bf16_value(from[e]) : bf16_value(from[e]);
        return;
    }
    const int8_t *from = (const int8_t *)table->data + row * table->ld;
    const struct affine a = affine_at(table, row);
    for (size_t e = 0; e < width; e++)
        x[e] = add ? x[e] + (a.offset + a.scale * from[e]) : a.offset + a.scale * from[e];
}

/* One bag. */
static inline void pool(float *restrict x, const struct tensor *table, size_t first,
                        const int32_t *restrict ids, size_t count, size_t width, bool mean)
{
    if (count == 0)
        memset(x, 0, width * sizeof *x);
    for (size_t k = 0; k < count; k++)
        put_row(x, table, first + (size_t)ids[k], width, k > 0);
    const float factor = mean && count > 1 ? 1 / (float)count : 1;
    for (size_t e = 0; e < width && factor < 1; e++)
        x[e] *= factor;
}

static void embedding_narrow(const struct call *call)
{
    const size_t *n = call->dims.extent;
    const struct tensor *t = call->tensor;
    const int32_t *ids = t[EMBEDDING_IDS].data, *bag = t[EMBEDDING_BAGS].data;
    for (size_t b = 0; b < n[BATCH]; b++)
        for (size_t f = 0; f < n[FIELDS]; f++, bag++)
            pool((float *)t[EMBEDDING_X].data + b * t[EMBEDDING_X].ld + f * n[WIDTH],
                 &t[EMBEDDING_TABLE], index_at(&t[EMBEDDING_FIRST], f), ids + bag[0],
                 (size_t)(bag[1] - bag[0]), n[WIDTH], call->options.pooling == POOLING_MEAN);
}

#endif
