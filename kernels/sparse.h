/* A product whose x is full of zeros, as the gradients behind a ReLU and what a ReLU made are: each
 * row of x goes by itself past the terms where it is not 0, and leaves out the others.
 *
 *                       k | w  w  w  w  w  w  w  w |   skipped
 *      x[row, k] -> v   k | w  w  w  w  w  w  w  w |   8 loads for 8 multiply-adds
 *                       k | w  w  w  w  w  w  w  w |   skipped
 *                         +------------------------+
 *                   row   | sum               sum  |
 *
 * No other row shares the weights that are loaded, so they have to come from L1: only SPARSE_TERMS
 * terms of a panel are met at a time, by SPARSE_ROWS rows, whose sums wait in y, in L2. A load for
 * each multiply-add is what CPUs have; that of x[row, k], the sums' way to y and back and the
 * branch that nobody foretells cost about a fifth more than the products alone, so it pays from a
 * third of zeros on.
 *
 * The sums keep their order, and a term of 0 adds nothing: the bits are those of the tile of
 * product.h, but for a weight that is not finite and meets nothing but zeros. Bottleneck: loads
 * from L1. The instruction set's words.h is included before. */
#ifndef EKTM_KERNELS_SPARSE_H
#define EKTM_KERNELS_SPARSE_H

#include "kernels/stretch.h"
#include "kernels/words.h"

#include <stdint.h>

enum {
    SPARSE_VECTORS = 8,
    SPARSE_PANEL = SPARSE_VECTORS * LANES, /* outputs side by side in the packed weights */
    SPARSE_TERMS = 64,                     /* the bits of a word                         */
    SPARSE_ROWS = 96
};

/* Bit k: whether x[k] is not 0; at most SPARSE_TERMS of them. A NaN is not 0. */
INLINE uint64_t nonzeros(const float *x, size_t count)
{
    uint64_t bits = 0;
    for (size_t k = 0; k < count; k += LANES)
        bits |= (uint64_t)nonzero_lanes(load_some(x + k, count - k)) << k;
    return bits;
}

/* Whether x [rows, terms] has zeros enough, as far as a sample of its rows tells. Which way a
 * product goes changes no bit, so the rows that a thread has may decide for themselves. */
INLINE bool is_sparse(const float *x, size_t ld, size_t rows, size_t terms)
{
    enum { SAMPLE = 32 };
    const size_t step = rows > SAMPLE ? rows / SAMPLE : 1;
    size_t count = 0, of = 0;
    for (size_t r = 0; r < rows; r += step, of += terms)
        for (size_t k = 0; k < terms; k += SPARSE_TERMS)
            count += (size_t)__builtin_popcountll(
                nonzeros(x + r * ld + k, at_most(terms - k, SPARSE_TERMS)));
    return 3 * count < 2 * of;
}

/* Asks for what the tile of the next rows begins with: prefetchers take each row for a stream. */
INLINE void sparse_ask(const float *y, size_t y_ld, const float *x, size_t x_ld, size_t terms,
                       const size_t vectors)
{
    enum { LINE_FLOATS = 16 };
    for (size_t o = 0; o < vectors * LANES; o += LINE_FLOATS)
        __builtin_prefetch(y + y_ld + o, 1, 3);
    for (size_t k = 0; k < terms; k += LINE_FLOATS)
        __builtin_prefetch(x + 2 * x_ld + k, 0, 3);
}

/* Adds x[k] * w[k, v] to the sums where x[k] is not 0. */
INLINE void sparse_add(vector sum[SPARSE_VECTORS], const float *x, const float *w, size_t terms,
                       const size_t vectors)
{
    for (uint64_t left = nonzeros(x, terms); left; left &= left - 1) {
        const size_t k = (size_t)__builtin_ctzll(left);
        const vector value = all_of(x[k]);
        const float *weight = w + k * vectors * LANES;
        __asm__("" : "+r"(weight)); /* one address, not one for each vector */
        for (size_t v = 0; v < vectors; v++)
            sum[v] = times_plus(value, load_some(weight + v * LANES, LANES), sum[v]);
    }
}

/* A row past some terms of a panel of `vectors` vectors. */
INLINE void sparse_tile(const struct product *p, size_t row, size_t out, size_t term, size_t terms,
                        const size_t vectors)
{
    const struct panels *w = p->panels;
    const struct factor *f = &p->factor[0];
    const bool begins = term == 0 && !p->adds, ends = term + terms == w->terms;
    const size_t outs = at_most(w->outs - out, vectors * LANES), last = vectors - 1;
    const float *x = f->x + row * f->ld + term;
    float *y = p->y + row * p->ld + out;
    vector sum[SPARSE_VECTORS];
    for (size_t v = 0; v < vectors; v++)
        sum[v] = begins ? load_some(w->bias + out + v * LANES, LANES)
                        : load_some(y + v * LANES, v < last ? LANES : outs - v * LANES);
    sparse_ask(y, p->ld, x, f->ld, terms, vectors);
    sparse_add(sum, x, w->weight + w->terms * out + term * vectors * LANES, terms, vectors);
    const vector floor = all_of(ends ? p->floor : -INFINITY);
    for (size_t v = 0; v < vectors; v++)
        store_some(y + v * LANES, at_least(floor, sum[v]), v < last ? LANES : outs - v * LANES);
    if (ends && p->finish)
        product_finish(p, row, 1, out, outs);
}

/* Some rows past a panel. */
INLINE void sparse_panel(const struct product *p, size_t row, size_t rows, size_t out,
                         const size_t vectors)
{
    for (size_t term = 0; term < p->panels->terms; term += SPARSE_TERMS) {
        const size_t terms = at_most(p->panels->terms - term, SPARSE_TERMS);
        for (size_t r = row; r < row + rows; r++)
            sparse_tile(p, r, out, term, terms, vectors);
    }
}

/* The whole product of one factor, whose panels have SPARSE_PANEL outputs and are one stretch of a
 * term or more. */
INLINE void sparse_walk(const struct product *p)
{
    for (size_t row = 0; row < p->rows; row += SPARSE_ROWS) {
        const size_t rows = at_most(p->rows - row, SPARSE_ROWS);
        size_t out = 0;
        for (; out + SPARSE_PANEL <= p->panels->outs; out += SPARSE_PANEL)
            sparse_panel(p, row, rows, out, SPARSE_VECTORS);
        switch ((p->panels->outs - out + LANES - 1) / LANES) {
            CASES_TO_8(sparse_panel(p, row, rows, out, N))
        }
    }
}

#endif
