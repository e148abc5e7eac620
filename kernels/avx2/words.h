/* The vector and what is done with it, in the words of kernels/words.h. */
#ifndef EKTM_KERNELS_AVX2_WORDS_H
#define EKTM_KERNELS_AVX2_WORDS_H

#include "kernels/avx2/exp.h"
#include "kernels/avx2/lanes.h"

typedef __m256 vector;

INLINE vector load_some(const float *from, size_t count)
{
    return count >= LANES ? _mm256_loadu_ps(from) : load_lanes(from, lanes_of(count));
}

INLINE void store_some(float *to, vector value, size_t count)
{
    store_lanes(to, lanes_of(count), value);
}

INLINE vector all_of(float value) { return _mm256_set1_ps(value); }
INLINE vector plus(vector a, vector b) { return _mm256_add_ps(a, b); }
INLINE vector minus(vector a, vector b) { return _mm256_sub_ps(a, b); }
INLINE vector times(vector a, vector b) { return _mm256_mul_ps(a, b); }
INLINE vector over(vector a, vector b) { return _mm256_div_ps(a, b); }
INLINE vector root_of(vector a) { return _mm256_sqrt_ps(a); }
INLINE vector times_plus(vector a, vector b, vector c) { return _mm256_fmadd_ps(a, b, c); }
INLINE vector exp_of(vector a) { return vector_exp(a); }
INLINE vector logistic_of(vector a) { return vector_logistic(a); }
INLINE float sum_of(vector a) { return total_of(a); }

/* `a` where x is above 0, else 0. */
INLINE vector where_positive(vector a, vector x)
{
    return _mm256_and_ps(_mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_GT_OQ), a);
}

/* Which lanes are not 0. */
INLINE unsigned nonzero_lanes(vector a)
{
    return (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(a, _mm256_setzero_ps(), _CMP_NEQ_UQ));
}

/* The larger one of each lane; keeps a NaN of `a`. */
INLINE vector at_least(vector floor, vector a) { return _mm256_max_ps(floor, a); }

#endif
