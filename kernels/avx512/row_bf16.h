/* A row of bf16 numbers.
 *
 *      row   | 16 bf16 | 16 bf16 | ..      32 bytes are a vector of f32: each number is shifted
 *      f32   |   zmm   |   zmm   | ..      into the upper half of its lane
 */
#ifndef EKTM_KERNELS_AVX512_ROW_BF16_H
#define EKTM_KERNELS_AVX512_ROW_BF16_H

#include "kernels/avx512/lanes.h"

#include <stdint.h>

#define CELL uint16_t
enum { BEHIND = 0 };

struct place {
    const uint16_t *numbers;
};

INLINE struct place place_of(const uint16_t *row, size_t behind)
{
    (void)behind;
    return (struct place){row};
}

INLINE __m512 widened(__m256i halves)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}

INLINE __m512 numbers_at(const struct place *place, size_t at)
{
    return widened(_mm256_loadu_si256((const __m256i *)(const void *)(place->numbers + at)));
}

INLINE __m512 numbers_some(const struct place *place, size_t at, __mmask16 lanes)
{
    return widened(_mm256_maskz_loadu_epi16(lanes, place->numbers + at));
}

#endif
