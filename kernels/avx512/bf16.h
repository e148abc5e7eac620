/* Products of bf16 numbers, f32 sums: the words in which narrow_product.h and the probe are
 * written. i8.h has the same words for integers.
 *
 * A group is two terms of an output in 4 bytes, and one of x is broadcast to all 16 outputs. With
 * AVX512-BF16 an instruction takes both terms:
 *
 *     x          | x1 x0 | x1 x0 | ..        sum[o] += w[o, 1] x1,  sum[o] += w[o, 0] x0
 *     weights    | w1 w0 | w1 w0 | ..
 *
 * It takes denormal numbers for 0, and the conversion of x does, too: terms that are below 2^-126
 * by a factor of themselves are dropped, which is far below the last bit of any sum of normal ones.
 *
 * Without it a group goes in two phases, x0 w0 and then x1 w1: a bf16 number with 16 zeros behind
 * it is an f32 one, so a shift makes one of the lower half and a mask one of the upper half. x is
 * rounded in integer arithmetic: adding 0x7fff and the last bit that stays carries into that bit
 * just when nearest, ties to even, goes up. */
#ifndef EKTM_KERNELS_AVX512_BF16_H
#define EKTM_KERNELS_AVX512_BF16_H

#include "kernels/avx512/lanes.h"
#include "kernels/narrow.h"

#include <string.h>

typedef __m512 sums;

INLINE sums no_sums(void) { return _mm512_setzero_ps(); }

#ifdef __AVX512BF16__
enum { PHASES = 1 };

INLINE __m512i factors_of(__m512i groups, const size_t phase)
{
    (void)phase;
    return groups;
}

INLINE sums multiply_add(sums sum, __m512i x, __m512i weights)
{
    return _mm512_dpbf16_ps(sum, (__m512bh)x, (__m512bh)weights);
}

/* 32 numbers, the first 16 in the lower half. */
INLINE __m512i rounded_pair(__m512 first, __m512 second)
{
    return (__m512i)_mm512_cvtne2ps_pbh(second, first);
}
#else
enum { PHASES = 2 };

INLINE __m512i factors_of(__m512i groups, const size_t phase)
{
    return phase == 0 ? _mm512_slli_epi32(groups, 16)
                      : _mm512_and_si512(groups, _mm512_set1_epi32(-0x10000));
}

INLINE sums multiply_add(sums sum, __m512i x, __m512i weights)
{
    return _mm512_fmadd_ps(_mm512_castsi512_ps(x), _mm512_castsi512_ps(weights), sum);
}

/* The upper halves of 16 numbers, rounded; a NaN stays one, quiet. */
INLINE __m512i rounded_halves(__m512 x)
{
    const __m512i bits = _mm512_castps_si512(x);
    const __m512i last = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const __m512i up = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), last);
    const __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    const __m512i whole = _mm512_mask_or_epi32(up, nan, bits, _mm512_set1_epi32(0x400000));
    return _mm512_srli_epi32(whole, 16);
}

INLINE __m512i rounded_pair(__m512 first, __m512 second)
{
    const __m512i order = _mm512_set_epi64(7, 5, 3, 1, 6, 4, 2, 0);
    const __m512i mixed = _mm512_packus_epi32(rounded_halves(first), rounded_halves(second));
    return _mm512_permutexvar_epi64(order, mixed);
}
#endif

INLINE __m512i weights_of(__m512i groups, const size_t phase) { return factors_of(groups, phase); }
INLINE __m512i inputs_of(__m512i groups, const size_t phase) { return factors_of(groups, phase); }

/* narrow_round: a row of x on its way into the product. Whole vectors are written. */
static inline void round_row(char *to, const float *x, size_t terms,
                             const struct rounding *rounding)
{
    (void)rounding;
    size_t k = 0;
    for (; k + 2 * LANES <= terms; k += 2 * LANES)
        _mm512_store_si512(to + k * sizeof(uint16_t),
                           rounded_pair(_mm512_loadu_ps(x + k), _mm512_loadu_ps(x + k + LANES)));
    if (k == terms)
        return;
    const size_t left = terms - k;
    const __m512 first = _mm512_maskz_loadu_ps(lanes_of(left), x + k);
    const __m512 second = left > LANES
                              ? _mm512_maskz_loadu_ps(lanes_of(left - LANES), x + k + LANES)
                              : _mm512_setzero_ps();
    _mm512_store_si512(to + k * sizeof(uint16_t), rounded_pair(first, second));
}

/* What makes numbers of 16 outputs' sums: nothing. */
struct meaning {
    char nothing;
};

INLINE struct meaning meaning_of(const struct piece *piece, size_t out)
{
    (void)piece;
    (void)out;
    return (struct meaning){0};
}

INLINE __m512 added(__m512 from, sums sum, const struct meaning *meaning,
                    const struct rounding *rounding)
{
    (void)meaning;
    (void)rounding;
    return _mm512_add_ps(from, sum);
}

/* bf16 needs to know nothing of a row before it is rounded. */
static narrow_range *const range_of_row = NULL;

#endif
