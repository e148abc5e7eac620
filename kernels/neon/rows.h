/* Sums of table rows picked by index, and their prefetch: what embedding and gather share. */
#ifndef EKTM_KERNELS_NEON_ROWS_H
#define EKTM_KERNELS_NEON_ROWS_H

#include "kernels/far.h"
#include "kernels/neon/lanes.h"
#include "kernels/neon/unroll.h"

#include <stdbool.h>

enum { SUM_VECTORS = 16 }; /* accumulators of the widest piece of a row */

typedef size_t row_end; /* columns of a row's last vector */

/* Cache lines of so many columns. */
static inline size_t lines_of(size_t width) { return (width * sizeof(float) + LINE - 1) / LINE; }

INLINE void row_copy(float *to, const float *row, size_t vectors, row_end tail)
{
    for (size_t v = 0; v + 1 < vectors; v++)
        vst1q_f32(to + v * LANES, vld1q_f32(row + v * LANES));
    to += (vectors - 1) * LANES;
    row += (vectors - 1) * LANES;
    store_up_to(to, load_up_to(row, tail), tail);
}

/* At least one row of a table: row i is table[ids[i] * ld ...]. */
struct rows {
    const float *table;
    size_t ld;
    const int32_t *ids;
    size_t count;
};

static inline const float *row_at(const struct rows *rows, size_t i)
{
    return rows->table + (size_t)rows->ids[i] * rows->ld;
}

/* `sum_rows` for the V vectors of columns that begin at `at`. */
INLINE void sum_piece(const int V, const struct rows *rows, size_t at, float *y, float scale,
                      bool resume)
{
    const float *from = pointer_of_its_own((resume ? y : row_at(rows, 0)) + at);
    float32x4_t sum[SUM_VECTORS];
    UNROLL for (int v = 0; v < V; v++) sum[v] = vld1q_f32(from + LANES * v);
    for (size_t i = resume ? 0 : 1; i < rows->count; i++) {
        const float *row = pointer_of_its_own(row_at(rows, i) + at);
        UNROLL for (int v = 0; v < V; v++) sum[v] = vaddq_f32(sum[v], vld1q_f32(row + LANES * v));
    }
    UNROLL for (int v = 0; v < V; v++) vst1q_f32(y + at + LANES * v, vmulq_n_f32(sum[v], scale));
}

/* `sum_rows` for the last one to three columns. */
static inline void sum_tail(const struct rows *rows, size_t at, size_t count, float *y, float scale,
                            bool resume)
{
    float32x4_t sum = load_tail((resume ? y : row_at(rows, 0)) + at, count);
    for (size_t i = resume ? 0 : 1; i < rows->count; i++)
        sum = vaddq_f32(sum, load_tail(row_at(rows, i) + at, count));
    store_tail(y + at, vmulq_n_f32(sum, scale), count);
}

/* y[0 .. width) = the sum of the rows, in their order, times `scale`; with `resume` added to what y
 * holds. A piece of 16, 8, 4, 2 or 1 vectors goes through all rows in registers before the next. */
static inline void sum_rows(const struct rows *rows, size_t width, float *y, float scale,
                            bool resume)
{
    size_t at = 0;
    for (; width - at >= 16 * LANES; at += 16 * LANES)
        sum_piece(16, rows, at, y, scale, resume);
#define PIECE(V)                                                                                   \
    if (width - at >= (V)*LANES) {                                                                 \
        sum_piece(V, rows, at, y, scale, resume);                                                  \
        at += (V)*LANES;                                                                           \
    }
    PIECE(8)
    PIECE(4)
    PIECE(2)
    PIECE(1)
#undef PIECE
    if (at < width)
        sum_tail(rows, at, width - at, y, scale, resume);
}

#endif
