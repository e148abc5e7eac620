/* Inner products of vectors with each other, four by four.
 *
 *             f_0  f_1  f_2  f_3   f_4 ...
 *        f_0   00   01   02   03 |  04         on the diagonal 4 loads for 10 FMLA,
 *        f_1        11   12   13 |  14         beside it 8 loads for 16
 *        f_2             22   23 |  24
 *        f_3                  33 |  34
 *
 * Each product keeps four lanes of partial sums in a register while the columns run. The sums over
 * the lanes are taken along the rows of a block and, for its mirror image, along its columns. */
#ifndef EKTM_KERNELS_NEON_GRAM_H
#define EKTM_KERNELS_NEON_GRAM_H

#include "kernels/neon/lanes.h"
#include "kernels/neon/unroll.h"

#include <stdbool.h>

enum { GRAM_TILE = 4 };

/* Scores or shares of T tasks: T rows of `ld` numbers, ld being T rounded up to whole vectors. */
struct scores {
    size_t ld;
    float *at;
};

typedef float32x4_t gram_tile[GRAM_TILE][GRAM_TILE];

/* acc[i][j] += a_i b_j over one vector of columns, I x J tasks; on the diagonal j >= i only. */
INLINE void gram_columns(const int I, const int J, const bool diagonal, gram_tile acc,
                         const float32x4_t a[GRAM_TILE], const float32x4_t b[GRAM_TILE])
{
    UNROLL for (int i = 0; i < I; i++) UNROLL for (int j = diagonal ? i : 0; j < J; j++) acc[i][j] =
        vfmaq_f32(acc[i][j], a[i], b[j]);
}

/* The products of tasks [i, i + I) with tasks [j, j + J) of the vectors `f` [T, width]. */
INLINE void gram_block(const int I, const int J, const bool diagonal, gram_tile acc, const float *f,
                       size_t width, size_t ld, size_t i, size_t j)
{
    float32x4_t a[GRAM_TILE], b[GRAM_TILE];
    UNROLL for (int r = 0; r < GRAM_TILE; r++) UNROLL for (int c = 0; c < GRAM_TILE; c++)
        acc[r][c] = vdupq_n_f32(0);
    size_t e = 0;
    for (; e + LANES <= width; e += LANES) {
        UNROLL for (int r = 0; r < I; r++) a[r] = vld1q_f32(f + (i + (size_t)r) * ld + e);
        if (!diagonal)
            UNROLL for (int c = 0; c < J; c++) b[c] = vld1q_f32(f + (j + (size_t)c) * ld + e);
        gram_columns(I, J, diagonal, acc, a, diagonal ? a : b);
    }
    if (e < width) {
        UNROLL for (int r = 0; r < I; r++) a[r] =
            load_tail(f + (i + (size_t)r) * ld + e, width - e);
        if (!diagonal)
            UNROLL for (int c = 0; c < J; c++) b[c] =
                load_tail(f + (j + (size_t)c) * ld + e, width - e);
        gram_columns(I, J, diagonal, acc, a, diagonal ? a : b);
    }
}

/* A block on the diagonal: the I tasks from `i` on among themselves, and their squared lengths. */
INLINE void gram_diagonal(const int I, const float *f, size_t width, size_t ld, size_t i,
                          struct scores s, float *squares)
{
    gram_tile p;
    gram_block(I, I, true, p, f, width, ld, i, i);
    UNROLL for (int r = 1; r < GRAM_TILE; r++) UNROLL for (int c = 0; c < r; c++) p[r][c] = p[c][r];
    UNROLL for (int r = 0; r < I; r++)
        vst1q_f32(s.at + (i + (size_t)r) * s.ld + i, sums4(p[r][0], p[r][1], p[r][2], p[r][3]));
    vst1q_f32(squares + i, sums4(p[0][0], p[1][1], p[2][2], p[3][3]));
}

/* A block beside it: four tasks from `i` on with the J tasks from `j` on, and mirrored. */
INLINE void gram_beside(const int J, const float *f, size_t width, size_t ld, size_t i, size_t j,
                        struct scores s)
{
    gram_tile p;
    gram_block(GRAM_TILE, J, false, p, f, width, ld, i, j);
    UNROLL for (int r = 0; r < GRAM_TILE; r++)
        vst1q_f32(s.at + (i + (size_t)r) * s.ld + j, sums4(p[r][0], p[r][1], p[r][2], p[r][3]));
    UNROLL for (int c = 0; c < J; c++)
        vst1q_f32(s.at + (j + (size_t)c) * s.ld + i, sums4(p[0][c], p[1][c], p[2][c], p[3][c]));
}

#endif
