/* y = finish(W x + bias) over packed panels: the product that dense layers share.
 *
 * The tile: 6 rows of x by one panel, 12 sums that stay in registers while k runs.
 *
 *                      w[k]  | ymm  ymm |     2 loads, each used by 6 rows
 *                            +----------+
 *         x[row 0, k] -> ymm | sum  sum |
 *         x[row 1, k] -> ymm | sum  sum |     12 sums + 2 weights + 1 x
 *              :             |     :    |     of 16 registers
 *         x[row 5, k] -> ymm | sum  sum |
 *
 * 12 multiply-adds, two a cycle, wait for 8 loads, two or three a cycle, so the multiply-adds are
 * the bottleneck; 12 independent chains hide their latency. Rows that do not fill tiles of six take
 * as many tiles, all about alike. One or two rows that are all there is take four or two panels at
 * once, to have chains enough; what counts then is the stream of weights.
 *
 * Blocks: a stretch of at most DEPTH terms of a panel (16 KiB) and of six rows of x stay in L1
 * while BLOCK_ROWS rows go past the panel. Between the stretches the sums wait in y. Weights lie in
 * the order in which they are read (kernels/panel.h), and while rows go past a panel, the lines of
 * the next one are asked into the L2: where the weights come from the L3, the first rows of a panel
 * would wait for it, since prefetchers start anew after each repetition. One or two rows read too
 * fast for that to help.
 *
 * Every sum is one chain, from the bias through the terms in order, whatever tile it falls into and
 * wherever it is put aside: no bit depends on the number of rows. Outputs that do not fill a panel
 * take a narrower tile of whole vectors; the last vector is stored under a mask. */
#ifndef EKTM_KERNELS_AVX2_PRODUCT_H
#define EKTM_KERNELS_AVX2_PRODUCT_H

#include "kernels/ahead.h"
#include "kernels/avx2/lanes.h"
#include "kernels/stretch.h"

#include <math.h>

enum {
    PANEL_VECTORS = 2,
    PANEL = PANEL_VECTORS * LANES,
    TILE_ROWS = 6,
    WIDE_VECTORS = 4 * PANEL_VECTORS, /* of a tile for a single row */
    DEPTH = 256
};

static const struct panel_size panel_size = {LANES, PANEL, DEPTH};

INLINE size_t whole_vectors(size_t outs) { return (outs + LANES - 1) / LANES * LANES; }

/* Panels in the tile of a call that has so few rows. */
INLINE size_t panels_at_once(const size_t rows) { return rows == 1 ? 4 : rows == 2 ? 2 : 1; }

/* Adds x[r, k] * w[k, v] to the sums of `rows` x `vectors`, k = 0 .. terms-1. One k's vectors of a
 * panel lie next to the next one's, the next panel `panel` floats behind a panel. */
INLINE void tile_add(__m256 sum[TILE_ROWS][WIDE_VECTORS], const float *x, size_t ld, const float *w,
                     size_t panel, size_t terms, const size_t rows, const size_t vectors)
{
    const size_t stride = at_most(vectors, PANEL_VECTORS) * LANES;
    const float *w2 = w + 2 * panel; /* two pointers and one distance reach four panels */
    for (size_t k = 0; k < terms; k++, w += stride, w2 += stride) {
        __m256 weight[WIDE_VECTORS];
        for (size_t v = 0; v < vectors; v++)
            weight[v] = _mm256_load_ps((v < WIDE_VECTORS / 2 ? w : w2) +
                                       v / PANEL_VECTORS % 2 * panel + v % PANEL_VECTORS * LANES);
        for (size_t v = 0; v < vectors && rows > 1; v++)
            __asm__("" : "+x"(weight[v])); /* read once, not by the multiply-adds of each row */
        if (rows > 2)
            _mm_prefetch((const char *)(w + panel), _MM_HINT_T1);
        for (size_t r = 0; r < rows; r++) {
            __m256 value = _mm256_set1_ps(x[r * ld + k]);
            for (size_t v = 0; v < vectors; v++)
                sum[r][v] = _mm256_fmadd_ps(value, weight[v], sum[r][v]);
        }
    }
}

INLINE void stretch_tile(const struct stretch *s, size_t row, size_t out, const size_t rows,
                         const size_t vectors)
{
    const struct product *p = s->product;
    const struct panels *w = p->panels;
    __m256 sum[TILE_ROWS][WIDE_VECTORS];
    const size_t last = vectors - 1, stride = at_most(vectors, PANEL_VECTORS) * LANES;
    const struct lanes tail = lanes_of(w->outs - out - last * LANES);
    float *y = p->y + (s->first + row) * p->ld + out;
    for (size_t v = 0; v < vectors; v++) {
        const __m256 bias = _mm256_load_ps(w->bias + out + v * LANES);
        for (size_t r = 0; r < rows; r++)
            sum[r][v] = bias;
    }
    for (size_t r = 0; r < rows && !s->begins; r++)
        for (size_t v = 0; v < vectors; v++)
            sum[r][v] = v == last ? load_lanes(y + r * p->ld + v * LANES, tail)
                                  : _mm256_loadu_ps(y + r * p->ld + v * LANES);

    if (p->fresh && s->ends && p->finish)
        product_ask(p, s->first + row, rows, out, vectors * LANES);
    const float *weight = w->weight + s->term * w->whole + s->terms * out;
    const size_t next = stretch_next(s, PANEL, vectors > PANEL_VECTORS);
    for (size_t f = 0; f < p->factors; f++) {
        const struct factor *x = &s->part[f];
        tile_add(sum, x->x + row * x->ld, x->ld, weight, next, x->terms, rows, vectors);
        weight += x->terms * stride;
    }

    const __m256 floor = _mm256_set1_ps(s->ends ? p->floor : -INFINITY);
    for (size_t r = 0; r < rows; r++, y += p->ld)
        for (size_t v = 0; v < vectors; v++) {
            const __m256 result = _mm256_max_ps(floor, sum[r][v]); /* keeps a NaN */
            if (v == last)
                store_lanes(y + v * LANES, tail, result);
            else
                _mm256_storeu_ps(y + v * LANES, result);
        }
    if (s->ends && p->finish)
        product_finish(p, s->first + row, rows, out, at_most(w->outs - out, vectors * LANES));
    if (p->ahead)
        ahead_ask(p->ahead, (double)(rows * vectors * LANES * s->terms));
}

/* All rows past one panel (or what is left of one) of `vectors` vectors, in as few tiles as can be,
 * as even as can be: few rows reuse a weight too seldom. */
INLINE void stretch_panel(const struct stretch *s, size_t out, const size_t vectors)
{
    size_t row = 0;
    for (size_t tiles = (s->rows + TILE_ROWS - 1) / TILE_ROWS; tiles > 0; tiles--) {
        const size_t rows = (s->rows - row + tiles - 1) / tiles;
        switch (rows) {
            CASES_TO_6(stretch_tile(s, row, out, N, vectors))
        }
        row += rows;
    }
}

/* A few rows past as many whole panels at once as is good for them; returns the first output that
 * is left. */
INLINE size_t stretch_group(const struct stretch *s, const size_t rows)
{
    const size_t panels = panels_at_once(rows);
    size_t out = s->out;
    for (; out + panels * PANEL <= s->end; out += panels * PANEL)
        stretch_tile(s, 0, out, rows, panels * PANEL_VECTORS);
    return out;
}

/* One row past all of the outputs. */
INLINE void stretch_row(const struct stretch *s)
{
    size_t out = stretch_group(s, 1);
    for (; out + PANEL <= s->end; out += PANEL)
        stretch_tile(s, 0, out, 1, PANEL_VECTORS);
    switch (whole_vectors(s->end - out) / LANES) {
        CASES_TO_2(stretch_tile(s, 0, out, 1, N))
    }
}

/* More than one row past all of the outputs. */
INLINE void stretch_rows(const struct stretch *s)
{
    size_t out = s->rows == 2 ? stretch_group(s, 2) : s->out;
    for (; out + PANEL <= s->end; out += PANEL)
        stretch_panel(s, out, PANEL_VECTORS);
    switch (whole_vectors(s->end - out) / LANES) {
        CASES_TO_2(stretch_panel(s, out, N))
    }
}

/* The whole product. A single row has a walk of its own: what many tiles have in common is got
 * ready before the loops, which would take as long as a small row's product itself. */
INLINE void product_run(const struct product *p)
{
    if (p->rows == 1)
        product_walk(p, stretch_row);
    else
        product_walk(p, stretch_rows);
}

#endif
