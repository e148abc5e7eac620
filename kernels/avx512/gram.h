/* Inner products of four vectors with four others, all sixteen in one register.
 *
 *               b0   b1   b2   b3                    while e runs: 4 + 4 loads, 16 sums
 *         a0 | sum  sum  sum  sum |
 *         a1 | sum  sum  sum  sum |   then a tree of shuffles and additions:
 *         a2 | sum  sum  sum  sum |   lane 4 i + j = a_i . b_j
 *         a3 | sum  sum  sum  sum |
 *
 * Within one set of vectors the lower half is copied from the upper, 10 sums for 16. Every
 * sum is added up in the same order, so a . b is the same number wherever it stands. */
#ifndef EKTM_KERNELS_AVX512_GRAM_H
#define EKTM_KERNELS_AVX512_GRAM_H

#include "kernels/avx512/lanes.h"

enum { GRAM = 4 };

/* Blocks of four lanes: [x0+x2, x1+x3, y0+y2, y1+y3]. */
INLINE __m512 fold_halves(__m512 x, __m512 y)
{
    return _mm512_add_ps(_mm512_shuffle_f32x4(x, y, _MM_SHUFFLE(1, 0, 1, 0)),
                         _mm512_shuffle_f32x4(x, y, _MM_SHUFFLE(3, 2, 3, 2)));
}

/* Blocks of four lanes: [x0+x1, x2+x3, y0+y1, y2+y3]. */
INLINE __m512 fold_blocks(__m512 x, __m512 y)
{
    return _mm512_add_ps(_mm512_shuffle_f32x4(x, y, _MM_SHUFFLE(2, 0, 2, 0)),
                         _mm512_shuffle_f32x4(x, y, _MM_SHUFFLE(3, 1, 3, 1)));
}

/* Four lanes of block i add up to the total of column[i], i < `count`; the other blocks repeat
 * some of those. */
INLINE __m512 fold_column(const __m512 column[GRAM], const size_t count)
{
    const __m512 first = fold_halves(column[0], column[count > 1 ? 1 : 0]);
    return fold_blocks(first,
                       count > 2 ? fold_halves(column[2], column[count > 3 ? 3 : 2]) : first);
}

/* Block i, lane j: the total of block i of folded[j], j < `count`; the other lanes repeat. */
INLINE __m512 fold_lanes(const __m512 folded[GRAM], const size_t count)
{
    const __m512 x = folded[0], y = folded[count > 1 ? 1 : 0];
    const __m512 even = _mm512_add_ps(_mm512_unpacklo_ps(x, y), _mm512_unpackhi_ps(x, y));
    __m512 odd = even;
    if (count > 2) {
        const __m512 z = folded[2], w = folded[count > 3 ? 3 : 2];
        odd = _mm512_add_ps(_mm512_unpacklo_ps(z, w), _mm512_unpackhi_ps(z, w));
    }
    return _mm512_add_ps(_mm512_shuffle_ps(even, odd, _MM_SHUFFLE(1, 0, 1, 0)),
                         _mm512_shuffle_ps(even, odd, _MM_SHUFFLE(3, 2, 3, 2)));
}

/* Lane 4 i + j: a_i . a_j of `width` terms, i, j < `count`, a constant. */
INLINE __m512 gram_within(const float *const a[GRAM], size_t width, const size_t count)
{
    __m512 sum[GRAM][GRAM], folded[GRAM];
    for (size_t i = 0; i < GRAM; i++)
        for (size_t j = 0; j < GRAM; j++)
            sum[i][j] = _mm512_setzero_ps();
    for (size_t e = 0; e < width; e += LANES) {
        const __mmask16 mask = lanes_of(width - e);
        __m512 x[GRAM];
        for (size_t i = 0; i < count; i++)
            x[i] = _mm512_maskz_loadu_ps(mask, a[i] + e);
        for (size_t i = 0; i < count; i++)
            for (size_t j = 0; j < count; j++)
                if (i <= j)
                    sum[i][j] = _mm512_fmadd_ps(x[i], x[j], sum[i][j]);
    }
    const __m512 column[GRAM][GRAM] = {{sum[0][0], sum[0][1], sum[0][2], sum[0][3]},
                                       {sum[0][1], sum[1][1], sum[1][2], sum[1][3]},
                                       {sum[0][2], sum[1][2], sum[2][2], sum[2][3]},
                                       {sum[0][3], sum[1][3], sum[2][3], sum[3][3]}};
    for (size_t j = 0; j < GRAM; j++)
        folded[j] = fold_column(column[j], count);
    return fold_lanes(folded, count);
}

/* Lane 4 i + j: a_i . b_j of `width` terms. */
INLINE __m512 gram_between(const float *const a[GRAM], const float *const b[GRAM], size_t width)
{
    __m512 sum[GRAM][GRAM];
    for (size_t i = 0; i < GRAM; i++)
        for (size_t j = 0; j < GRAM; j++)
            sum[i][j] = _mm512_setzero_ps();
    for (size_t e = 0; e < width; e += LANES) {
        const __mmask16 mask = lanes_of(width - e);
        __m512 y[GRAM];
        for (size_t j = 0; j < GRAM; j++)
            y[j] = _mm512_maskz_loadu_ps(mask, b[j] + e);
        for (size_t i = 0; i < GRAM; i++) {
            __m512 x = _mm512_maskz_loadu_ps(mask, a[i] + e);
            for (size_t j = 0; j < GRAM; j++)
                sum[i][j] = _mm512_fmadd_ps(x, y[j], sum[i][j]);
        }
    }
    __m512 folded[GRAM];
    for (size_t j = 0; j < GRAM; j++) {
        const __m512 column[GRAM] = {sum[0][j], sum[1][j], sum[2][j], sum[3][j]};
        folded[j] = fold_column(column, GRAM);
    }
    return fold_lanes(folded, GRAM);
}

#endif
