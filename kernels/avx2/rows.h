/* Rows of a table, read in random order: asked for long before they are added up.
 *
 * Columns are taken in stripes of up to 16 vectors, whose sums stay in registers while row after
 * row is added from memory:
 *
 *         row ids[k]      |  16 vectors |          sum += row      waits for nothing: it was
 *            :                                                     asked for (far.h)
 *         row ids[k + n]  |  8 lines    |          asked for       n rows * 8 lines are under way
 */
#ifndef EKTM_KERNELS_AVX2_ROWS_H
#define EKTM_KERNELS_AVX2_ROWS_H

#include "kernels/avx2/lanes.h"
#include "kernels/far.h"

enum { STRIPE_VECTORS = 16, STRIPE = STRIPE_VECTORS * LANES };

typedef struct lanes row_end; /* the lanes of a row's last vector */

/* Cache lines of so many vectors. */
INLINE size_t lines_of(const size_t vectors) { return (vectors + 1) / 2; }

INLINE void row_copy(float *to, const float *row, const size_t vectors, row_end tail)
{
    for (size_t v = 0; v + 1 < vectors; v++)
        _mm256_storeu_ps(to + v * LANES, _mm256_loadu_ps(row + v * LANES));
    to += (vectors - 1) * LANES;
    row += (vectors - 1) * LANES;
    store_lanes(to, tail, load_lanes(row, tail));
}

/* sum += row; the last vector is masked. */
INLINE void row_add(__m256 sum[STRIPE_VECTORS], const float *row, const size_t vectors,
                    row_end tail)
{
    for (size_t v = 0; v + 1 < vectors; v++)
        sum[v] = _mm256_add_ps(sum[v], _mm256_loadu_ps(row + v * LANES));
    sum[vectors - 1] =
        _mm256_add_ps(sum[vectors - 1], load_lanes(row + (vectors - 1) * LANES, tail));
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
