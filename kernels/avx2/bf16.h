/* Products of bf16 numbers, f32 sums: the words in which narrow_product.h and the probe are
 * written. i8.h has the same words for integers.
 *
 * A bf16 number with 16 zeros behind it is an f32 one. A group is two terms of an output in 4
 * bytes, and goes in two phases, each of which makes f32 numbers of one of its halves:
 *
 *     weights    | w1 w0 | w1 w0 | ..    phase 0: shifted up, w0 0      sum[o] += w[o, 0] x0
 *                                        phase 1: masked,     w1 0      sum[o] += w[o, 1] x1
 *     x          |  x0   |  x1   | ..    f32 already, rounded to bf16
 *
 * x is rounded in integer arithmetic: adding 0x7fff and the last bit that stays carries into that
 * bit just when nearest, ties to even, goes up. */
#ifndef EKTM_KERNELS_AVX2_BF16_H
#define EKTM_KERNELS_AVX2_BF16_H

#include "kernels/avx2/lanes.h"
#include "kernels/narrow.h"

enum {
    GROUP = 4,             /* bytes of weights                             */
    GROUP_WIDENED = GROUP, /* of those that are widened as they are packed */
    PHASES = 2,
    WIDENED = 2 /* bytes of a rounded input for each of a weight */
};

typedef __m256 sums;

INLINE sums no_sums(void) { return _mm256_setzero_ps(); }

/* Of the groups of 8 outputs at `from`, what a phase multiplies. */
INLINE __m256 weights_at(const char *from, const size_t phase, const size_t group)
{
    (void)group;
    const __m256i groups = _mm256_load_si256((const __m256i *)(const void *)from);
    return _mm256_castsi256_ps(phase == 0 ? _mm256_slli_epi32(groups, 16)
                                          : _mm256_and_si256(groups, _mm256_set1_epi32(-0x10000)));
}

/* What a phase multiplies of a group of a rounded row, for all outputs. */
INLINE __m256 inputs_at(const char *from, const size_t phase)
{
    return _mm256_broadcast_ss((const float *)(const void *)from + phase);
}

/* As an instruction: of two phases in a row gcc would leave some sums where x was, and have no
 * register for others. */
INLINE sums multiply_add(sums sum, __m256 x, __m256 weights)
{
    __asm__("vfmadd231ps %2, %1, %0" : "+x"(sum) : "x"(x), "x"(weights));
    return sum;
}

/* 8 numbers, rounded to bf16; a NaN stays one, quiet. */
INLINE __m256 rounded_vector(__m256 x)
{
    const __m256i bits = _mm256_castps_si256(x);
    const __m256i last = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i up = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), last);
    const __m256 quiet = _mm256_castsi256_ps(_mm256_or_si256(bits, _mm256_set1_epi32(0x400000)));
    const __m256 whole =
        _mm256_blendv_ps(_mm256_castsi256_ps(up), quiet, _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
    return _mm256_and_ps(whole, _mm256_castsi256_ps(_mm256_set1_epi32(-0x10000)));
}

/* narrow_round: a row of x on its way into the product. Whole vectors are written. */
static inline void round_row(char *to, const float *x, size_t terms,
                             const struct rounding *rounding)
{
    (void)rounding;
    float *row = (float *)(void *)to;
    size_t k = 0;
    for (; k + LANES <= terms; k += LANES)
        _mm256_store_ps(row + k, rounded_vector(_mm256_loadu_ps(x + k)));
    if (k < terms)
        _mm256_store_ps(row + k, rounded_vector(load_lanes(x + k, lanes_of(terms - k))));
}

/* bf16 needs to know nothing of a row before it is rounded. */
static narrow_range *const range_of_row = NULL;

/* What makes numbers of 8 outputs' sums: nothing. */
struct meaning {
    char nothing;
};

INLINE struct meaning meaning_of(const struct piece *piece, size_t out)
{
    (void)piece;
    (void)out;
    return (struct meaning){0};
}

INLINE __m256 added(__m256 from, sums sum, const struct meaning *meaning,
                    const struct rounding *rounding)
{
    (void)meaning;
    (void)rounding;
    return _mm256_add_ps(from, sum);
}

#endif
