/* y = finish(W x + bias) of narrow numbers: the tile that dense layers share. Whoever includes it
 * has included the words of a format before, bf16.h or i8.h; packing, blocks of rows and pieces of
 * terms are kernels/narrow.h's.
 *
 * The tile: 6 rows of x by one panel, 12 sums that stay in registers while the groups run.
 *
 *                      w[g]  | ymm  ymm |     2 loads that widen, each used by 6 rows
 *                            +----------+
 *         x[row 0, g] -> ymm | sum  sum |     a group of x, widened already, broadcast
 *         x[row 1, g] -> ymm | sum  sum |
 *              :             |     :    |     12 sums + 2 weights + 1 x + 1 product
 *         x[row 5, g] -> ymm | sum  sum |     of 16 registers
 *
 * It is the f32 product's (product.h) with other instructions in its middle. Weights are narrow in
 * memory and widened in registers, once for the rows of a tile; x is widened once for all panels.
 * Where i8 weights are so few that they stay near though twice as large, they are widened as they
 * are packed: every vector instruction in the loop takes a slot from the multiply-adds.
 * The rows' multiply-adds are the bottleneck, for one row the widening and the stream of weights.
 *
 * Rows that do not fill tiles of six take as many tiles, all about alike; one or two rows that are
 * all there is take four or two panels at once, to have chains enough. While more than two rows go
 * past a panel, the lines of the next one are asked into the L2.
 *
 * Every sum begins at zero, takes the groups of a piece in order, and is then added to the bias or
 * to what the piece before left in y: no bit depends on the number of rows. Outputs that do not
 * fill a panel take a narrower tile of whole vectors; the last vector is stored under a mask. */
#ifndef EKTM_KERNELS_AVX2_NARROW_PRODUCT_H
#define EKTM_KERNELS_AVX2_NARROW_PRODUCT_H

#include <math.h>

enum {
    INPUTS = GROUP * WIDENED, /* bytes of a rounded group */
    PANEL_VECTORS = 2,
    PANEL = PANEL_VECTORS * LANES,
    TILE_ROWS = 6,
    WIDE_VECTORS = 4 * PANEL_VECTORS, /* of a tile for a single row */
    FEW_WEIGHTS = 1 << 15             /* twice as many bytes stay near */
};

INLINE size_t at_most(size_t count, size_t limit) { return count < limit ? count : limit; }

/* Panels in the tile of a call that has so few rows. */
INLINE size_t panels_at_once(const size_t rows) { return rows == 1 ? 4 : rows == 2 ? 2 : 1; }

/* Where the weights of a group begin, of vector v of a tile: the first two panels from w[0], the
 * next two from w[1] on. */
INLINE const char *vector_at(const char *const w[2], size_t panel, const size_t v,
                             const size_t group)
{
    return w[v / (2 * PANEL_VECTORS)] + v / PANEL_VECTORS % 2 * panel +
           v % PANEL_VECTORS * LANES * group;
}

/* Adds x[r] * w[v] of one group to the sums of `rows` x `vectors`. Of many rows each vector of
 * weights stays in its register while the rows take their turns ... */
INLINE void group_add(sums sum[TILE_ROWS][WIDE_VECTORS], const char *x, const char *const w[2],
                      size_t panel, const size_t rows, const size_t vectors, const size_t group)
{
    for (size_t phase = 0; phase < PHASES; phase++) {
        typeof(weights_at(x, 0, GROUP)) weight[WIDE_VECTORS];
        for (size_t v = 0; v < vectors; v++)
            weight[v] = weights_at(vector_at(w, panel, v, group), phase, group);
        for (size_t r = 0; r < rows; r++) {
            const typeof(inputs_at(x, 0)) input = inputs_at(x + r * ROUNDED_LD, phase);
            for (size_t v = 0; v < vectors; v++)
                sum[r][v] = multiply_add(sum[r][v], input, weight[v]);
        }
    }
}

/* ... and of one or two rows the inputs, while the many weights do. */
INLINE void group_add_few(sums sum[TILE_ROWS][WIDE_VECTORS], const char *x, const char *const w[2],
                          size_t panel, const size_t rows, const size_t vectors, const size_t group)
{
    typeof(inputs_at(x, 0)) input[2][PHASES];
    for (size_t r = 0; r < rows; r++)
        for (size_t phase = 0; phase < PHASES; phase++)
            input[r][phase] = inputs_at(x + r * ROUNDED_LD, phase);
    for (size_t v = 0; v < vectors; v++)
        for (size_t phase = 0; phase < PHASES; phase++) {
            const typeof(weights_at(x, 0, GROUP)) weight =
                weights_at(vector_at(w, panel, v, group), phase, group);
            for (size_t r = 0; r < rows; r++)
                sum[r][v] = multiply_add(sum[r][v], input[r][phase], weight);
        }
}

/* Adds x[r, g] * w[g, v] to the sums, g = 0 .. groups-1. The next panel lies
 * `panel` bytes behind a panel. */
INLINE void tile_add(sums sum[TILE_ROWS][WIDE_VECTORS], const char *x, const char *weights,
                     size_t panel, size_t groups, const size_t rows, const size_t vectors,
                     const size_t group)
{
    const size_t stride = at_most(vectors, PANEL_VECTORS) * LANES * group;
    const char *w[2] = {weights, weights + 2 * panel};
    for (size_t g = 0; g < groups; g++, x += INPUTS, w[0] += stride, w[1] += stride)
        if (rows > 2) {
            _mm_prefetch(w[0] + panel, _MM_HINT_T1);
            group_add(sum, x, w, panel, rows, vectors, group);
        } else
            group_add_few(sum, x, w, panel, rows, vectors, group);
}

/* The sums of `rows` x `vectors` become numbers, are added to what was there and stored. */
INLINE void tile_put(sums sum[TILE_ROWS][WIDE_VECTORS], const struct narrow_block *b, size_t row,
                     size_t out, const size_t rows, const size_t vectors)
{
    const struct narrow_product *p = b->product;
    const size_t last = vectors - 1, from_ld = b->from_ld, ld = p->ld;
    const struct lanes tail = lanes_of(p->weights->outs - out - last * LANES);
    const __m256 floor = _mm256_set1_ps(b->last ? p->floor : -INFINITY);
    const struct rounding *rounding = b->rounding + row;
    const float *from = b->from + row * from_ld + out;
    float *y = p->y + (b->first + row) * ld + out;
    struct meaning meaning[WIDE_VECTORS];
    for (size_t v = 0; v < vectors; v++)
        meaning[v] = meaning_of(b->piece, out + v * LANES);
    for (size_t r = 0; r < rows; r++, from += from_ld, y += ld)
        for (size_t v = 0; v < vectors; v++) {
            const __m256 begun =
                v == last ? load_lanes(from + v * LANES, tail) : _mm256_loadu_ps(from + v * LANES);
            const __m256 whole = _mm256_max_ps(
                floor, added(begun, sum[r][v], &meaning[v], &rounding[r])); /* keeps a NaN */
            if (v == last)
                store_lanes(y + v * LANES, tail, whole);
            else
                _mm256_storeu_ps(y + v * LANES, whole);
        }
}

INLINE void block_tile(const struct narrow_block *b, size_t row, size_t out, const size_t rows,
                       const size_t vectors, const size_t group)
{
    const struct narrow_product *p = b->product;
    const struct piece *piece = b->piece;
    sums sum[TILE_ROWS][WIDE_VECTORS];
    if (out == b->out)
        narrow_rows(b, row, rows, range_of_row, round_row);
    for (size_t r = 0; r < rows; r++)
        for (size_t v = 0; v < vectors; v++)
            sum[r][v] = no_sums();
    tile_add(sum, b->x + row * ROUNDED_LD, piece->weight + piece->groups * group * out,
             piece->groups * group * PANEL, piece->groups, rows, vectors, group);
    tile_put(sum, b, row, out, rows, vectors);
    if (b->last && p->finish)
        p->finish(p, b->first + row, rows, out, at_most(p->weights->outs - out, vectors * LANES));
}

/* All rows past one panel (or what is left of one) of `vectors` vectors, in as few tiles as can be,
 * as even as can be: few rows reuse a weight too seldom. */
INLINE void block_panel(const struct narrow_block *b, size_t out, const size_t vectors,
                        const size_t group)
{
    size_t row = 0;
    for (size_t tiles = (b->rows + TILE_ROWS - 1) / TILE_ROWS; tiles > 0; tiles--) {
        const size_t rows = (b->rows - row + tiles - 1) / tiles;
        switch (rows) {
            CASES_TO_6(block_tile(b, row, out, N, vectors, group))
        }
        row += rows;
    }
}

/* A few rows past as many whole panels at once as is good for them; returns the first output that
 * is left. */
INLINE size_t block_few(const struct narrow_block *b, const size_t rows, const size_t group)
{
    const size_t panels = panels_at_once(rows);
    size_t out = b->out;
    for (; out + panels * PANEL <= b->end; out += panels * PANEL)
        block_tile(b, 0, out, rows, panels * PANEL_VECTORS, group);
    return out;
}

/* A block past weights in groups of so many bytes. */
INLINE void block_groups(const struct narrow_block *b, const size_t group)
{
    size_t out = b->out;
    if (b->rows == 1)
        out = block_few(b, 1, group);
    if (b->rows == 2)
        out = block_few(b, 2, group);
    for (; out + PANEL <= b->end; out += PANEL)
        block_panel(b, out, PANEL_VECTORS, group);
    switch ((b->end - out + LANES - 1) / LANES) {
        CASES_TO_2(block_panel(b, out, N, group))
    }
}

/* narrow_run */
static inline void block_run(const struct narrow_block *b)
{
    if (GROUP == GROUP_WIDENED || b->product->weights->group == GROUP)
        block_groups(b, GROUP);
    else
        block_groups(b, GROUP_WIDENED);
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
    size_t all = 0;
    for (size_t f = 0; f < factors; f++)
        all += outs * terms[f];
    const size_t group = all <= FEW_WEIGHTS ? GROUP_WIDENED : GROUP;
    return narrow_pack_wide(bias, outs, weight, terms, factors, LANES, PANEL,
                            (struct grouping){group, group / GROUP, PIECE_BYTES / WIDENED});
}

#endif
