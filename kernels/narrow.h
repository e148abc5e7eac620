/* Products of narrow numbers: y = finish(W x + bias), W in bf16 or i8, x in f32 and rounded on its
 * way. What panel.h and stretch.h are to f32.
 *
 * Weights. A group is as many terms of one output as an instruction multiplies at a time, GROUP
 * bytes of them: mostly 4 (2 bf16 or 4 i8), 8 where it multiplies two rows at once. The
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
 * v . q is exact in 32 bits: a piece is short enough. Between the pieces sums wait in y, in f32.
 *
 * A rounded row is contiguous. With groups of 8 bytes rows lie in pairs, group by group, as the
 * instructions read them; what a last row lacks is zero:
 *
 *     row 0 | g0 |    | g1 |    | ..          g0, g1 .. of row 1 in between */
#ifndef EKTM_KERNELS_NARROW_H
#define EKTM_KERNELS_NARROW_H

#include "kernels/unroll.h"
#include "reference/op.h"
#include "reference/quantize.h"

enum { FACTORS_MAX = 2, NARROW_ROWS = 48, PIECE_BYTES = 2048 };

/* From one rounded row to the next: no power of two, or they would meet in the same sets of a
 * cache. */
enum { ROUNDED_LD = PIECE_BYTES + 64 };

/* Groups of so many bytes meet two rows at once. */
enum { PAIR_GROUP = 8 };

/* Some terms of one factor. */
struct piece {
    size_t factor;
    size_t first, terms; /* of the factor's x                                              */
    size_t groups;       /* of each output                                                  */
    const char *weight;  /* the panel whose first output is o begins groups * group * o behind */
    const float *scale;  /* [whole], i8 alone: s of each output                             */
    const int32_t *sum;  /* [whole], i8 alone: the sum of v over the piece's terms          */
    const float *total;  /* [whole], i8 alone: s times that                                 */
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

/* How weights are put into groups. */
struct grouping {
    size_t group;   /* bytes                                                                  */
    size_t widened; /* of a packed weight for each of its own: 2 makes i8 ones 16-bit integers */
    size_t piece;   /* the most bytes of an output's weights, as they come, in a piece:
                       PIECE_BYTES are a rounded row's, of which a number may take more room    */
};

/* narrow_pack, put into groups in another way. */
struct narrow *narrow_pack_wide(const struct tensor *bias, size_t outs,
                                const struct tensor *const weight[], const size_t terms[],
                                size_t factors, size_t lanes, size_t panel, struct grouping to);

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
    size_t terms;              /* of the piece's factor, in all its pieces                 */
    size_t first, rows;        /* the block                                                */
    size_t out, end;           /* the outputs                                              */
    char *x;                   /* [rows], rounded, ROUNDED_LD bytes apart; aligned to 64; pairs
                                  twice as far apart                                       */
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

/* Where the rounded row `row` begins. */
INLINE char *rounded_at(char *x, size_t row, size_t group)
{
    const size_t second = group == PAIR_GROUP ? row % 2 : 0;
    return x + (row - second) * ROUNDED_LD + second * group;
}

/* Where the numbers of the block's row `row` begin. */
INLINE const float *narrow_from(const struct narrow_block *b, size_t row)
{
    const size_t factor = b->piece->factor;
    return b->product->factor[factor].x + (b->first + row) * b->product->factor[factor].ld;
}

/* Finds how the row is rounded, where no piece before has. */
INLINE void narrow_see(const struct narrow_block *b, size_t row, narrow_range *range)
{
    if (range && b->piece->first == 0)
        b->rounding[row] = range(narrow_from(b, row), b->terms);
}

/* Rounds what the row has of the piece; `group` is the weights'. */
INLINE void narrow_row(const struct narrow_block *b, size_t row, const size_t group,
                       narrow_round *round)
{
    round(rounded_at(b->x, row, group), narrow_from(b, row) + b->piece->first, b->piece->terms,
          &b->rounding[row]);
}

/* Rounds `rows` rows of the block's piece, from row `row` on; a last one without a partner gets one
 * of zeros. */
INLINE void narrow_rows(const struct narrow_block *b, size_t row, size_t rows, narrow_range *range,
                        narrow_round *round)
{
    const size_t group = b->product->weights->group;
    if (group == PAIR_GROUP && (row + rows) % 2)
        memset(rounded_at(b->x, row + rows - 1, group), 0, 2 * group * b->piece->groups);
    for (size_t r = row; r < row + rows; r++)
        narrow_see(b, r, range);
    for (size_t r = row; r < row + rows; r++)
        narrow_row(b, r, group, round);
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
            .terms = factor_terms(w, w->piece[i].factor),
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
