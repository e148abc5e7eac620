/* A row of i8 numbers q, which stand for offset + scale q.
 *
 *      row  | q q q .. q | scale offset |      8 numbers -> 32 bits -> f32 -> times scale, + offset
 *
 * What a row stands for lies behind its numbers and is asked for with them. So 8 bytes can be read
 * wherever a number begins: tails need no mask. */
#ifndef EKTM_KERNELS_AVX2_ROW_I8_H
#define EKTM_KERNELS_AVX2_ROW_I8_H

#include "kernels/avx2/lanes.h"
#include "reference/dtype.h"

#define CELL int8_t
enum { BEHIND = sizeof(struct affine) };

struct place {
    const int8_t *numbers;
    __m256 scale, offset;
};

INLINE struct place place_of(const int8_t *row, size_t behind)
{
    struct affine affine;
    memcpy(&affine, row + behind, sizeof affine);
    return (struct place){row, _mm256_set1_ps(affine.scale), _mm256_set1_ps(affine.offset)};
}

INLINE __m256 numbers_at(const struct place *place, size_t at)
{
    const __m128i bytes = _mm_loadl_epi64((const __m128i *)(const void *)(place->numbers + at));
    return _mm256_fmadd_ps(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)), place->scale,
                           place->offset);
}

INLINE __m256 numbers_some(const struct place *place, size_t at, struct lanes lanes, size_t count)
{
    (void)lanes;
    (void)count;
    return numbers_at(place, at);
}

#endif
