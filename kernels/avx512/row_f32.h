/* A row of f32 numbers: as it lies there. */
#ifndef EKTM_KERNELS_AVX512_ROW_F32_H
#define EKTM_KERNELS_AVX512_ROW_F32_H

#include "kernels/avx512/lanes.h"

#define CELL float
enum { BEHIND = 0 };

struct place {
    const float *numbers;
};

INLINE struct place place_of(const float *row, size_t behind)
{
    (void)behind;
    return (struct place){row};
}

INLINE __m512 numbers_at(const struct place *place, size_t at)
{
    return _mm512_loadu_ps(place->numbers + at);
}

INLINE __m512 numbers_some(const struct place *place, size_t at, __mmask16 lanes)
{
    return _mm512_maskz_loadu_ps(lanes, place->numbers + at);
}

#endif
