/* Rows of a table, read in random order: asked for long before they are added up.
 *
 * Columns are taken in stripes of up to 8 vectors, whose sums stay in registers while row after row
 * is added:
 *
 *         row ids[k]      |  8 vectors  |          sum += row      waits for nothing: it was
 *            :                                                     prefetched `rows_ahead` rows ago
 *         row ids[k + n]  |  8 lines    |          prefetch        n rows * 8 lines are under way
 */
#ifndef EKTM_KERNELS_AVX512_ROWS_H
#define EKTM_KERNELS_AVX512_ROWS_H

#include "kernels/avx512/lanes.h"

#include <stdint.h>

enum { STRIPE_VECTORS = 8, STRIPE = STRIPE_VECTORS * LANES };

/* How many rows are asked for in advance: as many lines as the memory works on at a time, or as the
 * caller wants (0: no wish). They are asked into the L2, which waits for more lines at a time than
 * the L1 does. */
INLINE size_t rows_ahead(const size_t vectors, size_t wanted)
{
    enum { LINES_UNDER_WAY = 384, ROWS_UNDER_WAY = 64 };
    if (wanted)
        return (wanted + vectors - 1) / vectors;
    size_t rows = LINES_UNDER_WAY / vectors;
    return rows < ROWS_UNDER_WAY ? rows : ROWS_UNDER_WAY;
}

/* A vector is as long as a cache line; where rows begin within a line there is one line more. */
INLINE void row_prefetch(const float *row, const size_t vectors, size_t width)
{
    for (size_t v = 0; v < vectors; v++)
        _mm_prefetch((const char *)(row + v * LANES), _MM_HINT_T1);
    if ((uintptr_t)row % 64)
        _mm_prefetch((const char *)(row + width - 1), _MM_HINT_T1);
}

/* sum += row; the last vector is masked. */
INLINE void row_add(__m512 sum[STRIPE_VECTORS], const float *row, const size_t vectors,
                    __mmask16 tail)
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
