/* y = finish(W x + bias) of narrow numbers: the tile that dense layers share. Whoever includes it
 * has included the words of a format before, bf16.h or i8.h; packing, blocks of rows and pieces of
 * terms are kernels/narrow.h's.
 *
 * The tile: 6 rows of x by one panel, 24 sums that stay in registers while the groups run.
 *
 *                         w[g]  | zmm  zmm  zmm  zmm |     4 loads of 16 groups, one an output
 *                               +--------------------+
 *         x[row 0, g] -> zmm    | sum  sum  sum  sum |     a group of x, 4 bytes, broadcast
 *         x[row 1, g] -> zmm    | sum  sum  sum  sum |
 *              :                |          :         |     24 sums + 4 weights + 1 x
 *         x[row 5, g] -> zmm    | sum  sum  sum  sum |     of 32 registers
 *
 * It is the f32 product's (product.h) with another instruction in its middle: what 24 of them need
 * is 10 loads, whatever the format, and each does the work of 2 or 4. Where the CPU has no such
 * instruction a group takes two phases, each of which widens one half of what was loaded.
 *
 * Rows are rounded beside the first panel, those of the next tile while this tile's groups run: a
 * row's steps wait for each other, and a core looks no further ahead than some dozens of vector
 * instructions, so that without products in between the multiplier would stand still. A row's
 * least and largest number are found one turn before it is rounded:
 *
 *         tile       | groups |          | groups |           | groups |           ..  | rest |
 *         next one            | see row 0 |        | see row 1,           | see row 2,
 *                                                    round row 0            round row 1 ..
 *
 * Rows that do not fill tiles of six take as many tiles, all about alike; a row that is all there
 * is takes two panels at once, to have chains enough. While more than two rows go past a panel, the
 * lines of the next one are asked into the L2.
 *
 * Every sum begins at zero, takes the groups of a piece in order, and is then added to the bias or
 * to what the piece before left in y: no bit depends on the number of rows. Outputs that do not
 * fill a panel take a narrower tile of whole vectors; the last vector is stored under a mask. */
#ifndef EKTM_KERNELS_AVX512_NARROW_PRODUCT_H
#define EKTM_KERNELS_AVX512_NARROW_PRODUCT_H

#include <math.h>

enum {
    GROUP = 4, /* bytes */
    VECTOR = 64,
    PANEL_VECTORS = 4,
    PANEL = PANEL_VECTORS * LANES,
    TILE_ROWS = 6,
    WIDE_VECTORS = 2 * PANEL_VECTORS /* of a tile for a single row */
};

/* Before a loop over a tile's vectors or rows: it holds more than a compiler takes apart unasked.
 */
#ifdef __clang__
#    define UNROLLED _Pragma("clang loop unroll(full)")
#else
#    define UNROLLED _Pragma("GCC unroll 8")
#endif

INLINE size_t at_most(size_t count, size_t limit) { return count < limit ? count : limit; }

/* A group of x for all outputs. */
INLINE __m512i broadcast(const char *group)
{
    int32_t bytes;
    memcpy(&bytes, group, sizeof bytes);
    return _mm512_set1_epi32(bytes);
}

/* Adds x[r, g] * w[g, v] to the sums of `rows` x `vectors`, g = 0 .. groups-1. One group's vectors
 * of a panel lie `stride` bytes from the next one's, a second panel `panel` bytes behind the first.
 */
INLINE void tile_add(sums sum[TILE_ROWS][WIDE_VECTORS], const char *x, const char *w,
                     const size_t stride, size_t panel, size_t groups, const size_t rows,
                     const size_t vectors)
{
    const char *w2 = w + panel;
    for (size_t g = 0; g < groups; g++, x += GROUP, w += stride, w2 += stride) {
        for (size_t v = 0; v < vectors && rows > 2; v++)
            _mm_prefetch(w + panel + v * VECTOR, _MM_HINT_T1);
        for (size_t phase = 0; phase < PHASES; phase++) {
            __m512i weight[WIDE_VECTORS];
            for (size_t v = 0; v < vectors; v++)
                weight[v] = weights_of(
                    _mm512_load_si512((v < PANEL_VECTORS ? w : w2) + v % PANEL_VECTORS * VECTOR),
                    phase);
            for (size_t r = 0; r < rows; r++) {
                const __m512i value = inputs_of(broadcast(x + r * ROUNDED_LD), phase);
                for (size_t v = 0; v < vectors; v++)
                    sum[r][v] = multiply_add(sum[r][v], value, weight[v]);
            }
        }
    }
}

/* The sums of `rows` x `vectors` become numbers, are added to what was there and stored. */
INLINE void tile_put(sums sum[TILE_ROWS][WIDE_VECTORS], const struct narrow_block *b, size_t row,
                     size_t out, const size_t rows, const size_t vectors)
{
    const struct narrow_product *p = b->product;
    const struct piece piece = *b->piece; /* read once: stores may not change it */
    const struct rounding *rounding = b->rounding + row;
    const size_t last = vectors - 1, ld = p->ld, from_ld = b->from_ld;
    const __mmask16 tail = lanes_of(p->weights->outs - out - last * LANES);
    const __m512 floor = _mm512_set1_ps(b->last ? p->floor : -INFINITY);
    const float *from = b->from + row * from_ld + out;
    float *y = p->y + (b->first + row) * ld + out;
    UNROLLED for (size_t v = 0; v < vectors; v++)
    {
        const __mmask16 lanes = v == last ? tail : 0xffff;
        const struct meaning meaning = meaning_of(&piece, out + v * LANES);
        UNROLLED for (size_t r = 0; r < rows; r++)
        {
            const __m512 begun = _mm512_maskz_loadu_ps(lanes, from + r * from_ld + v * LANES);
            const __m512 whole = added(begun, sum[r][v], &meaning, &rounding[r]);
            _mm512_mask_storeu_ps(y + r * ld + v * LANES, lanes,
                                  _mm512_max_ps(floor, whole)); /* keeps a NaN */
        }
    }
}

/* Rows of the block that are rounded while the groups of a tile of others run. */
struct meanwhile {
    size_t first, rows;
};

/* The sums of all groups of a piece. A row's range is found one turn before the row is rounded. */
INLINE void tile_sum(sums sum[TILE_ROWS][WIDE_VECTORS], const struct narrow_block *b, size_t row,
                     size_t out, const size_t rows, const size_t vectors,
                     const struct meanwhile meanwhile)
{
    const size_t groups = b->piece->groups, panel = groups * GROUP * PANEL;
    const size_t stride = at_most(vectors, PANEL_VECTORS) * VECTOR;
    const size_t turns = meanwhile.rows ? meanwhile.rows + 1 : 0, turn = groups / (TILE_ROWS + 1);
    const char *x = b->x + row * ROUNDED_LD, *w = b->piece->weight + groups * GROUP * out;
    for (size_t r = 0; r < rows; r++)
        for (size_t v = 0; v < vectors; v++)
            sum[r][v] = no_sums();
    for (size_t i = 0; i < turns; i++, x += turn * GROUP, w += turn * stride) {
        tile_add(sum, x, w, stride, panel, turn, rows, vectors);
        if (i < meanwhile.rows)
            narrow_see(b, meanwhile.first + i, range_of_row);
        if (i > 0)
            narrow_row(b, meanwhile.first + i - 1, GROUP, round_row);
    }
    tile_add(sum, x, w, stride, panel, groups - turns * turn, rows, vectors);
}

INLINE void block_tile(const struct narrow_block *b, size_t row, size_t out, const size_t rows,
                       const size_t vectors, const struct meanwhile meanwhile)
{
    const struct narrow_product *p = b->product;
    sums sum[TILE_ROWS][WIDE_VECTORS];
    tile_sum(sum, b, row, out, rows, vectors, meanwhile);
    tile_put(sum, b, row, out, rows, vectors);
    if (b->last && p->finish)
        p->finish(p, b->first + row, rows, out, at_most(p->weights->outs - out, vectors * LANES));
}

/* A tile beside which no row is rounded. */
INLINE void block_tile_alone(const struct narrow_block *b, size_t row, size_t out,
                             const size_t rows, const size_t vectors)
{
    block_tile(b, row, out, rows, vectors, (struct meanwhile){0});
}

/* Rounds rows beside no tile. */
static void rows_round(const struct narrow_block *b, size_t row, size_t rows)
{
    narrow_rows(b, row, rows, range_of_row, round_row);
}

/* All rows past one panel (or what is left of one) of `vectors` vectors, in as few tiles as can be,
 * as even as can be: few rows reuse a weight too seldom. At the first panel they are rounded, and
 * whole tiles do that for those that come next. */
INLINE void block_panel(const struct narrow_block *b, size_t out, const size_t vectors)
{
    size_t row = 0, rounded = out == b->out ? 0 : b->rows;
    for (size_t tiles = (b->rows + TILE_ROWS - 1) / TILE_ROWS; tiles > 0; tiles--) {
        const size_t rows = (b->rows - row + tiles - 1) / tiles;
        if (rounded < row + rows) {
            rows_round(b, rounded, row + rows - rounded);
            rounded = row + rows;
        }
        const size_t next = at_most(b->rows - rounded, TILE_ROWS);
        if (rows == TILE_ROWS && vectors == PANEL_VECTORS && next) {
            block_tile(b, row, out, TILE_ROWS, PANEL_VECTORS, (struct meanwhile){rounded, next});
            rounded += next;
        } else
            switch (rows) {
                CASES_TO_6(block_tile_alone(b, row, out, N, vectors))
            }
        row += rows;
    }
}

/* A row that is all there is past two panels at a time; returns the first output that is left. */
INLINE size_t block_row(const struct narrow_block *b)
{
    size_t out = b->out;
    if (out + 2 * PANEL <= b->end)
        rows_round(b, 0, 1);
    for (; out + 2 * PANEL <= b->end; out += 2 * PANEL)
        block_tile_alone(b, 0, out, 1, WIDE_VECTORS);
    return out;
}

/* narrow_run */
static inline void block_run(const struct narrow_block *b)
{
    size_t out = b->rows == 1 ? block_row(b) : b->out;
    for (; out + PANEL <= b->end; out += PANEL)
        block_panel(b, out, PANEL_VECTORS);
    switch ((b->end - out + LANES - 1) / LANES) {
        CASES_TO_4(block_panel(b, out, N))
    }
}

/* The whole product. */
static inline void product_run(const struct narrow_product *p)
{
    narrow_walk(p, NULL, NULL, block_run);
}

/* Weights of `factors` operands as the tile reads them. */
static inline struct narrow *pack(const struct tensor *bias, size_t outs,
                                  const struct tensor *const weight[], const size_t terms[],
                                  size_t factors)
{
    return narrow_pack(bias, outs, weight, terms, factors, LANES, PANEL, GROUP);
}

#endif
