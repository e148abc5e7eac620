/* Products with weights that are new in every call, as those of a training step are: y = x W, or a
 * sum over the batch. They are packed as they come, some outputs and terms at a time, onto the
 * stack, and all rows go past them before the next ones come:
 *
 *          W [terms, outs]                                       x [rows, terms]     y [rows, outs]
 *
 *              outs ──►                packed, in L2
 *        t   ┌──────┬──────┬──         ┌──────┐                  ┌──────┬──         ┌──────┬──
 *        e   │ ░░░░ │      │     ──►   │ ░░░░ │ panels   past it │ rows │      =   │      │
 *        r   ├──────┼──────┼──         └──────┘                  │  :   │          │      │
 *        m   │      │      │                                     └──────┴──         └──────┴──
 *
 * A number packed serves as many multiply-adds as there are rows, so packing costs little from some
 * hundred rows on, and there is nothing to prepare, to keep or to share between threads. The tile,
 * and the order of every sum, are the instruction set's product.h's, which is included before, with
 * turn.h and words.h; where x is full of zeros, the way past it is sparse.h's. */
#ifndef EKTM_KERNELS_FRESH_H
#define EKTM_KERNELS_FRESH_H

#include "kernels/sparse.h"
#include "kernels/stretch.h"

enum {
    FRESH_OUTS = 128,  /* packed at a time, whole panels of DEPTH terms at most         */
    TURNED_ROWS = 256, /* of a matrix that is turned, and                               */
    TURNED_TERMS = 256 /* as many of its columns: on the stack, in L2                   */
};

struct fresh {
    const float *x; /* [rows, terms] */
    size_t x_ld, rows, terms, outs;
    const float *w; /* [terms, outs], or [outs, terms] where they have to be turned */
    size_t w_ld;
    bool turned;
    const float *bias; /* [outs]; NULL: none                      */
    float *y;          /* [rows, outs]                            */
    size_t ld;
    bool add;    /* to what is in y                            */
    bool sparse; /* x is full of zeros                         */
    float floor; /* y is at least this                         */

    /* As in struct product: over whole sums, with `other`, [rows, outs], as x[1]. */
    void (*finish)(const struct whole_tile *tile);
    const float *other;
    size_t other_ld;
};

/* to[c, r] = from[r, c], in whole tiles of vectors: where the tiles go beyond, zeros. */
INLINE void turn(float *to, size_t to_ld, const float *from, size_t ld, size_t rows, size_t columns)
{
    for (size_t c = 0; c < columns; c += LANES)
        for (size_t r = 0; r < rows; r += LANES)
            turn_tile(to + c * to_ld + r, to_ld, from + r * ld + c, ld, at_most(rows - r, LANES),
                      at_most(columns - c, LANES));
}

/* A panel of weights that lie as they are read: `width` numbers of each term, `panel` if it is a
 * whole one. */
INLINE void panel_copy(float *to, size_t step, const float *from, size_t ld, size_t terms,
                       size_t width, const size_t panel)
{
    enum { SOON = 8 }; /* terms whose lines are asked for in advance */
    for (size_t k = 0; k < terms && width == panel; k++, to += panel, from += ld) {
        for (size_t l = 0; l < panel; l += 64 / sizeof *from)
            __builtin_prefetch(from + SOON * ld + l, 0, 3);
        for (size_t o = 0; o < panel; o++)
            to[o] = from[o];
    }
    for (size_t k = 0; k < terms && width < panel; k++, to += step, from += ld) {
        for (size_t o = 0; o < width; o++)
            to[o] = from[o];
        for (size_t o = width; o < step; o++)
            to[o] = 0;
    }
}

/* Panels of weights that have to be turned; what fills up the last vector becomes zeros. */
INLINE void panel_turn(float *to, size_t step, const float *from, size_t ld, size_t terms,
                       size_t width)
{
    float rest[LANES * FRESH_OUTS];
    const size_t whole = terms - terms % LANES;
    turn(to, step, from, ld, width, whole);
    if (whole == terms)
        return;
    turn(rest, step, from + whole, ld, width, terms - whole);
    for (size_t i = 0; i < (terms - whole) * step; i++)
        to[whole * step + i] = rest[i];
}

/* Packs the outputs from `out` on, `outs` of them, of the terms from `term` on, in panels of
 * `panel`. */
INLINE void fresh_pack(float *to, const struct fresh *f, size_t out, size_t outs, size_t term,
                       size_t terms, const size_t panel)
{
    for (size_t o = 0; o < outs; o += panel) {
        const size_t width = at_most(outs - o, panel), step = whole_vectors(width);
        if (f->turned)
            panel_turn(to + o * terms, step, f->w + (out + o) * f->w_ld + term, f->w_ld, terms,
                       width);
        else
            panel_copy(to + o * terms, step, f->w + term * f->w_ld + out + o, f->w_ld, terms, width,
                       panel);
    }
}

/* All rows past some outputs and terms, which are packed into `packed`. */
INLINE void fresh_way(const struct fresh *f, float *packed, size_t out, size_t outs, size_t term,
                      size_t terms, const bool sparse)
{
    _Alignas(64) float bias[FRESH_OUTS] = {0};
    const bool last = term + terms == f->terms;
    for (size_t o = 0; f->bias && o < outs; o++)
        bias[o] = f->bias[out + o];
    fresh_pack(packed, f, out, outs, term, terms, sparse ? SPARSE_PANEL : PANEL);
    const struct panels panels = {.outs = outs,
                                  .terms = terms,
                                  .whole = whole_vectors(outs),
                                  .stretch = terms,
                                  .bias = bias,
                                  .weight = packed};
    const struct product p = {
        .panels = &panels,
        .factor = {{f->x + term, f->x_ld, terms},
                   {f->other ? f->other + out : NULL, f->other_ld, 0}},
        .factors = f->other ? 2 : 1,
        .rows = f->rows,
        .y = f->y + out,
        .ld = f->ld,
        .floor = last ? f->floor : -INFINITY,
        .adds = f->add || term > 0,
        .fresh = true,
        .finish = last ? f->finish : NULL,
    };
    if (sparse)
        sparse_walk(&p);
    else
        product_walk(&p, stretch_rows);
}

/* A function of its own, given a copy: a pointer that leaves would cost the other way registers. */
static __attribute__((noinline)) void fresh_sparse(struct fresh f, float *packed, size_t out,
                                                   size_t outs, size_t term, size_t terms)
{
    fresh_way(&f, packed, out, outs, term, terms, true);
}

/* Whether f's rows are full of zeros, and so many outputs and terms meet them that it matters. */
INLINE bool fresh_is_sparse(const struct fresh *f)
{
    return f->outs >= PANEL && f->terms >= LANES && is_sparse(f->x, f->x_ld, f->rows, f->terms);
}

INLINE void fresh_some(const struct fresh *f, float *packed, size_t out, size_t outs, size_t term,
                       size_t terms)
{
    if (f->sparse)
        fresh_sparse(*f, packed, out, outs, term, terms);
    else
        fresh_way(f, packed, out, outs, term, terms, false);
}

/* The whole product. */
INLINE void fresh_run(struct fresh f)
{
    _Alignas(64) float packed[FRESH_OUTS * DEPTH];
    f.sparse = fresh_is_sparse(&f);
    for (size_t out = 0; out < f.outs; out += FRESH_OUTS) {
        size_t term = 0;
        do {
            const size_t terms = at_most(f.terms - term, DEPTH);
            fresh_some(&f, packed, out, at_most(f.outs - out, FRESH_OUTS), term, terms);
            term += terms;
        } while (term < f.terms);
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

INLINE void over_batch_block(const struct over_batch *o, float *packed, const float *turned,
                             size_t first, size_t outs, size_t row, size_t rows)
{
    struct fresh f = {.x = turned,
                      .x_ld = TURNED_TERMS,
                      .rows = outs,
                      .terms = rows,
                      .outs = o->ins,
                      .w = o->x + row * o->x_ld,
                      .w_ld = o->x_ld,
                      .y = o->dw + first * o->ld,
                      .ld = o->ld,
                      .add = o->add || row > 0,
                      .floor = -INFINITY};
    f.sparse = fresh_is_sparse(&f);
    for (size_t in = 0; in < o->ins; in += FRESH_OUTS)
        fresh_some(&f, packed, in, at_most(o->ins - in, FRESH_OUTS), 0, rows);
}

INLINE void over_batch_run(const struct over_batch *o)
{
    _Alignas(64) float packed[FRESH_OUTS * TURNED_TERMS], turned[TURNED_ROWS * TURNED_TERMS];
    for (size_t first = 0; first < o->outs; first += TURNED_ROWS) {
        const size_t outs = at_most(o->outs - first, TURNED_ROWS);
        size_t row = 0;
        do {
            const size_t rows = at_most(o->batch - row, TURNED_TERMS);
            turn(turned, TURNED_TERMS, o->dy + row * o->dy_ld + first, o->dy_ld, rows, outs);
            over_batch_block(o, packed, turned, first, outs, row, rows);
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
