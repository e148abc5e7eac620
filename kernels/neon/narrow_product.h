/* y = finish(W x + bias) of narrow numbers: the tile that dense layers share. Whoever includes it
 * has included the words of a format before, bf16.h or i8.h; packing, blocks of rows and pieces of
 * terms are kernels/narrow.h's.
 *
 * The tile keeps 16 vectors of sums in registers while the groups of a piece run, whatever share of
 * the product a vector has:
 *
 *      4 outputs of a row       2 outputs of 2 rows        partial sums of one output
 *      8 rows x 8 outputs       8 rows x 8 outputs         4 rows x 4 outputs
 *
 *          w: 2 vectors           w: 4 vectors                w: 4 vectors
 *        +----+----+            +--+--+--+--+               +---+---+---+---+
 *     x0 | 00 | 01 |        x01 |00|01|02|03|            x0 |00 |01 |02 |03 |
 *     x1 | 10 | 11 |        x23 |10|11|12|13|            x1 |10 |11 |12 |13 |
 *        |   ...   |         :  |    ...    |            :  |      ...      |
 *     x7 | 70 | 71 |        x67 |30|31|32|33|            x3 |30 |31 |32 |33 |
 *        +----+----+            +--+--+--+--+               +---+---+---+---+
 *      a lane of x each       a pair of groups each      16 terms each
 *
 *                   terms   loads   multiply                        besides
 *     FMLA            4      16     64 FMLA                         16 SHLL
 *     BFDOT           8      16     64 BFDOT
 *     BFMMLA          8      16     32 BFMMLA
 *     SMULL          16       8     16 SMULL, 16 SMULL2             32 SADALP
 *     SDOT           16      16     64 SDOT
 *     USMMLA         16      16     32 USMMLA
 *
 * is what a pass of the inner loop takes on paper, and what steps the pointers, compares and
 * branches comes on top. The compiled loops are that; tests/neon_loop.py counts them.
 *
 * Fewer rows would leave too few chains, so their tiles are wider: as many panels at once, up to
 * four, as the 16 vectors hold. They read each weight once, which is all the speed there is. Rows
 * that fill tiles go past a panel while it stays in L1: 16 KiB at most.
 *
 * Every sum begins at zero, takes the groups of a piece in order, and is then added to the bias or
 * to what the piece before left in y: no bit depends on the number of rows, nor on which row an
 * instruction took beside another. The outputs that fill up the last panel are not stored. */
#ifndef EKTM_KERNELS_NEON_NARROW_PRODUCT_H
#define EKTM_KERNELS_NEON_NARROW_PRODUCT_H

#include "kernels/neon/unroll.h"

#include <math.h>

/* The tile's instructions stay in the order written: gcc's scheduler would bring forward more loads
 * than there are registers. */
#if defined(__GNUC__) && !defined(__clang__)
#    pragma GCC optimize("no-schedule-insns")
#endif

enum {
    TILE_SUMS = 16,                /* vectors                            */
    VECTOR = SUM_OUTS * GROUP,     /* bytes of weights that one sum meets */
    PANEL = SUM_OUTS == 1 ? 4 : 8, /* outputs                            */
    PANEL_SUMS = PANEL / SUM_OUTS, /* vectors of sums in a panel         */
    PANELS_MAX = 4,                /* of a tile                          */
    TILE_ROWS = TILE_SUMS / PANEL_SUMS * SUM_ROWS
};

typedef sums narrow_tile[TILE_ROWS / SUM_ROWS][PANELS_MAX * PANEL_SUMS];

/* ---- rounding -------------------------------------------------------------------------------- */

/* Stores whole groups of a row; of pairs, the other row's lie in between. */
INLINE char *put_rounded(char *to, uint8x16_t numbers)
{
    if (SUM_ROWS == 1) {
        vst1q_u8((uint8_t *)to, numbers);
        return to + sizeof numbers;
    }
    vst1_u8((uint8_t *)to, vget_low_u8(numbers));
    vst1_u8((uint8_t *)to + SUM_ROWS * GROUP, vget_high_u8(numbers));
    return to + SUM_ROWS * sizeof numbers;
}

/* narrow_round. Whole vectors are written; what is behind the last term meets weights of zero. */
static inline void round_row(char *to, const float *x, size_t terms,
                             const struct rounding *rounding)
{
    for (; terms >= ROUNDED; terms -= ROUNDED, x += ROUNDED)
        to = put_rounded(to, rounded_vector(x, rounding));
    if (terms) {
        float last[ROUNDED] = {0};
        memcpy(last, x, terms * sizeof *x);
        put_rounded(to, rounded_vector(last, rounding));
    }
}

/* ---- the tile -------------------------------------------------------------------------------- */

/* Adds all groups' products to the sums of `units` (rows, or pairs of them) x `panels`, which lie
 * `panel` bytes apart. */
INLINE void tile_add(const int units, const int panels, narrow_tile sum, const char *x,
                     const char *w, size_t panel, size_t groups)
{
    const size_t unit = SUM_ROWS * ROUNDED_LD;
    const char *at[PANELS_MAX];
    UNROLL for (int p = 0; p < panels; p++) at[p] = w + (size_t)p * panel;

#define ADD_GROUP(x, group)                                                                        \
    UNROLL for (int v = 0; v < panels * PANEL_SUMS; v++)                                           \
    {                                                                                              \
        const weights wv =                                                                         \
            weights_at(at[v / PANEL_SUMS] + ((group)*PANEL_SUMS + v % PANEL_SUMS) * VECTOR);       \
        UNROLL for (int u = 0; u < units; u++) sum[u][v] =                                         \
            multiply_add(sum[u][v], wv, &x[u], group);                                             \
    }
    size_t g = 0;
    for (; g + AT_ONCE <= groups; g += AT_ONCE) {
        inputs some[TILE_ROWS];
        UNROLL for (int u = 0; u < units; u++) some[u] = inputs_at(x + (size_t)u * unit);
        UNROLL for (int i = 0; i < AT_ONCE; i++) ADD_GROUP(some, i)
            UNROLL for (int p = 0; p < panels; p++) at[p] += AT_ONCE * PANEL * GROUP;
        x += AT_ONCE * SUM_ROWS * GROUP;
    }
    for (; g < groups && AT_ONCE > 1; g++) {
        inputs one[TILE_ROWS];
        UNROLL for (int u = 0; u < units; u++) one[u] = group_at(x + (size_t)u * unit);
        ADD_GROUP(one, 0)
        UNROLL for (int p = 0; p < panels; p++) at[p] += PANEL * GROUP;
        x += SUM_ROWS * GROUP;
    }
#undef ADD_GROUP
}

/* Where a row's sums come from and go to. */
struct row_of_sums {
    const float *from;
    float *y;
    const struct rounding *rounding;
};

INLINE struct row_of_sums row_of(const struct narrow_block *b, size_t row)
{
    const struct narrow_product *p = b->product;
    return (struct row_of_sums){b->from + row * b->from_ld, p->y + (b->first + row) * p->ld,
                                &b->rounding[row]};
}

INLINE float32x4_t floor_of(const struct narrow_block *b)
{
    return vdupq_n_f32(b->last ? b->product->floor : -INFINITY);
}

/* A whole panel from `out` on of `rows` rows. */
INLINE void put_panel(const int rows, const narrow_tile sum, const int panel,
                      const struct narrow_block *b, size_t row, size_t out)
{
    const float32x4_t floor = floor_of(b);
    UNROLL for (int v = 0; v < PANEL; v += LANES)
    {
        const struct meaning meaning = meaning_of(b->piece, out + (size_t)v);
        UNROLL for (int r = 0; r < rows; r++)
        {
            const struct row_of_sums to = row_of(b, row + (size_t)r);
            const sums four =
                outputs_of(&sum[r / SUM_ROWS][panel * PANEL_SUMS + v / SUM_OUTS], r % SUM_ROWS);
            const float32x4_t y = added(vld1q_f32(to.from + out + v), four, &meaning, to.rounding);
            vst1q_f32(to.y + out + v, vmaxq_f32(y, floor)); /* keeps a NaN */
        }
    }
}

/* The last panel, which is not full. It goes through memory, so that its code exists once and not
 * for each register. */
INLINE void put_last(const int rows, const narrow_tile sum, const int panel,
                     const struct narrow_block *b, size_t row, size_t out)
{
    const float32x4_t floor = floor_of(b);
    sums rest[TILE_ROWS][PANEL / LANES];
    UNROLL for (int r = 0; r < rows; r++) UNROLL for (int v = 0; v < PANEL / LANES; v++)
        rest[r][v] =
            outputs_of(&sum[r / SUM_ROWS][panel * PANEL_SUMS + v * LANES / SUM_OUTS], r % SUM_ROWS);
    for (size_t v = 0; out < b->product->weights->outs; v++, out += LANES) {
        const size_t left = b->product->weights->outs - out, count = left < LANES ? left : LANES;
        const struct meaning meaning = meaning_of(b->piece, out);
        for (size_t r = 0; r < (size_t)rows; r++) {
            const struct row_of_sums to = row_of(b, row + r);
            const float32x4_t from = load_up_to(to.from + out, count);
            const float32x4_t y = added(from, rest[r][v], &meaning, to.rounding);
            store_up_to(to.y + out, vmaxq_f32(y, floor), count);
        }
    }
}

/* `rows` rows x `panels` panels of a block. */
INLINE void block_tile(const int rows, const int panels, const struct narrow_block *b, size_t row,
                       size_t out)
{
    const struct narrow_product *p = b->product;
    const struct piece *piece = b->piece;
    const int units = (rows + SUM_ROWS - 1) / SUM_ROWS;
    const size_t outs = p->weights->outs;
    narrow_tile sum;
    UNROLL for (int u = 0; u < units; u++) UNROLL for (int v = 0; v < panels * PANEL_SUMS; v++)
        sum[u][v] = no_sums();
    tile_add(units, panels, sum, b->x + row * ROUNDED_LD,
             piece->weight + piece->groups * GROUP * out, piece->groups * GROUP * PANEL,
             piece->groups);
    UNROLL for (int q = 0; q < panels; q++)
    {
        const size_t at = out + (size_t)q * PANEL;
        if (outs - at >= PANEL)
            put_panel(rows, sum, q, b, row, at);
        else
            put_last(rows, sum, q, b, row, at);
    }
    if (b->last && p->finish) {
        const size_t wide = (size_t)panels * PANEL;
        p->finish(p, b->first + row, (size_t)rows, out, outs - out < wide ? outs - out : wide);
    }
}

/* ---- the block ------------------------------------------------------------------------------- */

/* `rows` rows past all panels from output `out` on, `panels` at a time while there are that many;
 * returns where the others begin. */
INLINE size_t block_strip(const int rows, const int panels, const struct narrow_block *b,
                          size_t row, size_t out)
{
    const int units = (rows + SUM_ROWS - 1) / SUM_ROWS;
    const size_t end = (b->end + PANEL - 1) / PANEL * PANEL, wide = (size_t)panels * PANEL;
    if (units * panels * PANEL_SUMS <= TILE_SUMS)
        for (; out + wide <= end; out += wide)
            block_tile(rows, panels, b, row, out);
    return out;
}

/* The last `rows` rows, fewer than a tile. */
INLINE void block_last(const int rows, const struct narrow_block *b, size_t row)
{
    if (rows >= TILE_ROWS)
        return;
    size_t out = block_strip(rows, PANELS_MAX, b, row, b->out);
    out = block_strip(rows, PANELS_MAX / 2, b, row, out);
    block_strip(rows, 1, b, row, out);
}

/* narrow_run: whole tiles panel by panel, then the rows that fill none. */
static inline void block_run(const struct narrow_block *b)
{
    const size_t whole = b->rows / TILE_ROWS * TILE_ROWS;
    for (size_t out = b->out; whole && out < b->end; out += PANEL)
        for (size_t row = 0; row < whole; row += TILE_ROWS)
            block_tile(TILE_ROWS, 1, b, row, out);
    switch (b->rows % TILE_ROWS) {
        CASES_TO_7(block_last(N, b, whole))
    }
}

/* The whole product. */
static inline void product_run(const struct narrow_product *p)
{
    narrow_walk(p, range_of_row, round_row, block_run);
}

/* Weights of `factors` operands as the tile reads them. */
static inline struct narrow *pack(const struct tensor *bias, size_t outs,
                                  const struct tensor *const weight[], const size_t terms[],
                                  size_t factors)
{
    return narrow_pack(bias, outs, weight, terms, factors, PANEL, PANEL, GROUP);
}

#endif
