/* Rows of a table, read in random order: asked for long before they are added up.
 *
 * Columns are taken in stripes of up to 16 vectors, whose sums stay in registers while row after
 * row is added from memory:
 *
 *         row ids[k]      |  16 vectors |          sum += row      waits for nothing: it was
 *            :                                                     prefetched `rows_ahead` rows ago
 *         row ids[k + n]  |  8 lines    |          prefetch        n rows * 8 lines are under way
 */
#ifndef EKTM_KERNELS_AVX2_ROWS_H
#define EKTM_KERNELS_AVX2_ROWS_H

#include "kernels/avx2/lanes.h"

#include <stdint.h>

enum { VECTORS_OF_LINE = 2, STRIPE_VECTORS = 16, STRIPE = STRIPE_VECTORS * LANES };

/* How many rows are asked for in advance: as many lines as the memory works on at a time, or as the
 * caller wants (0: no wish). They are asked into the L2, which waits for more lines at a time than
 * the L1 does. */
INLINE size_t rows_ahead(const size_t vectors, size_t wanted)
{
    enum { LINES_UNDER_WAY = 384, ROWS_UNDER_WAY = 64 };
    const size_t lines = (vectors + 1) / VECTORS_OF_LINE;
    if (wanted)
        return (wanted + lines - 1) / lines;
    size_t rows = LINES_UNDER_WAY / lines;
    return rows < ROWS_UNDER_WAY ? rows : ROWS_UNDER_WAY;
}

/* Where rows begin within a cache line there is one line more. */
INLINE void row_prefetch(const float *row, const size_t vectors, size_t width)
{
    for (size_t v = 0; v < vectors; v += VECTORS_OF_LINE)
        _mm_prefetch((const char *)(row + v * LANES), _MM_HINT_T1);
    if ((uintptr_t)row % 64)
        _mm_prefetch((const char *)(row + width - 1), _MM_HINT_T1);
}

/* sum += row; the last vector is masked. */
INLINE void row_add(__m256 sum[STRIPE_VECTORS], const float *row, const size_t vectors,
                    struct lanes tail)
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
