/* The loops around a tile of a product y = finish(W x + bias) over packed panels (panel.h): the
 * rows go in blocks, the terms in stretches, and what a tile is, is an instruction set's own
 * matter.
 *
 * All of it is inlined into a kernel's `run`, and no pointer to the structures here is handed out:
 * a small product has little more time than its loops take, and what a store of y might change
 * would have to be read again after each. */
#ifndef EKTM_KERNELS_STRETCH_H
#define EKTM_KERNELS_STRETCH_H

#include "kernels/panel.h"
#include "kernels/unroll.h"
#include "reference/op.h"

enum {
    BLOCK_ROWS = 48,      /* a multiple of a tile's */
    WEIGHTS_FAR = 8 << 20 /* bytes */
};

INLINE size_t at_most(size_t count, size_t limit) { return count < limit ? count : limit; }

/* One operand's share of the product. */
struct factor {
    const float *x; /* [rows, terms] */
    size_t ld, terms;
};

/* Rows and outputs whose sums are whole, and what the factors hold at the same places. */
struct whole_tile {
    float *y; /* [rows, outs] */
    size_t ld, rows, outs;
    const float *x[2];
    size_t x_ld[2];
};

struct product {
    const struct panels *panels;
    struct factor factor[2]; /* their terms one behind the other are the panels' terms */
    size_t factors, rows;
    float *y; /* [rows, outs] */
    size_t ld;
    float floor; /* y is at least this: 0 for ReLU, -INFINITY for none */
    struct outputs outputs;
    struct ahead *ahead;
    bool adds;  /* the sums start with what is in y instead of the bias                 */
    bool fresh; /* the panels have just been packed and are near: none is asked for ahead */

    /* Goes over a tile's whole sums in y while they are in L1; NULL: nothing to do. */
    void (*finish)(const struct whole_tile *tile);
};

/* A stretch of terms for a block of rows. */
struct stretch {
    const struct product *product;
    size_t first, rows;    /* the block                                                  */
    size_t out, end;       /* the outputs                                                */
    size_t term, terms;    /* the panels' number of the first term, and how many there are */
    struct factor part[2]; /* of each factor, from the block's first row on, that meets them:
                              0 terms where it does not                                     */
    bool begins;           /* the sums start with the bias then; otherwise they wait in y */
    bool ends;             /* the sums are whole then                                     */
};

/* Finds what of the factors meets the stretch's terms. */
INLINE void stretch_parts(struct stretch *s)
{
    const struct product *p = s->product;
    size_t begin = 0;
    for (size_t f = 0; f < p->factors; begin += p->factor[f++].terms) {
        const struct factor *x = &p->factor[f];
        const size_t from = s->term > begin ? s->term - begin : 0;
        const size_t end =
            at_most(x->terms, s->term + s->terms > begin ? s->term + s->terms - begin : 0);
        s->part[f] =
            (struct factor){x->x + s->first * x->ld + from, x->ld, from < end ? end - from : 0};
    }
}

/* Hands a tile's whole sums to `finish`. */
INLINE void product_finish(const struct product *p, size_t row, size_t rows, size_t out,
                           size_t outs)
{
    struct whole_tile tile = {p->y + row * p->ld + out, p->ld, rows, outs, {0}, {0}};
    for (size_t f = 0; f < p->factors; f++) {
        tile.x[f] = p->factor[f].x + row * p->factor[f].ld + out;
        tile.x_ld[f] = p->factor[f].ld;
    }
    p->finish(&tile);
}

/* Floats from a panel of the stretch to the one behind it, which a tile of several panels reads,
 * and of which others ask for lines while rows go past the panel before. 0 where nothing is asked
 * for: then it is the panel's own lines, which are there. */
INLINE size_t stretch_next(const struct stretch *s, const size_t panel, const bool several)
{
    return several || !s->product->fresh ? panel * s->terms : 0;
}

/* Asks for what `finish` will look at beside the sums of a tile, and no product reads: factors of
 * no terms. */
INLINE void product_ask(const struct product *p, size_t row, const size_t rows, size_t out,
                        const size_t outs)
{
    enum { LINE_FLOATS = 16 };
    for (size_t f = 1; f < p->factors; f++)
        for (size_t r = 0; r < rows && p->factor[f].terms == 0; r++)
            for (size_t o = 0; o < outs; o += LINE_FLOATS)
                __builtin_prefetch(p->factor[f].x + (row + r) * p->factor[f].ld + out + o, 0, 3);
}

typedef void stretch_walk(const struct stretch *s);

/* The product of `rows` rows from `row` on. */
INLINE void product_block(const struct product *p, size_t row, size_t rows, stretch_walk *run)
{
    const struct panels *w = p->panels;
    const size_t out = p->outputs.first, count = p->outputs.count;
    struct stretch s = {
        .product = p, .first = row, .rows = rows, .out = out, .end = count ? out + count : w->outs};
    do {
        s.terms = at_most(w->terms - s.term, w->stretch);
        s.begins = s.term == 0 && !p->adds;
        s.ends = s.term + s.terms == w->terms;
        stretch_parts(&s);
        run(&s);
        s.term += s.terms;
    } while (s.term < w->terms);
}

/* Rows of a block. All weights are read once a block: where that is so much that the L3 may not
 * have it, or not for itself, blocks are as large as the L2 allows. */
INLINE size_t block_rows(const struct panels *w)
{
    return w->whole * w->terms * sizeof(float) > WEIGHTS_FAR ? 4 * BLOCK_ROWS : BLOCK_ROWS;
}

/* The whole product: blocks of rows, and of those stretch after stretch, which `run` lets all of
 * the stretch's rows go past. */
INLINE void product_walk(const struct product *p, stretch_walk *run)
{
    const size_t block = block_rows(p->panels);
    for (size_t row = 0; row < p->rows; row += block)
        product_block(p, row, at_most(p->rows - row, block), run);
}

#endif
