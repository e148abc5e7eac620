/* A row of bf16 numbers.
 *
 *      row  | h h h .. h |      8 numbers -> 32 bits, 16 zeros behind each: f32
 *
 * A last vector that is not full is read number by number. */
#ifndef EKTM_KERNELS_AVX2_ROW_BF16_H
#define EKTM_KERNELS_AVX2_ROW_BF16_H

#include "kernels/avx2/lanes.h"

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

INLINE __m256 widened(const uint16_t *halves)
{
    const __m128i some = _mm_loadu_si128((const __m128i *)(const void *)halves);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(some), 16));
}

INLINE __m256 numbers_at(const struct place *place, size_t at)
{
    return widened(place->numbers + at);
}

INLINE __m256 numbers_some(const struct place *place, size_t at, struct lanes lanes, size_t count)
{
    uint16_t some[LANES] = {0};
    if (lanes.all)
        return widened(place->numbers + at);
    for (size_t i = 0; i < count; i++)
        some[i] = place->numbers[at + i];
    return widened(some);
}

#endif
