/* Rows of a table, read in random order: asked for long before they are added up.
 *
 * Columns are taken in stripes of up to 8 vectors, whose sums stay in registers while row after row
 * is added:
 *
 *         row ids[k]      |  8 vectors  |          sum += row      waits for nothing: it was
 *            :                                                     asked for (far.h)
 *         row ids[k + n]  |  8 lines    |          asked for       n rows * 8 lines are under way
 */
#ifndef EKTM_KERNELS_AVX512_ROWS_H
#define EKTM_KERNELS_AVX512_ROWS_H

#include "kernels/avx512/lanes.h"
#include "kernels/far.h"

enum { STRIPE_VECTORS = 8, STRIPE = STRIPE_VECTORS * LANES };

typedef __mmask16 row_end; /* the lanes of a row's last vector */

/* Cache lines of so many vectors: a vector is as long. */
INLINE size_t lines_of(const size_t vectors) { return vectors; }

INLINE void row_copy(float *to, const float *row, const size_t vectors, row_end tail)
{
    for (size_t v = 0; v + 1 < vectors; v++)
        _mm512_storeu_ps(to + v * LANES, _mm512_loadu_ps(row + v * LANES));
    to += (vectors - 1) * LANES;
    row += (vectors - 1) * LANES;
    _mm512_mask_storeu_ps(to, tail, _mm512_maskz_loadu_ps(tail, row));
}

/* sum += row; the last vector is masked. */
INLINE void row_add(__m512 sum[STRIPE_VECTORS], const float *row, const size_t vectors,
                    row_end tail)
{
    for (size_t v = 0; v < vectors; v++) {
        const __mmask16 mask = v + 1 == vectors ? tail : 0xffff;
        sum[v] = _mm512_add_ps(sum[v], _mm512_maskz_loadu_ps(mask, row + v * LANES));
    }
}

/* Calls stripe(call, column, width, vectors) for every stripe of `width` of `all` columns;
 * `vectors` is a constant in each of the calls. */
#define FOR_EACH_STRIPE(stripe, call, all)                                                         \
    for (size_t column = 0, width; column < (all); column += width) {                              \
        width = (all)-column < STRIPE ? (all)-column : STRIPE;                                     \
        switch ((width + LANES - 1) / LANES) {                                                     \
            CASES_TO_8(stripe(call, column, width, N))                                             \
        }                                                                                          \
    }

#endif
