/* The vector and what is done with it, in the words of kernels/words.h. */
#ifndef EKTM_KERNELS_AVX512_WORDS_H
#define EKTM_KERNELS_AVX512_WORDS_H

#include "kernels/avx512/exp.h"

typedef __m512 vector;

INLINE vector load_some(const float *from, size_t count)
{
    return _mm512_maskz_loadu_ps(lanes_of(count), from);
}

INLINE void store_some(float *to, vector value, size_t count)
{
    _mm512_mask_storeu_ps(to, lanes_of(count), value);
}

INLINE vector all_of(float value) { return _mm512_set1_ps(value); }
INLINE vector plus(vector a, vector b) { return _mm512_add_ps(a, b); }
INLINE vector minus(vector a, vector b) { return _mm512_sub_ps(a, b); }
INLINE vector times(vector a, vector b) { return _mm512_mul_ps(a, b); }
INLINE vector over(vector a, vector b) { return _mm512_div_ps(a, b); }
INLINE vector root_of(vector a) { return _mm512_sqrt_ps(a); }
INLINE vector times_plus(vector a, vector b, vector c) { return _mm512_fmadd_ps(a, b, c); }
INLINE vector exp_of(vector a) { return vector_exp(a); }
INLINE vector logistic_of(vector a) { return vector_logistic(a); }
INLINE float sum_of(vector a) { return _mm512_reduce_add_ps(a); }

/* `a` where x is above 0, else 0. */
INLINE vector where_positive(vector a, vector x)
{
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_GT_OQ), a);
}

/* Which lanes are not 0. */
INLINE unsigned nonzero_lanes(vector a)
{
    return _mm512_cmp_ps_mask(a, _mm512_setzero_ps(), _CMP_NEQ_UQ);
}

/* The larger one of each lane; keeps a NaN of `a`. */
INLINE vector at_least(vector floor, vector a) { return _mm512_max_ps(floor, a); }

#endif
