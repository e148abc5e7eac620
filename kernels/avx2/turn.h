/* A tile of 8 x 8 numbers turned: rows become columns. */
#ifndef EKTM_KERNELS_AVX2_TURN_H
#define EKTM_KERNELS_AVX2_TURN_H

#include "kernels/avx2/lanes.h"

/* In each half of the vectors, numbers of four rows side by side: row r, column c of a half comes
 * to vector c, place r. */
INLINE void turn_halves(__m256 row[4])
{
    const __m256d a = _mm256_castps_pd(_mm256_unpacklo_ps(row[0], row[1]));
    const __m256d b = _mm256_castps_pd(_mm256_unpackhi_ps(row[0], row[1]));
    const __m256d c = _mm256_castps_pd(_mm256_unpacklo_ps(row[2], row[3]));
    const __m256d d = _mm256_castps_pd(_mm256_unpackhi_ps(row[2], row[3]));
    row[0] = _mm256_castpd_ps(_mm256_unpacklo_pd(a, c));
    row[1] = _mm256_castpd_ps(_mm256_unpackhi_pd(a, c));
    row[2] = _mm256_castpd_ps(_mm256_unpacklo_pd(b, d));
    row[3] = _mm256_castpd_ps(_mm256_unpackhi_pd(b, d));
}

/* to[c, r] = from[r, c] for the `rows` x `columns` that there are; all other numbers of the 8 x 8
 * at `to` become zeros. */
INLINE void turn_tile(float *to, size_t to_ld, const float *from, size_t ld, size_t rows,
                      size_t columns)
{
    const struct lanes lanes = lanes_of(columns);
    __m256 row[LANES];
    for (size_t r = 0; r < LANES; r++)
        row[r] = r < rows ? load_lanes(from + r * ld, lanes) : _mm256_setzero_ps();
    turn_halves(row);
    turn_halves(row + 4);
    for (size_t c = 0; c < 4; c++) {
        _mm256_storeu_ps(to + c * to_ld, _mm256_permute2f128_ps(row[c], row[4 + c], 0x20));
        _mm256_storeu_ps(to + (4 + c) * to_ld, _mm256_permute2f128_ps(row[c], row[4 + c], 0x31));
    }
}

#endif
