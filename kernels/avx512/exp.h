/* exp and the logistic function of a vector, each lane on its own.
 *
 *     x = n ln 2 + r, |r| <= ln 2 / 2        exp(x) = 2^n exp(r)
 *     exp(r) = 1 + r + r^2 q(r)              q: degree 4, interpolated at Chebyshev nodes
 *
 * ln 2 is subtracted in two parts, the first so short that n times it is exact. The error stays
 * within about one unit in the last place; above the largest finite result it gives infinity, below
 * the smallest one 0, for NaN NaN. */
#ifndef EKTM_KERNELS_AVX512_EXP_H
#define EKTM_KERNELS_AVX512_EXP_H

#include "kernels/avx512/lanes.h"

INLINE __m512 vector_exp(__m512 x)
{
    /* Beyond these the result is infinity and 0 anyway; max and min return a NaN that comes second.
     */
    x = _mm512_max_ps(_mm512_set1_ps(-104), x);
    x = _mm512_min_ps(_mm512_set1_ps(89), x);
    __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(0x1.715476p+0f)),
                                    _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0x1.62e4p-1f), x);
    r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0x1.7f7d1cp-20f), r);
    /* In two chains, for their latency. */
    const __m512 r2 = _mm512_mul_ps(r, r);
    __m512 low = _mm512_fmadd_ps(_mm512_set1_ps(0.1666657684599398f), r, _mm512_set1_ps(0.5f));
    __m512 high = _mm512_fmadd_ps(_mm512_set1_ps(0.00836320297157575f), r,
                                  _mm512_set1_ps(0.04166655443768795f));
    high = _mm512_fmadd_ps(_mm512_set1_ps(0.001392621346613538f), r2, high);
    __m512 tail = _mm512_fmadd_ps(_mm512_fmadd_ps(high, r2, low), r2, r);
    return _mm512_scalef_ps(_mm512_add_ps(tail, _mm512_set1_ps(1)), n);
}

/* 1 / (1 + exp(-x)) */
INLINE __m512 vector_logistic(__m512 x)
{
    __m512 one = _mm512_set1_ps(1);
    __m512 negative = _mm512_sub_ps(_mm512_setzero_ps(), x);
    return _mm512_div_ps(one, _mm512_add_ps(one, vector_exp(negative)));
}

#endif
