/* Products of 8-bit integers, 32-bit sums: the words in which narrow_product.h and the probe are
 * written. bf16.h has the same words for bf16 numbers.
 *
 * With AVX-VNNI a group is four terms of an output in 4 bytes, signed; one of x, unsigned, is
 * broadcast to 8 outputs, and one instruction multiplies and adds up all four, exactly:
 *
 *     x          | x3 x2 x1 x0 | ..        sum[o] += w[o, 3] x3 + w[o, 2] x2 + w[o, 1] x1 + ..
 *     weights    | w3 w2 w1 w0 | ..
 *
 * Without it a group is two terms in 2 bytes. Of bytes as they are, two products can only be added
 * up in 16 bits, and 2 * 255 * -128 is too much for them; so weights are widened to 16 bits as they
 * are loaded (or have been before, where they are few), x when it is rounded, and two products are
 * added up in 32 bits:
 *
 *     x          |   x1    x0  | ..        sum[o] += w[o, 1] x1 + w[o, 0] x0
 *     weights    |  w1 w0 | ..   ->  |   w1    w0  | ..
 *
 * x becomes integers by the very steps of reference/quantize.h. */
#ifndef EKTM_KERNELS_AVX2_I8_H
#define EKTM_KERNELS_AVX2_I8_H

#include "kernels/avx2/lanes.h"
#include "kernels/narrow.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* 8 sums. Of the intrinsics' own type gcc would not keep them in one place while a loop runs, since
 * what it computes with is this one. */
typedef int32_t sums __attribute__((vector_size(32)));

INLINE sums no_sums(void) { return (sums){0}; }

/* 4 bytes of a rounded row for all outputs. */
INLINE __m256i inputs_at(const char *from, const size_t phase)
{
    int32_t group;
    memcpy(&group, from + phase * sizeof group, sizeof group);
    return _mm256_set1_epi32(group);
}

/* 8 numbers as integers, in 32 bits yet. */
INLINE __m256i steps_of(__m256 x, __m256 low, __m256 inverse)
{
    return _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_sub_ps(x, low), inverse));
}

/* The numbers from x[k] on, those behind the last of `terms` being 0. */
INLINE __m256 terms_at(const float *x, size_t k, size_t terms)
{
    return k + LANES <= terms ? _mm256_loadu_ps(x + k)
           : k < terms        ? load_lanes(x + k, lanes_of(terms - k))
                              : _mm256_setzero_ps();
}

#ifdef __AVXVNNI__
enum {
    GROUP = 4,             /* bytes of weights                             */
    GROUP_WIDENED = GROUP, /* of those that are widened as they are packed */
    PHASES = 1,
    WIDENED = 1 /* bytes of a rounded input for each of a weight */
};

/* The groups of 8 outputs. */
INLINE __m256i weights_at(const char *from, const size_t phase, const size_t group)
{
    (void)phase;
    (void)group;
    return _mm256_load_si256((const __m256i *)(const void *)from);
}

INLINE sums multiply_add(sums sum, __m256i x, __m256i weights)
{
    return (sums)_mm256_dpbusd_avx_epi32((__m256i)sum, x, weights);
}

/* narrow_round: a row of x on its way into the product. Whole vectors are written; what is behind
 * the last term meets weights of zero. */
static inline void round_row(char *to, const float *x, size_t terms,
                             const struct rounding *rounding)
{
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    const __m256 low = _mm256_set1_ps(rounding->low), inverse = _mm256_set1_ps(rounding->inverse);
    for (size_t k = 0; k < terms; k += 4 * LANES) {
        __m256i step[4];
        for (size_t v = 0; v < 4; v++)
            step[v] = steps_of(terms_at(x, k + v * LANES, terms), low, inverse);
        const __m256i mixed = _mm256_packus_epi16(_mm256_packus_epi32(step[0], step[1]),
                                                  _mm256_packus_epi32(step[2], step[3]));
        _mm256_store_si256((__m256i *)(void *)(to + k), _mm256_permutevar8x32_epi32(mixed, order));
    }
}
#else
enum {
    GROUP = 2,         /* bytes of weights                             */
    GROUP_WIDENED = 4, /* of those that are widened as they are packed */
    PHASES = 1,
    WIDENED = 2 /* bytes of a rounded input for each of a weight */
};

/* The groups of 8 outputs, of 16 bits each. */
INLINE __m256i weights_at(const char *from, const size_t phase, const size_t group)
{
    (void)phase;
    if (group == GROUP_WIDENED)
        return _mm256_load_si256((const __m256i *)(const void *)from);
    return _mm256_cvtepi8_epi16(_mm_load_si128((const __m128i *)(const void *)from));
}

INLINE sums multiply_add(sums sum, __m256i x, __m256i weights)
{
    return sum + (sums)_mm256_madd_epi16(x, weights);
}

/* narrow_round: a row of x on its way into the product. Whole vectors are written; what is behind
 * the last term meets weights of zero. */
static inline void round_row(char *to, const float *x, size_t terms,
                             const struct rounding *rounding)
{
    const __m256 low = _mm256_set1_ps(rounding->low), inverse = _mm256_set1_ps(rounding->inverse);
    for (size_t k = 0; k < terms; k += 2 * LANES) {
        const __m256i mixed =
            _mm256_packus_epi32(steps_of(terms_at(x, k, terms), low, inverse),
                                steps_of(terms_at(x, k + LANES, terms), low, inverse));
        _mm256_store_si256((__m256i *)(void *)(to + k * WIDENED),
                           _mm256_permute4x64_epi64(mixed, _MM_SHUFFLE(3, 1, 2, 0)));
    }
}
#endif

/* The largest of the lower 4 lanes, and of the upper 4. */
INLINE __m256 most_of_halves(__m256 lanes)
{
    lanes = _mm256_max_ps(lanes, _mm256_permute_ps(lanes, _MM_SHUFFLE(1, 0, 3, 2)));
    return _mm256_max_ps(lanes, _mm256_permute_ps(lanes, _MM_SHUFFLE(2, 3, 0, 1)));
}

INLINE struct rounding rounding_between(float least, float most, bool nan)
{
    const float spread = most - least;
    const bool finite = !nan && spread <= FLT_MAX;
    const bool spreads = finite && spread >= SPREAD_LEAST;
    return (struct rounding){.dtype = DTYPE_I8,
                             .low = least,
                             .scale = spreads  ? spread / 255
                                      : finite ? 0
                                               : NAN,
                             .inverse = spreads ? 255 / spread : 0};
}

/* narrow_range: how a row of x is rounded. Two vectors at a time; what does not fill the last ones
 * is the first number again. */
static inline struct rounding range_of_row(const float *x, size_t terms)
{
    if (terms == 0)
        return (struct rounding){.dtype = DTYPE_I8};
    const __m256 first = _mm256_set1_ps(x[0]);
    __m256 low[2] = {first, first}, high[2] = {first, first}, nan = _mm256_setzero_ps();
    size_t k = 0;
    for (; k + 2 * LANES <= terms; k += 2 * LANES) {
        const __m256 a = _mm256_loadu_ps(x + k), b = _mm256_loadu_ps(x + k + LANES);
        low[0] = _mm256_min_ps(low[0], a);
        low[1] = _mm256_min_ps(low[1], b);
        high[0] = _mm256_max_ps(high[0], a);
        high[1] = _mm256_max_ps(high[1], b);
        nan = _mm256_or_ps(nan, _mm256_cmp_ps(a, b, _CMP_UNORD_Q));
    }
    for (; k < terms; k += LANES) {
        const struct lanes lanes = lanes_of(terms - k);
        const __m256 a =
            _mm256_blendv_ps(first, load_lanes(x + k, lanes), _mm256_castsi256_ps(lanes.mask));
        low[0] = _mm256_min_ps(low[0], a);
        high[0] = _mm256_max_ps(high[0], a);
        nan = _mm256_or_ps(nan, _mm256_cmp_ps(a, a, _CMP_UNORD_Q));
    }
    /* Both ends as one search for the largest: -low in the lower half, high in the upper one. */
    const __m256 minus = _mm256_xor_ps(_mm256_min_ps(low[0], low[1]), _mm256_set1_ps(-0.0F));
    const __m256 most = _mm256_max_ps(high[0], high[1]);
    const __m256 ends = most_of_halves(_mm256_max_ps(_mm256_permute2f128_ps(minus, most, 0x20),
                                                     _mm256_permute2f128_ps(minus, most, 0x31)));
    return rounding_between(-_mm256_cvtss_f32(ends), _mm_cvtss_f32(_mm256_extractf128_ps(ends, 1)),
                            _mm256_movemask_ps(nan) != 0);
}

/* What makes numbers of 8 outputs' sums: x = low + scale q gives w x = s scale (v q) + low (s sum
 * of v). */
struct meaning {
    __m256 scale, total; /* s, and s times the sum of v */
};

INLINE struct meaning meaning_of(const struct piece *piece, size_t out)
{
    return (struct meaning){_mm256_load_ps(piece->scale + out), _mm256_load_ps(piece->total + out)};
}

INLINE __m256 added(__m256 from, sums sum, const struct meaning *meaning,
                    const struct rounding *rounding)
{
    const __m256 low = _mm256_fmadd_ps(_mm256_set1_ps(rounding->low), meaning->total, from);
    const __m256 steps =
        _mm256_mul_ps(_mm256_cvtepi32_ps((__m256i)sum), _mm256_set1_ps(rounding->scale));
    return _mm256_fmadd_ps(steps, meaning->scale, low);
}

#endif
