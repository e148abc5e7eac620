/* Inner products of four vectors with four others, all sixteen in two registers.
 *
 *               b0   b1   b2   b3                    while e runs, for two a at a time:
 *         a0 | sum  sum  sum  sum |                  2 + 4 loads, 8 sums
 *         a1 | sum  sum  sum  sum |
 *         a2 | sum  sum  sum  sum |   then a tree of horizontal additions:
 *         a3 | sum  sum  sum  sum |   element 4 i + j = a_i . b_j
 *
 * Within one set of vectors the lower half is copied from the upper, and 10 sums for 16 go in one
 * pass. Every sum is added up in the same order, so a . b is the same number wherever it stands. */
#ifndef EKTM_KERNELS_AVX2_GRAM_H
#define EKTM_KERNELS_AVX2_GRAM_H

#include "kernels/avx2/lanes.h"

enum { GRAM = 4, HALVES = 2 };

/* Sixteen numbers, element 4 i + j in lane 4 (i % 2) + j of half i / 2. */
struct block {
    __m256 half[HALVES];
};

/* Lane j: the total of a's j-th sum; lane 4 + j: of b's. */
INLINE __m256 fold_rows(const __m256 a[GRAM], const __m256 b[GRAM])
{
    const __m256 x = _mm256_hadd_ps(_mm256_hadd_ps(a[0], a[1]), _mm256_hadd_ps(a[2], a[3]));
    const __m256 y = _mm256_hadd_ps(_mm256_hadd_ps(b[0], b[1]), _mm256_hadd_ps(b[2], b[3]));
    return _mm256_add_ps(_mm256_permute2f128_ps(x, y, 0x20), _mm256_permute2f128_ps(x, y, 0x31));
}

/* a_i . a_j of `width` terms, i, j < `count`, a constant; the rest is 0. */
INLINE struct block gram_within(const float *const a[GRAM], size_t width, const size_t count)
{
    __m256 sum[GRAM][GRAM];
    for (size_t i = 0; i < GRAM; i++)
        for (size_t j = 0; j < GRAM; j++)
            sum[i][j] = _mm256_setzero_ps();
    for (size_t e = 0; e < width; e += LANES) {
        const struct lanes lanes = lanes_of(width - e);
        __m256 x[GRAM];
        for (size_t i = 0; i < count; i++)
            x[i] = load_lanes(a[i] + e, lanes);
        for (size_t i = 0; i < count; i++)
            for (size_t j = 0; j < count; j++)
                if (i <= j)
                    sum[i][j] = _mm256_fmadd_ps(x[i], x[j], sum[i][j]);
    }
    const __m256 row[GRAM][GRAM] = {{sum[0][0], sum[0][1], sum[0][2], sum[0][3]},
                                    {sum[0][1], sum[1][1], sum[1][2], sum[1][3]},
                                    {sum[0][2], sum[1][2], sum[2][2], sum[2][3]},
                                    {sum[0][3], sum[1][3], sum[2][3], sum[3][3]}};
    const __m256 zero = _mm256_setzero_ps();
    return (struct block){
        {fold_rows(row[0], row[1]), count > 2 ? fold_rows(row[2], row[3]) : zero}};
}

/* a_i . b_j of `width` terms. */
INLINE struct block gram_between(const float *const a[GRAM], const float *const b[GRAM],
                                 size_t width)
{
    struct block block;
    for (size_t h = 0; h < HALVES; h++) {
        const float *a0 = a[2 * h], *a1 = a[2 * h + 1];
        __m256 sum[2][GRAM];
        for (size_t j = 0; j < GRAM; j++)
            sum[0][j] = sum[1][j] = _mm256_setzero_ps();
        for (size_t e = 0; e < width; e += LANES) {
            const struct lanes lanes = lanes_of(width - e);
            const __m256 x0 = load_lanes(a0 + e, lanes), x1 = load_lanes(a1 + e, lanes);
            for (size_t j = 0; j < GRAM; j++) {
                const __m256 y = load_lanes(b[j] + e, lanes);
                sum[0][j] = _mm256_fmadd_ps(x0, y, sum[0][j]);
                sum[1][j] = _mm256_fmadd_ps(x1, y, sum[1][j]);
            }
        }
        block.half[h] = fold_rows(sum[0], sum[1]);
    }
    return block;
}

INLINE struct block block_load(const float *from)
{
    return (struct block){{_mm256_load_ps(from), _mm256_load_ps(from + LANES)}};
}

INLINE void block_store(float *to, struct block block)
{
    _mm256_store_ps(to, block.half[0]);
    _mm256_store_ps(to + LANES, block.half[1]);
}

/* Element 4 i + j of the result is element 4 j + i of `block`. */
INLINE struct block mirrored(struct block block)
{
    /* Pairs of columns: lanes [00 10 01 11 | 02 12 03 13] and [20 30 21 31 | 22 32 23 33]. */
    const __m256i pairs = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    const __m256d x = _mm256_castps_pd(_mm256_permutevar8x32_ps(block.half[0], pairs));
    const __m256d y = _mm256_castps_pd(_mm256_permutevar8x32_ps(block.half[1], pairs));
    const __m256 even = _mm256_castpd_ps(_mm256_unpacklo_pd(x, y)); /* columns 0 and 2 */
    const __m256 odd = _mm256_castpd_ps(_mm256_unpackhi_pd(x, y));  /* columns 1 and 3 */
    return (struct block){
        {_mm256_permute2f128_ps(even, odd, 0x20), _mm256_permute2f128_ps(even, odd, 0x31)}};
}

#endif
