/* The vector and what is done with it, in the words of kernels/words.h. */
#ifndef EKTM_KERNELS_NEON_WORDS_H
#define EKTM_KERNELS_NEON_WORDS_H

#include "kernels/neon/exp.h"
#include "kernels/neon/lanes.h"
#include "kernels/unroll.h"

typedef float32x4_t vector;

INLINE vector load_some(const float *from, size_t count)
{
    return count >= LANES ? vld1q_f32(from) : load_tail(from, count);
}

INLINE void store_some(float *to, vector value, size_t count)
{
    if (count >= LANES)
        vst1q_f32(to, value);
    else
        store_tail(to, value, count);
}

INLINE vector all_of(float value) { return vdupq_n_f32(value); }
INLINE vector plus(vector a, vector b) { return vaddq_f32(a, b); }
INLINE vector minus(vector a, vector b) { return vsubq_f32(a, b); }
INLINE vector times(vector a, vector b) { return vmulq_f32(a, b); }
INLINE vector over(vector a, vector b) { return vdivq_f32(a, b); }
INLINE vector root_of(vector a) { return vsqrtq_f32(a); }
INLINE vector times_plus(vector a, vector b, vector c) { return vfmaq_f32(c, a, b); }
INLINE vector exp_of(vector a) { return exp4(a); }
INLINE vector logistic_of(vector a) { return sigmoid4(a); }
INLINE float sum_of(vector a) { return vaddvq_f32(a); }

/* `a` where x is above 0, else 0. */
INLINE vector where_positive(vector a, vector x) { return keep(a, vcgtq_f32(x, vdupq_n_f32(0))); }

#endif
