/* A row of f32 numbers: as it lies there. */
#ifndef EKTM_KERNELS_AVX2_ROW_F32_H
#define EKTM_KERNELS_AVX2_ROW_F32_H

#include "kernels/avx2/lanes.h"

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

INLINE __m256 numbers_at(const struct place *place, size_t at)
{
    return _mm256_loadu_ps(place->numbers + at);
}

INLINE __m256 numbers_some(const struct place *place, size_t at, struct lanes lanes, size_t count)
{
    (void)count;
    return load_lanes(place->numbers + at, lanes);
}

#endif
