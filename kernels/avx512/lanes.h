/* The vector of this instruction set, and loads and stores that stop where an operand stops. */
#ifndef EKTM_KERNELS_AVX512_LANES_H
#define EKTM_KERNELS_AVX512_LANES_H

#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>

/* A body that is written once for several tile sizes: each caller's constants unroll its loops and
 * leave the tile in registers. */
#define INLINE static inline __attribute__((always_inline))

enum { LANES = 16 }; /* f32 numbers in a vector */

/* The first `count` lanes; all of them from LANES on. */
INLINE __mmask16 lanes_of(size_t count)
{
    return (__mmask16)(count < LANES ? (1u << count) - 1 : 0xffff);
}

/* Elements 0, ld, 2 ld, ... of a vector operand; lanes outside `mask` are zero and not read. */
INLINE __m512 load_strided(const float *from, size_t ld, __mmask16 mask)
{
    if (ld == 1)
        return _mm512_maskz_loadu_ps(mask, from);
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    __m512i at = _mm512_mullo_epi32(lane, _mm512_set1_epi32((int)ld));
    return _mm512_mask_i32gather_ps(_mm512_setzero_ps(), mask, at, from, sizeof *from);
}

INLINE void store_strided(float *to, size_t ld, __mmask16 mask, __m512 value)
{
    if (ld == 1) {
        _mm512_mask_storeu_ps(to, mask, value);
        return;
    }
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    __m512i at = _mm512_mullo_epi32(lane, _mm512_set1_epi32((int)ld));
    _mm512_mask_i32scatter_ps(to, mask, at, value, sizeof *to);
}

#endif
