/* Sums of table rows picked by index, and their prefetch: what embedding and gather share. */
#ifndef EKTM_KERNELS_NEON_ROWS_H
#define EKTM_KERNELS_NEON_ROWS_H

#include "kernels/neon/lanes.h"
#include "kernels/neon/unroll.h"

#include <stdbool.h>

enum {
    CACHE_LINE = 64,   /* bytes                                            */
    SUM_VECTORS = 16,  /* accumulators of the widest piece of a row        */
    AHEAD_LINES = 128, /* cache lines on their way: 8 KiB, an eighth of L1 */
    AHEAD_MIN = 8,     /* rows                                             */
    AHEAD_MAX = 64
};

/* How many rows ahead to prefetch: about the same number of bytes for any width, of as many cache
 * lines as the caller wants (0: no wish). */
static inline size_t rows_ahead(size_t width, size_t wanted)
{
    const size_t lines = wanted ? wanted : AHEAD_LINES;
    size_t rows = lines * CACHE_LINE / sizeof(float) / (width ? width : 1);
    return rows < AHEAD_MIN ? AHEAD_MIN : rows > AHEAD_MAX ? AHEAD_MAX : rows;
}

/* Asks for every line of a row. A hint: it never faults. */
static inline void prefetch_row(const float *row, size_t width)
{
    const char *line = (const char *)row, *end = (const char *)(row + width);
    for (; line < end; line += CACHE_LINE)
        __builtin_prefetch(line);
    __builtin_prefetch(end - 1);
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
