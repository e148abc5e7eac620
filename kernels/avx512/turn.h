/* A tile of 16 x 16 numbers turned: rows become columns. */
#ifndef EKTM_KERNELS_AVX512_TURN_H
#define EKTM_KERNELS_AVX512_TURN_H

#include "kernels/avx512/lanes.h"

/* In each quarter of the vectors, numbers of four rows side by side: row r, column c of a quarter
 * comes to vector c, place r. */
INLINE void turn_quarters(__m512 row[4])
{
    const __m512d a = _mm512_castps_pd(_mm512_unpacklo_ps(row[0], row[1]));
    const __m512d b = _mm512_castps_pd(_mm512_unpackhi_ps(row[0], row[1]));
    const __m512d c = _mm512_castps_pd(_mm512_unpacklo_ps(row[2], row[3]));
    const __m512d d = _mm512_castps_pd(_mm512_unpackhi_ps(row[2], row[3]));
    row[0] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, c));
    row[1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, c));
    row[2] = _mm512_castpd_ps(_mm512_unpacklo_pd(b, d));
    row[3] = _mm512_castpd_ps(_mm512_unpackhi_pd(b, d));
}

/* to[c, r] = from[r, c] for the `rows` x `columns` that there are; all other numbers of the 16 x 16
 * at `to` become zeros. */
INLINE void turn_tile(float *to, size_t to_ld, const float *from, size_t ld, size_t rows,
                      size_t columns)
{
    const __mmask16 lanes = lanes_of(columns);
    __m512 row[LANES];
    for (size_t r = 0; r < LANES; r++)
        row[r] = r < rows ? _mm512_maskz_loadu_ps(lanes, from + r * ld) : _mm512_setzero_ps();
    for (size_t q = 0; q < LANES; q += 4)
        turn_quarters(row + q);
    for (size_t c = 0; c < 4; c++) {
        /* Quarter q of row[4 p + c] holds column 4 q + c of rows 4 p to 4 p + 3. */
        const __m512 low01 = _mm512_shuffle_f32x4(row[c], row[4 + c], 0x44);
        const __m512 low23 = _mm512_shuffle_f32x4(row[c], row[4 + c], 0xee);
        const __m512 high01 = _mm512_shuffle_f32x4(row[8 + c], row[12 + c], 0x44);
        const __m512 high23 = _mm512_shuffle_f32x4(row[8 + c], row[12 + c], 0xee);
        _mm512_storeu_ps(to + c * to_ld, _mm512_shuffle_f32x4(low01, high01, 0x88));
        _mm512_storeu_ps(to + (4 + c) * to_ld, _mm512_shuffle_f32x4(low01, high01, 0xdd));
        _mm512_storeu_ps(to + (8 + c) * to_ld, _mm512_shuffle_f32x4(low23, high23, 0x88));
        _mm512_storeu_ps(to + (12 + c) * to_ld, _mm512_shuffle_f32x4(low23, high23, 0xdd));
    }
}

#endif
