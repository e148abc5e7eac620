/* Rows of a table, read in random order: asked for long before they are added up. Whoever includes
 * it has the words of the table's format before (row_f32.h, row_bf16.h, row_i8.h): CELL, a number
 * of a row; BEHIND, bytes behind its last; `struct place`, a row from some column on; place_of; and
 * 8 of its numbers in f32, numbers_at, the first ones of them, numbers_some.
 *
 * Columns are taken in stripes of up to 16 vectors, whose sums stay in registers while row after
 * row is added from memory:
 *
 *         row ids[k]      |  16 vectors |          sum += row      waits for nothing: it was
 *            :                                                     asked for (far.h)
 *         row ids[k + n]  |  8 lines    |          asked for       n rows * 8 lines are under way:
 *                                                                  4 of bf16, 3 of i8
 *
 * Narrow rows need a few registers more to be widened in; some of the 16 sums wait in the L1 then.
 */
#ifndef EKTM_KERNELS_AVX2_ROWS_H
#define EKTM_KERNELS_AVX2_ROWS_H

#include "kernels/avx2/lanes.h"
#include "kernels/far.h"
#include "reference/dtype.h"

enum { STRIPE_VECTORS = 16, STRIPE = STRIPE_VECTORS * LANES };

typedef __m256 vector;

/* The lanes of a row's last vector, and where what the row stands for lies: so many bytes behind
 * the stripe's first column. */
typedef struct {
    struct lanes lanes;
    size_t count, behind;
} row_end;

INLINE row_end row_end_of(const struct tensor *table, size_t column, size_t last)
{
    const size_t behind =
        BEHIND ? (size_t)((const char *)table->affine - (const char *)table->data) - column : 0;
    return (row_end){lanes_of(last), last, behind};
}

/* Numbers from a stripe's first column to the last that is read. */
INLINE size_t reach_of(row_end end, size_t width) { return BEHIND ? end.behind + BEHIND : width; }

/* Cache lines of so many vectors. */
INLINE size_t lines_of(const size_t vectors)
{
    return (vectors * LANES * sizeof(cell) + BEHIND + LINE - 1) / LINE;
}

/* The last vector of a row, from `at` on. */
INLINE vector numbers_last(const struct place *place, size_t at, row_end end)
{
    return numbers_some(place, at, end.lanes, end.count);
}

INLINE void row_copy(float *to, const cell *row, const size_t vectors, row_end end)
{
    const struct place place = place_of(row, end.behind);
    for (size_t v = 0; v + 1 < vectors; v++)
        _mm256_storeu_ps(to + v * LANES, numbers_at(&place, v * LANES));
    const size_t at = (vectors - 1) * LANES;
    store_lanes(to + at, end.lanes, numbers_last(&place, at, end));
}

/* sum = row. */
INLINE void row_set(vector sum[STRIPE_VECTORS], const cell *row, const size_t vectors, row_end end)
{
    const struct place place = place_of(row, end.behind);
    for (size_t v = 0; v + 1 < vectors; v++)
        sum[v] = numbers_at(&place, v * LANES);
    sum[vectors - 1] = numbers_last(&place, (vectors - 1) * LANES, end);
}

/* sum += row. */
INLINE void row_add(vector sum[STRIPE_VECTORS], const cell *row, const size_t vectors, row_end end)
{
    const struct place place = place_of(row, end.behind);
    for (size_t v = 0; v + 1 < vectors; v++)
        sum[v] = _mm256_add_ps(sum[v], numbers_at(&place, v * LANES));
    sum[vectors - 1] =
        _mm256_add_ps(sum[vectors - 1], numbers_last(&place, (vectors - 1) * LANES, end));
}

INLINE void sum_clear(vector sum[STRIPE_VECTORS], const size_t vectors)
{
    for (size_t v = 0; v < vectors; v++)
        sum[v] = _mm256_setzero_ps();
}

INLINE void sum_scale(vector sum[STRIPE_VECTORS], const size_t vectors, float factor)
{
    for (size_t v = 0; v < vectors; v++)
        sum[v] = _mm256_mul_ps(sum[v], _mm256_set1_ps(factor));
}

INLINE void sum_store(float *to, const vector sum[STRIPE_VECTORS], const size_t vectors,
                      row_end end)
{
    for (size_t v = 0; v + 1 < vectors; v++)
        _mm256_storeu_ps(to + v * LANES, sum[v]);
    store_lanes(to + (vectors - 1) * LANES, end.lanes, sum[vectors - 1]);
}

/* Calls stripe(call, column, width, vectors) for every stripe of `width` of `all` columns;
 * `vectors` is a constant in each of the calls. */
#define FOR_EACH_STRIPE(stripe, call, all)                                                         \
    for (size_t column = 0, width; column < (all); column += width) {                              \
        width = (all)-column < STRIPE ? (all)-column : STRIPE;                                     \
        switch ((width + LANES - 1) / LANES) {                                                     \
            CASES_TO_16(stripe(call, column, width, N))                                            \
        }                                                                                          \
    }

#endif
