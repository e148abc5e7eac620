/* A row of i8 numbers q, which stand for offset + scale q.
 *
 *      row   | 16 i8 | 16 i8 | .. | scale offset |     16 bytes are a vector of f32: widened,
 *      f32   |  zmm  |  zmm  | ..                      converted, one multiply-add
 *
 * Scale and offset lie behind a row's numbers and are asked for with them. */
#ifndef EKTM_KERNELS_AVX512_ROW_I8_H
#define EKTM_KERNELS_AVX512_ROW_I8_H

#include "kernels/avx512/lanes.h"
#include "reference/dtype.h"

#define CELL int8_t
enum { BEHIND = sizeof(struct affine) };

struct place {
    const int8_t *numbers;
    __m512 scale, offset;
};

INLINE struct place place_of(const int8_t *row, size_t behind)
{
    struct affine affine;
    memcpy(&affine, row + behind, sizeof affine);
    return (struct place){row, _mm512_set1_ps(affine.scale), _mm512_set1_ps(affine.offset)};
}

INLINE __m512 widened(const struct place *place, __m128i bytes)
{
    return _mm512_fmadd_ps(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes)), place->scale,
                           place->offset);
}

INLINE __m512 numbers_at(const struct place *place, size_t at)
{
    return widened(place, _mm_loadu_si128((const __m128i *)(const void *)(place->numbers + at)));
}

INLINE __m512 numbers_some(const struct place *place, size_t at, __mmask16 lanes)
{
    return widened(place, _mm_maskz_loadu_epi8(lanes, place->numbers + at));
}

#endif
