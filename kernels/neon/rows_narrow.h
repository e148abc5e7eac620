/* Sums of rows of a narrow table, in f32: what embedding and gather share. The file that includes
 * this has said before what a row of its format is: BYTES of a number, BEHIND bytes behind the
 * last, what a row's numbers mean (struct meaning, meaning_of), and how eight of them become two
 * vectors (widen).
 *
 *      row id_0    | 8 numbers | 8 numbers | ..      a load, widened to 2 vectors of f32
 *      row id_1    |     +     |     +     |
 *       ...        |           |           |
 *      y           |  q0   q1  |  q2   q3  | ..      64 columns at a time: 16 registers
 *
 * The sum starts from the first row, so that of one row is that row, widened. */
#ifndef EKTM_KERNELS_NEON_ROWS_NARROW_H
#define EKTM_KERNELS_NEON_ROWS_NARROW_H

#include "kernels/neon/rows.h"
#include "reference/dtype.h"

enum {
    EIGHT = 2 * LANES, /* numbers that are widened together         */
    MOST_EIGHTS = 8    /* of them in the widest piece of a row      */
};

/* Rows of a table: row i is first + ids[i]. */
struct narrow_rows {
    const struct tensor *table;
    size_t first;
    const int32_t *ids;
    size_t count;
};

INLINE size_t narrow_row(const struct narrow_rows *rows, size_t i)
{
    return rows->first + (size_t)rows->ids[i];
}

INLINE const char *narrow_address(const struct narrow_rows *rows, size_t i)
{
    return (const char *)rows->table->data + narrow_row(rows, i) * rows->table->ld * BYTES;
}

/* ---- prefetch -------------------------------------------------------------------------------- */

/* Bytes of a row with what lies behind its numbers, and how many cache lines they are. */
INLINE size_t narrow_bytes(size_t width) { return width * BYTES + BEHIND; }
INLINE size_t narrow_lines(size_t width) { return (narrow_bytes(width) + LINE - 1) / LINE; }

/* Asks for the rows from `begin` to before `end` that exist. */
INLINE void narrow_far(const struct narrow_rows *rows, size_t begin, size_t end, size_t width)
{
    const size_t bytes = narrow_bytes(width);
    for (size_t i = begin; i < end && i < rows->count; i++) {
        const char *row = narrow_address(rows, i);
        for (size_t byte = 0; byte < bytes; byte += LINE)
            __builtin_prefetch(row + byte, 0, 2);
        if ((uintptr_t)row % LINE)
            __builtin_prefetch(row + bytes - 1, 0, 2);
    }
}

/* ---- sums ------------------------------------------------------------------------------------ */

INLINE void load_eight(float32x4_t to[2], const float *from, size_t count)
{
    to[0] = load_up_to(from, count < LANES ? count : LANES);
    to[1] = count > LANES ? load_up_to(from + LANES, count - LANES) : vdupq_n_f32(0);
}

INLINE void store_eight(float *to, const float32x4_t from[2], size_t count)
{
    store_up_to(to, from[0], count < LANES ? count : LANES);
    if (count > LANES)
        store_up_to(to + LANES, from[1], count - LANES);
}

/* Columns of row i from `at` on: `eights` times eight, of which the last has `last` numbers. */
INLINE void widen_piece(float32x4_t *to, const struct narrow_rows *rows, size_t i, size_t at,
                        const int eights, const size_t last)
{
    const char *from = narrow_address(rows, i) + at * BYTES;
    const struct meaning meaning = meaning_of(rows->table, narrow_row(rows, i));
    UNROLL for (int e = 0; e < eights; e++)
        widen(to + 2 * e, from + e * EIGHT * BYTES, e + 1 < eights ? EIGHT : last, &meaning);
}

/* `sum_narrow` for the columns of such a piece. */
INLINE void sum_narrow_piece(const int eights, const size_t last, const struct narrow_rows *rows,
                             size_t at, float *y, float scale, const bool resume)
{
    float32x4_t sum[2 * MOST_EIGHTS], row[2 * MOST_EIGHTS];
    if (resume)
        UNROLL for (int e = 0; e < eights; e++)
            load_eight(sum + 2 * e, y + at + e * EIGHT, e + 1 < eights ? EIGHT : last);
    else
        widen_piece(sum, rows, 0, at, eights, last);
    for (size_t i = resume ? 0 : 1; i < rows->count; i++) {
        widen_piece(row, rows, i, at, eights, last);
        UNROLL for (int v = 0; v < 2 * eights; v++) sum[v] = vaddq_f32(sum[v], row[v]);
    }
    UNROLL for (int v = 0; v < 2 * eights; v++) sum[v] = vmulq_n_f32(sum[v], scale);
    UNROLL for (int e = 0; e < eights; e++)
        store_eight(y + at + e * EIGHT, sum + 2 * e, e + 1 < eights ? EIGHT : last);
}

/* y[0 .. width) = the sum of the rows, of which there is one at least, in their order, times
 * `scale`; with `resume` added to what y holds. */
INLINE void sum_narrow(const struct narrow_rows *rows, size_t width, float *y, float scale,
                       const bool resume)
{
    size_t at = 0;
    for (; width - at >= MOST_EIGHTS * EIGHT; at += MOST_EIGHTS * EIGHT)
        sum_narrow_piece(MOST_EIGHTS, EIGHT, rows, at, y, scale, resume);
#define PIECE(eights)                                                                              \
    if (width - at >= (eights)*EIGHT) {                                                            \
        sum_narrow_piece(eights, EIGHT, rows, at, y, scale, resume);                               \
        at += (eights)*EIGHT;                                                                      \
    }
    PIECE(4)
    PIECE(2)
    PIECE(1)
#undef PIECE
    if (at < width)
        sum_narrow_piece(1, width - at, rows, at, y, scale, resume);
}

#endif
