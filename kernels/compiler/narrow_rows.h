/* Adding up rows of narrow tables, whatever their format, in f32. */
#ifndef EKTM_KERNELS_COMPILER_NARROW_ROWS_H
#define EKTM_KERNELS_COMPILER_NARROW_ROWS_H

#include "reference/dtype.h"

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

/* x = the sum or the mean of `count` rows of the table, first + ids[k]; zeros where there is none.
 */
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

#endif
