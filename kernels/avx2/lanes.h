/* The vector of this instruction set, and loads and stores that stop where an operand stops. */
#ifndef EKTM_KERNELS_AVX2_LANES_H
#define EKTM_KERNELS_AVX2_LANES_H

#include "kernels/unroll.h"

#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LANES = 8 }; /* f32 numbers in a vector */

/* The first `count` lanes of a vector, all of them from LANES on. */
struct lanes {
    __m256i mask; /* sign bits */
    bool all;
};

INLINE struct lanes lanes_of(size_t count)
{
    static const int32_t window[2 * LANES] = {-1, -1, -1, -1, -1, -1, -1, -1};
    const size_t some = count < LANES ? count : LANES;
    return (struct lanes){_mm256_loadu_si256((const __m256i *)(window + LANES - some)),
                          count >= LANES};
}

/* Lanes outside are zero and not read. */
INLINE __m256 load_lanes(const float *from, struct lanes lanes)
{
    return _mm256_maskload_ps(from, lanes.mask);
}

/* A masked store is slow on some CPUs: only where it must be. */
INLINE void store_lanes(float *to, struct lanes lanes, __m256 value)
{
    if (lanes.all)
        _mm256_storeu_ps(to, value);
    else
        _mm256_maskstore_ps(to, lanes.mask, value);
}

/* The lanes of `value`, zero elsewhere. */
INLINE __m256 keep_lanes(struct lanes lanes, __m256 value)
{
    return _mm256_and_ps(_mm256_castsi256_ps(lanes.mask), value);
}

/* The sum of the lanes. */
INLINE float total_of(__m256 lanes)
{
    __m128 sum = _mm_add_ps(_mm256_castps256_ps128(lanes), _mm256_extractf128_ps(lanes, 1));
    sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
    return _mm_cvtss_f32(_mm_add_ss(sum, _mm_movehdup_ps(sum)));
}

#endif
