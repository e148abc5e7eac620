/* The logits of a task's head: a hidden layer whose units never see memory. */
#ifndef EKTM_KERNELS_AVX512_HEAD_H
#define EKTM_KERNELS_AVX512_HEAD_H

#include "kernels/avx512/exp.h"
#include "kernels/avx512/product.h"

enum { HEAD_ROWS = 8 * TILE_ROWS }; /* whole tiles and whole vectors of logits */

struct head {
    const struct panels *panels;
    const float *x, *w;
    size_t ld;
};

/* Packs U [units, width] and u [units]. NULL: out of memory. */
static inline struct panels *head_pack(const struct tensor *u, const struct tensor *bias,
                                       size_t units, size_t width)
{
    const struct columns columns = {u, width};
    const struct panel_size size = {LANES, PANEL, SIZE_MAX}; /* all terms at once */
    return panels_pack(bias, units, &columns, 1, size);
}

/* Adds the hidden units from `unit` on, `vectors` vectors of them, to the logits of `rows` rows. */
INLINE void add_units(__m512 logit[TILE_ROWS], const struct head *h, size_t row, size_t unit,
                      const size_t rows, const size_t vectors)
{
    __m512 sum[TILE_ROWS][WIDE_VECTORS];
    const size_t terms = h->panels->terms;
    for (size_t r = 0; r < rows; r++)
        for (size_t v = 0; v < vectors; v++)
            sum[r][v] = _mm512_load_ps(h->panels->bias + unit + v * LANES);
    tile_add(sum, h->x + row * h->ld, h->ld, h->panels->weight + unit * terms, PANEL * terms, terms,
             rows, vectors);
    for (size_t v = 0; v < vectors; v++) {
        const __mmask16 lanes = lanes_of(h->panels->outs - unit - v * LANES);
        const __m512 w = _mm512_maskz_loadu_ps(lanes, h->w + unit + v * LANES);
        for (size_t r = 0; r < rows; r++) {
            __m512 hidden = _mm512_maskz_max_ps(lanes, _mm512_setzero_ps(), sum[r][v]);
            logit[r] = _mm512_fmadd_ps(w, hidden, logit[r]);
        }
    }
}

/* The logits, without v, of `rows` rows. */
INLINE void logits_of(float *to, const struct head *h, size_t row, const size_t rows)
{
    const size_t units = h->panels->outs;
    __m512 logit[TILE_ROWS];
    for (size_t r = 0; r < rows; r++)
        logit[r] = _mm512_setzero_ps();
    const size_t panels = panels_at_once(rows);
    size_t unit = 0;
    for (; unit + panels * PANEL <= units; unit += panels * PANEL)
        add_units(logit, h, row, unit, rows, panels * PANEL_VECTORS);
    for (; unit + PANEL <= units; unit += PANEL)
        add_units(logit, h, row, unit, rows, PANEL_VECTORS);
    switch (whole_vectors(units - unit) / LANES) {
        CASES_TO_4(add_units(logit, h, row, unit, rows, N))
    }
    for (size_t r = 0; r < rows; r++)
        to[r] = _mm512_reduce_add_ps(logit[r]);
}

/* The logits, without v, of as many rows as there are, from row `first` on. */
static void logits(float *to, const struct head *h, size_t first, size_t rows)
{
    size_t row = 0;
    for (size_t tiles = (rows + TILE_ROWS - 1) / TILE_ROWS; tiles > 0; tiles--) {
        const size_t count = (rows - row + tiles - 1) / tiles;
        switch (count) {
            CASES_TO_6(logits_of(to + row, h, first + row, N))
        }
        row += count;
    }
}

#endif
