/* Products with weights that are new in every call, as those of a training step are: y = x W, or a
 * sum over the batch. They are packed as they come, some outputs and terms at a time, onto the
 * stack, and all rows go past them before the next ones come:
 *
 *          W [terms, outs]               packed, in L2         x [rows, terms]     y [rows, outs]
 *
 *        256  ┌──────┬──────┬──         ┌──────┐                ┌──────┬──         ┌──────┬──
 *        terms│ ░░░░ │      │     ──►   │ ░░░░ │ 8 panels  past │ rows │     +=   │      │
 *             ├──────┼──────┼──         └──────┘                └──────┴──         └──────┴──
 *               64 outs
 *
 * The product is product.h's. Sums of more terms than are packed at a time are added up in y, piece
 * by piece, which are cut alike whatever the number of rows. */
#ifndef EKTM_KERNELS_NEON_FRESH_H
#define EKTM_KERNELS_NEON_FRESH_H

#include "kernels/neon/product.h"

#include <stdbool.h>

enum {
    FRESH_OUTS = 64, /* packed at a time, a multiple of a panel's    */
    FRESH_TERMS = 256,
    TURNED_ROWS = 128 /* of a matrix that is turned, FRESH_TERMS long */
};

struct fresh {
    const float *x, *w; /* [rows, terms], [terms, outs] */
    size_t x_ld, w_ld, rows, terms, outs;
    float *y; /* [rows, outs] */
    size_t ld;
    bool add;           /* to what is in y                                              */
    const float *other; /* [rows, outs]: y is 0 where it is not above 0; NULL: nowhere */
    size_t other_ld;
};

INLINE size_t at_most(size_t count, size_t limit) { return count < limit ? count : limit; }

/* Some of y's numbers: the sums, added to what is there, and cut off. */
INLINE void put_some(const struct fresh *f, size_t row, size_t out, size_t count, float32x4_t sum)
{
    float *y = f->y + row * f->ld + out;
    if (f->add)
        sum = vaddq_f32(load_up_to(y, count), sum);
    if (f->other)
        sum = keep(
            sum, vcgtq_f32(load_up_to(f->other + row * f->other_ld + out, count), vdupq_n_f32(0)));
    store_up_to(y, sum, count);
}

static __attribute__((noinline)) void put_sums(void *context, size_t row, size_t out, size_t count,
                                               float32x4_t low, float32x4_t high)
{
    const struct fresh *f = context;
    put_some(f, row, out, at_most(count, LANES), low);
    if (count > LANES)
        put_some(f, row, out + LANES, count - LANES, high);
}

/* Panels without biases of `outs` outputs from `out` on, of `terms` terms from `term` on. */
INLINE void fresh_pack(float *to, const struct fresh *f, size_t out, size_t outs, size_t term,
                       size_t terms)
{
    for (size_t o = 0; o < outs; o += PANEL, to += panel_floats(terms)) {
        const float *from = f->w + term * f->w_ld + out + o;
        const size_t width = at_most(outs - o, PANEL);
        for (size_t i = 0; i < PANEL; i++)
            to[i] = 0;
        for (size_t k = 0; k < terms; k++, from += f->w_ld)
            for (size_t i = 0; i < PANEL; i++)
                to[(k + 1) * PANEL + i] = i < width ? from[i] : 0;
    }
}

/* All rows past some outputs and terms, which are packed into `packed`. */
INLINE void fresh_some(const struct fresh *f, float *packed, size_t out, size_t outs, size_t term,
                       size_t terms)
{
    const bool last = term + terms == f->terms;
    struct fresh part = *f;
    part.y += out;
    part.add = f->add || term > 0;
    part.other = last && f->other ? f->other + out : NULL;
    fresh_pack(packed, f, out, outs, term, terms);
    const struct product p = {.rows = f->rows,
                              .outs = outs,
                              .factors = 1,
                              .factor = {{f->x + term, f->x_ld, terms}},
                              .panels = packed};
    product(&p, put_sums, &part);
}

/* The whole product. */
INLINE void fresh_run(const struct fresh *f)
{
    float packed[(FRESH_TERMS + 1) * FRESH_OUTS];
    for (size_t out = 0; out < f->outs; out += FRESH_OUTS) {
        size_t term = 0;
        do {
            const size_t terms = at_most(f->terms - term, FRESH_TERMS);
            fresh_some(f, packed, out, at_most(f->outs - out, FRESH_OUTS), term, terms);
            term += terms;
        } while (term < f->terms);
    }
}

/* ---- sums over the batch ----------------------------------------------------------------------
 */

/* dW [outs, ins] = dy^T x: the rows of the product are the outputs, its terms the rows of the
 * batch. dy is turned, a block at a time, which all inputs then go past; x lies as it is read. */
struct over_batch {
    const float *x, *dy; /* [batch, ins], [batch, outs] */
    size_t x_ld, dy_ld, batch, ins, outs;
    float *dw;
    size_t ld;
    bool add;
};

/* to[c, r] = from[r, c] for four rows and columns. */
INLINE void turn_tile(float *to, size_t to_ld, const float *from, size_t ld)
{
    const float32x4x2_t low = vtrnq_f32(vld1q_f32(from), vld1q_f32(from + ld));
    const float32x4x2_t high = vtrnq_f32(vld1q_f32(from + 2 * ld), vld1q_f32(from + 3 * ld));
    vst1q_f32(to, vcombine_f32(vget_low_f32(low.val[0]), vget_low_f32(high.val[0])));
    vst1q_f32(to + to_ld, vcombine_f32(vget_low_f32(low.val[1]), vget_low_f32(high.val[1])));
    vst1q_f32(to + 2 * to_ld, vcombine_f32(vget_high_f32(low.val[0]), vget_high_f32(high.val[0])));
    vst1q_f32(to + 3 * to_ld, vcombine_f32(vget_high_f32(low.val[1]), vget_high_f32(high.val[1])));
}

INLINE void turn(float *to, size_t to_ld, const float *from, size_t ld, size_t rows, size_t columns)
{
    for (size_t r = 0; r < rows; r += LANES)
        for (size_t c = 0; c < columns; c += LANES) {
            if (rows - r >= LANES && columns - c >= LANES) {
                turn_tile(to + c * to_ld + r, to_ld, from + r * ld + c, ld);
                continue;
            }
            for (size_t i = r; i < rows && i < r + LANES; i++)
                for (size_t j = c; j < columns && j < c + LANES; j++)
                    to[j * to_ld + i] = from[i * ld + j];
        }
}

INLINE void over_batch_run(const struct over_batch *o)
{
    float packed[(FRESH_TERMS + 1) * FRESH_OUTS], turned[TURNED_ROWS * FRESH_TERMS];
    for (size_t first = 0; first < o->outs; first += TURNED_ROWS) {
        const size_t outs = at_most(o->outs - first, TURNED_ROWS);
        size_t row = 0;
        do {
            const size_t rows = at_most(o->batch - row, FRESH_TERMS);
            const struct fresh f = {.x = turned,
                                    .w = o->x + row * o->x_ld,
                                    .x_ld = FRESH_TERMS,
                                    .w_ld = o->x_ld,
                                    .rows = outs,
                                    .terms = rows,
                                    .outs = o->ins,
                                    .y = o->dw + first * o->ld,
                                    .ld = o->ld,
                                    .add = o->add || row > 0};
            turn(turned, FRESH_TERMS, o->dy + row * o->dy_ld + first, o->dy_ld, rows, outs);
            for (size_t in = 0; in < o->ins; in += FRESH_OUTS)
                fresh_some(&f, packed, in, at_most(o->ins - in, FRESH_OUTS), 0, rows);
            row += rows;
        } while (row < o->batch);
    }
}

/* db [outs] = sum of dy over the batch, each in the order of its rows. */
INLINE void over_batch_biases(const struct over_batch *o, float *restrict db)
{
    for (size_t i = 0; i < o->outs && !o->add; i++)
        db[i] = 0;
    for (size_t b = 0; b < o->batch; b++) {
        const float *restrict dy = o->dy + b * o->dy_ld;
        for (size_t i = 0; i < o->outs; i++)
            db[i] += dy[i];
    }
}

#endif
