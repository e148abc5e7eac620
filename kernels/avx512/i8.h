/* Products of 8-bit integers, 32-bit sums: the words in which narrow_product.h and the probe are
 * written. bf16.h has the same words for bf16 numbers.
 *
 * A group is four terms of an output in 4 bytes, signed; one of x, unsigned, is broadcast to all 16
 * outputs. With AVX512-VNNI one instruction multiplies and adds up all four, exactly:
 *
 *     x          | x3 x2 x1 x0 | ..        sum[o] += w[o, 3] x3 + w[o, 2] x2 + w[o, 1] x1 + ..
 *     weights    | w3 w2 w1 w0 | ..
 *
 * Without it a group goes in two phases, its even and its odd bytes, each spread over 16 bits by
 * shifts: two products of those are added up in 32 bits. (Of bytes as they are, two products can
 * only be added up in 16 bits, and 2 * 255 * -128 is too much for them.)
 *
 * x becomes integers by the very steps of reference/quantize.h, 64 at a time. */
#ifndef EKTM_KERNELS_AVX512_I8_H
#define EKTM_KERNELS_AVX512_I8_H

#include "kernels/avx512/lanes.h"
#include "kernels/narrow.h"

#include <float.h>
#include <math.h>

/* 16 sums. Of the intrinsics' own type gcc would not keep them in one place while a loop runs,
 * since what it computes with is this one. */
typedef int32_t sums __attribute__((vector_size(64)));

INLINE sums no_sums(void) { return (sums){0}; }

#ifdef __AVX512VNNI__
enum { PHASES = 1 };

INLINE __m512i weights_of(__m512i groups, const size_t phase)
{
    (void)phase;
    return groups;
}

INLINE __m512i inputs_of(__m512i groups, const size_t phase)
{
    (void)phase;
    return groups;
}

INLINE sums multiply_add(sums sum, __m512i x, __m512i weights)
{
    return (sums)_mm512_dpbusd_epi32((__m512i)sum, x, weights);
}
#else
enum { PHASES = 2 };

INLINE __m512i weights_of(__m512i groups, const size_t phase)
{
    return _mm512_srai_epi16(phase == 0 ? _mm512_slli_epi16(groups, 8) : groups, 8);
}

INLINE __m512i inputs_of(__m512i groups, const size_t phase)
{
    return phase == 0 ? _mm512_and_si512(groups, _mm512_set1_epi16(0xff))
                      : _mm512_srli_epi16(groups, 8);
}

INLINE sums multiply_add(sums sum, __m512i x, __m512i weights)
{
    return sum + (sums)_mm512_madd_epi16(x, weights);
}
#endif

/* The least and the largest of 16 lanes each. */
struct ends {
    float low, high;
};

INLINE struct ends ends_of(__m512 low, __m512 high)
{
    /* Both as one search for the largest: -low in the lower 8 lanes, high in the upper ones. */
    const __m512 minus = _mm512_xor_ps(low, _mm512_set1_ps(-0.0F));
    __m512 most = _mm512_max_ps(_mm512_shuffle_f32x4(minus, high, _MM_SHUFFLE(1, 0, 1, 0)),
                                _mm512_shuffle_f32x4(minus, high, _MM_SHUFFLE(3, 2, 3, 2)));
    most = _mm512_max_ps(most, _mm512_shuffle_f32x4(most, most, _MM_SHUFFLE(2, 3, 0, 1)));
    most = _mm512_max_ps(most, _mm512_permute_ps(most, _MM_SHUFFLE(1, 0, 3, 2)));
    most = _mm512_max_ps(most, _mm512_permute_ps(most, _MM_SHUFFLE(2, 3, 0, 1)));
    return (struct ends){-_mm512_cvtss_f32(most), _mm_cvtss_f32(_mm512_extractf32x4_ps(most, 2))};
}

INLINE struct rounding rounding_between(struct ends ends, bool nan)
{
    const float spread = ends.high - ends.low;
    const bool finite = !nan && spread <= FLT_MAX;
    const bool spreads = finite && spread >= SPREAD_LEAST;
    return (struct rounding){.dtype = DTYPE_I8,
                             .low = ends.low,
                             .scale = spreads  ? spread / 255
                                      : finite ? 0
                                               : NAN,
                             .inverse = spreads ? 255 / spread : 0};
}

/* What is known of a row's numbers so far: the sums are NaN once one of them was, or the spread is
 * infinite. (To compare each with itself takes the place of a product.) */
struct seen {
    __m512 low, high, sum;
};

INLINE void see(struct seen *seen, __m512 x)
{
    seen->low = _mm512_min_ps(seen->low, x);
    seen->high = _mm512_max_ps(seen->high, x);
    seen->sum = _mm512_add_ps(seen->sum, x);
}

/* narrow_range: how a row of x is rounded. */
INLINE struct rounding range_of_row(const float *x, size_t terms)
{
    if (terms == 0)
        return (struct rounding){.dtype = DTYPE_I8};
    const __m512 first = _mm512_set1_ps(x[0]);
    struct seen a = {first, first, _mm512_setzero_ps()}, b = a;
    size_t k = 0;
    for (; k + 2 * LANES <= terms; k += 2 * LANES) {
        see(&a, _mm512_loadu_ps(x + k));
        see(&b, _mm512_loadu_ps(x + k + LANES));
    }
    if (k + LANES <= terms) {
        see(&a, _mm512_loadu_ps(x + k));
        k += LANES;
    }
    if (k < terms)
        see(&b, _mm512_mask_loadu_ps(first, lanes_of(terms - k), x + k));
    return rounding_between(ends_of(_mm512_min_ps(a.low, b.low), _mm512_max_ps(a.high, b.high)),
                            _mm512_cmp_ps_mask(a.sum, b.sum, _CMP_UNORD_Q));
}

/* 16 numbers as integers, in 32 bits yet. */
INLINE __m512i steps_of(__m512 x, __m512 low, __m512 inverse)
{
    return _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_sub_ps(x, low), inverse));
}

/* 64 integers of 8 bits, of four vectors of them in 32. */
INLINE __m512i bytes_of(const __m512i step[4])
{
    const __m512i order = _mm512_set_epi32(15, 11, 7, 3, 14, 10, 6, 2, 13, 9, 5, 1, 12, 8, 4, 0);
    const __m512i mixed = _mm512_packus_epi16(_mm512_packus_epi32(step[0], step[1]),
                                              _mm512_packus_epi32(step[2], step[3]));
    return _mm512_permutexvar_epi32(order, mixed);
}

/* narrow_round: a row of x on its way into the product. Whole vectors are written; what is behind
 * the last term meets weights of zero. */
INLINE void round_row(char *to, const float *x, size_t terms, const struct rounding *rounding)
{
    const __m512 low = _mm512_set1_ps(rounding->low), inverse = _mm512_set1_ps(rounding->inverse);
    __m512i step[4];
    size_t k = 0;
    for (; k + 4 * LANES <= terms; k += 4 * LANES) {
        for (size_t v = 0; v < 4; v++)
            step[v] = steps_of(_mm512_loadu_ps(x + k + v * LANES), low, inverse);
        _mm512_store_si512(to + k, bytes_of(step));
    }
    if (k == terms)
        return;
    const uint64_t left = ~UINT64_C(0) >> (4 * LANES - (terms - k));
    for (size_t v = 0; v < 4; v++) {
        const __mmask16 lanes = (__mmask16)(left >> v * LANES);
        step[v] = steps_of(_mm512_maskz_loadu_ps(lanes, x + k + v * LANES), low, inverse);
    }
    _mm512_store_si512(to + k, bytes_of(step));
}

/* What makes numbers of 16 outputs' sums: x = low + scale q gives w x = s scale (v q) + low (s sum
 * of v). */
struct meaning {
    __m512 scale, total; /* s, and s times the sum of v */
};

INLINE struct meaning meaning_of(const struct piece *piece, size_t out)
{
    return (struct meaning){_mm512_load_ps(piece->scale + out), _mm512_load_ps(piece->total + out)};
}

INLINE __m512 added(__m512 from, sums sum, const struct meaning *meaning,
                    const struct rounding *rounding)
{
    const __m512 low = _mm512_fmadd_ps(_mm512_set1_ps(rounding->low), meaning->total, from);
    const __m512 steps =
        _mm512_mul_ps(_mm512_cvtepi32_ps((__m512i)sum), _mm512_set1_ps(rounding->scale));
    return _mm512_fmadd_ps(steps, meaning->scale, low);
}

#endif
