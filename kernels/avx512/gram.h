/* Inner products of four vectors with four others, all sixteen in one register.
 *
 *               b0   b1   b2   b3                    while e runs: 4 + 4 loads, 16 sums
 *         a0 | sum  sum  sum  sum |
 *         a1 | sum  sum  sum  sum |   then a tree of shuffles and additions:
 *         a2 | sum  sum  sum  sum |   lane 4 i + j = a_i . b_j
 *         a3 | sum  sum  sum  sum |
 *
 * Where a and b are the same vectors the lower half is copied from the upper, 10 sums for 16. Every
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

/* Block i, lane j: the total of sum[i][j]. */
INLINE __m512 totals(__m512 sum[GRAM][GRAM])
{
    __m512 column[GRAM]; /* block i: four lanes that add up to the total of sum[i][j] */
    for (size_t j = 0; j < GRAM; j++)
        column[j] =
            fold_blocks(fold_halves(sum[0][j], sum[1][j]), fold_halves(sum[2][j], sum[3][j]));
    __m512 even = _mm512_add_ps(_mm512_unpacklo_ps(column[0], column[1]),
                                _mm512_unpackhi_ps(column[0], column[1]));
    __m512 odd = _mm512_add_ps(_mm512_unpacklo_ps(column[2], column[3]),
                               _mm512_unpackhi_ps(column[2], column[3]));
    return _mm512_add_ps(_mm512_shuffle_ps(even, odd, _MM_SHUFFLE(1, 0, 1, 0)),
                         _mm512_shuffle_ps(even, odd, _MM_SHUFFLE(3, 2, 3, 2)));
}

/* Lane 4 i + j: a_i . b_j of `width` terms. `same`, a constant: b is a. */
INLINE __m512 gram(const float *const a[GRAM], const float *const b[GRAM], size_t width,
                   const bool same)
{
    __m512 sum[GRAM][GRAM];
    for (size_t i = 0; i < GRAM; i++)
        for (size_t j = 0; j < GRAM; j++)
            sum[i][j] = _mm512_setzero_ps();
    for (size_t e = 0; e < width; e += LANES) {
        const __mmask16 mask = lanes_of(width - e);
        __m512 x[GRAM], y[GRAM];
        for (size_t i = 0; i < GRAM; i++)
            x[i] = _mm512_maskz_loadu_ps(mask, a[i] + e);
        for (size_t j = 0; j < GRAM; j++)
            y[j] = same ? x[j] : _mm512_maskz_loadu_ps(mask, b[j] + e);
        for (size_t i = 0; i < GRAM; i++)
            for (size_t j = same ? i : 0; j < GRAM; j++)
                sum[i][j] = _mm512_fmadd_ps(x[i], y[j], sum[i][j]);
    }
    for (size_t i = 0; same && i < GRAM; i++)
        for (size_t j = 0; j < i; j++)
            sum[i][j] = sum[j][i];
    return totals(sum);
}

#endif
