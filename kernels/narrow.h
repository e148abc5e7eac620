/* Products of narrow numbers: y = finish(W x + bias), W in bf16 or i8, x in f32 and rounded on its
 * way. What panel.h and stretch.h are to f32.
 *
 * Weights. A group is as many terms of one output as an instruction multiplies at a time, GROUP
 * bytes of them: 4 (2 bf16 or 4 i8) where it multiplies one row, 8 where it multiplies two. The
 * terms of each factor are cut into pieces of at most PIECE_BYTES, and the outputs into panels; the
 * groups of a panel's outputs lie side by side, the panels of a piece one behind the other:
 *
 *     piece 0, of x               panel 0               panel 1            (the last in whole
 * vectors) group 0    | g g g g .. of outputs 0 .. n-1 |  group 0  | g g g g .. | group 1    | g g
 * g g ..                     |  group 1  | g g .. piece 1 ...
 *
 * so that one stream of vectors is read through the whole of the weights. What fills up the last
 * group and the last vector is zero.
 *
 * Rows. A block of rows is rounded piece by piece into PIECE_BYTES a row, where it stays in the L1
 * or L2 while all panels go past. In i8, a row of a factor has one scale and one least number,
 * found before its first piece:
 *
 *     x = low + scale q       W = s v       W x = s (scale (v . q) + low (sum of v))
 *
 * v . q is exact in 32 bits: a piece is short enough. Between the pieces sums wait in y, in f32. */
#ifndef EKTM_KERNELS_NARROW_H
#define EKTM_KERNELS_NARROW_H

#include "kernels/unroll.h"
#include "reference/op.h"
#include "reference/quantize.h"

enum { FACTORS_MAX = 2, NARROW_ROWS = 48, PIECE_BYTES = 2048 };

/* From one rounded row to the next: no power of two, or they would meet in the same sets of a
 * cache. */
enum { ROUNDED_LD = PIECE_BYTES + 64 };

/* Some terms of one factor. */
struct piece {
    size_t factor;
    size_t first, terms; /* of the factor's x                                              */
    size_t groups;       /* of each output                                                  */
    const char *weight;  /* the panel whose first output is o begins groups * group * o behind */
    const float *scale;  /* [whole], i8 alone: s of each output                             */
    const float *total;  /* [whole], i8 alone: s times the sum of v over the piece's terms  */
};

struct narrow {
    size_t outs;
    size_t whole;      /* outputs in whole vectors */
    size_t group;      /* bytes                    */
    const float *bias; /* [whole]                  */
    size_t pieces;
    struct piece piece[];
};

/* Packs the weights of `factors` operands, [outs, terms[f]] of one narrow format each, and the bias
 * [outs], for panels of `panel` outputs in vectors of `lanes`, as one allocation to be released
 * with free(). A bias without data is zero. NULL: out of memory. */
struct narrow *narrow_pack(const struct tensor *bias, size_t outs,
                           const struct tensor *const weight[], const size_t terms[],
                           size_t factors, size_t lanes, size_t panel, size_t group);

/* The same with pieces of at most `piece` bytes of an output's weights: where a rounded number
 * takes more room than a weight, and PIECE_BYTES are a rounded row's. */
struct narrow *narrow_pack_pieces(const struct tensor *bias, size_t outs,
                                  const struct tensor *const weight[], const size_t terms[],
                                  size_t factors, size_t lanes, size_t panel, size_t group,
                                  size_t piece);

struct narrow_product {
    const struct narrow *weights;
    struct {
        const float *x; /* [rows, terms] */
        size_t ld;
    } factor[FACTORS_MAX];
    size_t rows;
    float *y; /* [rows, outs] */
    size_t ld;
    float floor; /* y is at least this: 0 for ReLU, -INFINITY for none; a NaN stays */
    struct outputs outputs;

    /* Goes over a tile's whole sums in y while they are in L1; NULL: nothing to do. */
    void (*finish)(const struct narrow_product *p, size_t row, size_t rows, size_t out,
                   size_t outs);
};

/* One piece for a block of rows. */
struct narrow_block {
    const struct narrow_product *product;
    const struct piece *piece;
    size_t first, rows;        /* the block                                                */
    size_t out, end;           /* the outputs                                              */
    char *x;                   /* [rows], rounded, ROUNDED_LD bytes apart; aligned to 64  */
    struct rounding *rounding; /* [rows], of the piece's factor                            */
    const float *from;         /* what is added to: the bias, or y where it has begun      */
    size_t from_ld;
    bool last; /* the sums are whole then */
};

/* What an instruction set brings. `range`: how a row of `terms` numbers is rounded (i8; bf16 needs
 * none: NULL). `round`: rounds `terms` numbers to `to`, and fills the last `bytes` multiple of the
 * group with zeros. `run`: lets all rows of the block go past all panels of the piece. Without
 * `round` the rows are not rounded before: `run` does that, by narrow_rows, where it has other work
 * under way. */
typedef struct rounding narrow_range(const float *x, size_t terms);
typedef void narrow_round(char *to, const float *x, size_t terms, const struct rounding *rounding);
typedef void narrow_run(const struct narrow_block *block);

/* Terms of a factor: the sum over its pieces. */
INLINE size_t factor_terms(const struct narrow *w, size_t factor)
{
    size_t terms = 0;
    for (size_t i = 0; i < w->pieces; i++)
        terms += w->piece[i].factor == factor ? w->piece[i].terms : 0;
    return terms;
}

/* Rounds `rows` rows of the block's piece, from row `row` on. */
INLINE void narrow_rows(const struct narrow_block *b, size_t row, size_t rows, narrow_range *range,
                        narrow_round *round)
{
    const struct narrow_product *p = b->product;
    const struct piece *piece = b->piece;
    const size_t ld = p->factor[piece->factor].ld;
    const float *from = p->factor[piece->factor].x + (b->first + row) * ld;
    for (size_t r = 0; r < rows && range && piece->first == 0; r++)
        b->rounding[row + r] = range(from + r * ld, factor_terms(p->weights, piece->factor));
    for (size_t r = 0; r < rows; r++)
        round(b->x + (row + r) * ROUNDED_LD, from + r * ld + piece->first, piece->terms,
              &b->rounding[row + r]);
}

/* The product of a block of at most NARROW_ROWS rows. */
INLINE void narrow_block(const struct narrow_product *p, size_t row, size_t rows,
                         narrow_range *range, narrow_round *round, narrow_run *run)
{
    _Alignas(64) char x[NARROW_ROWS * ROUNDED_LD];
    struct rounding rounding[NARROW_ROWS];
    const struct narrow *w = p->weights;
    const size_t out = p->outputs.first, count = p->outputs.count;
    for (size_t i = 0; i < w->pieces; i++) {
        const struct narrow_block block = {
            .product = p,
            .piece = &w->piece[i],
            .first = row,
            .rows = rows,
            .out = out,
            .end = count ? out + count : w->outs,
            .x = x,
            .rounding = rounding,
            .from = i ? p->y + row * p->ld : w->bias,
            .from_ld = i ? p->ld : 0,
            .last = i + 1 == w->pieces,
        };
        if (round)
            narrow_rows(&block, 0, rows, range, round);
        run(&block);
    }
}

/* The whole product. */
INLINE void narrow_walk(const struct narrow_product *p, narrow_range *range, narrow_round *round,
                        narrow_run *run)
{
    for (size_t row = 0; row < p->rows; row += NARROW_ROWS) {
        const size_t left = p->rows - row;
        narrow_block(p, row, left < NARROW_ROWS ? left : NARROW_ROWS, range, round, run);
    }
}

#endif
