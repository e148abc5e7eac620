/* exp and the logistic function of a vector, each lane on its own.
 *
 *     x = n ln 2 + r, |r| <= ln 2 / 2        exp(x) = 2^n exp(r)
 *     exp(r) = 1 + r + r^2 q(r)              q: degree 4, interpolated at Chebyshev nodes
 *
 * ln 2 is subtracted in two parts, the first so short that n times it is exact; n is added to the
 * exponent of exp(r). The error stays within about one unit in the last place. What would leave the
 * normal numbers stays at their ends instead, near 1e-38 and 2e38; a NaN stays one. */
#ifndef EKTM_KERNELS_AVX2_EXP_H
#define EKTM_KERNELS_AVX2_EXP_H

#include "kernels/avx2/lanes.h"

INLINE __m256 vector_exp(__m256 x)
{
    /* n from -126 to 127; max and min return a NaN that comes second. */
    x = _mm256_max_ps(_mm256_set1_ps(-87.3f), x);
    x = _mm256_min_ps(_mm256_set1_ps(88.3f), x);
    const __m256 n = _mm256_round_ps(_mm256_mul_ps(x, _mm256_set1_ps(0x1.715476p+0f)),
                                     _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m256 r = _mm256_fnmadd_ps(n, _mm256_set1_ps(0x1.62e4p-1f), x);
    r = _mm256_fnmadd_ps(n, _mm256_set1_ps(0x1.7f7d1cp-20f), r);
    /* In two chains, for their latency. */
    const __m256 r2 = _mm256_mul_ps(r, r);
    __m256 low = _mm256_fmadd_ps(_mm256_set1_ps(0.1666657684599398f), r, _mm256_set1_ps(0.5f));
    __m256 high = _mm256_fmadd_ps(_mm256_set1_ps(0.00836320297157575f), r,
                                  _mm256_set1_ps(0.04166655443768795f));
    high = _mm256_fmadd_ps(_mm256_set1_ps(0.001392621346613538f), r2, high);
    const __m256 tail = _mm256_fmadd_ps(_mm256_fmadd_ps(high, r2, low), r2, r);
    const __m256 y = _mm256_add_ps(tail, _mm256_set1_ps(1));
    const __m256i exponent = _mm256_slli_epi32(_mm256_cvtps_epi32(n), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(y), exponent));
}

/* 1 / (1 + exp(-x)) */
INLINE __m256 vector_logistic(__m256 x)
{
    const __m256 one = _mm256_set1_ps(1);
    const __m256 negative = _mm256_sub_ps(_mm256_setzero_ps(), x);
    return _mm256_div_ps(one, _mm256_add_ps(one, vector_exp(negative)));
}

#endif
