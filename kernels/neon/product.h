/* Rows times weights: the micro-kernel that every dense layer shares, and the loops around it.
 *
 * Weights come in panels of eight outputs (panel.h), k by k, so that the micro-kernel reads them as
 * one stream.
 *
 * The micro-kernel keeps a tile of 8 rows x 8 outputs in 16 registers. It takes four k at a time:
 * one register for each row's x[k..k+3], whose lanes FMLA multiplies by without a broadcast.
 *
 *                        w[k]  (2 registers, again for k+1, k+2, k+3)
 *                      +----+----+
 *     x[0, k..k+3]     | 00 | 01 |
 *     x[1, k..k+3]     | 10 | 11 |      16 accumulators + 8 of x + up to 8 of w = 32 registers
 *         ...          |   ...   |      64 FMLA for 16 loads
 *     x[7, k..k+3]     | 70 | 71 |
 *                      +----+----+
 *
 * On paper a pass of that loop is 64 FMLA, 16 loads of a register and what steps two pointers,
 * compares and branches: 4 instructions more. The compiled loop is that; tests/neon_loop.py counts
 * it. On two pipes the FMLA take 32 cycles and the rest fits beside them at three instructions a
 * cycle, on four pipes 16 cycles at six.
 *
 * Sixteen chains cover four pipes at a latency of four cycles. The tile is 8 x 8 and not 6 x 16,
 * because batches are multiples of eight more often than of six, and its loads are only a quarter
 * of its multiply-adds as it is.
 *
 * Fewer rows would leave too few chains, so their tiles are wider: 1 or 2 rows take four panels at
 * once, 3 or 4 rows two; 5 rows or more have enough. They read each weight once, which is all the
 * speed there is.
 *
 * Many rows go in chunks of 64, panel by panel; k goes in blocks of 256, so that a block of the
 * panel (8 KiB) stays in L1 while the tiles of the chunk pass over it. Sums between two blocks rest
 * in a buffer as they are, in f32.
 *
 * Whatever the tile, an output is the bias and then one fused multiply-add for each k, in the order
 * of k: the same bits for any number of rows. */
#ifndef EKTM_KERNELS_NEON_PRODUCT_H
#define EKTM_KERNELS_NEON_PRODUCT_H

#include "kernels/ahead.h"
#include "kernels/neon/panel.h"
#include "kernels/neon/unroll.h"

enum {
    TILE_ROWS = 8,
    TILE_PANELS = 4, /* of the widest tile */
    CHUNK_ROWS = 64,
    BLOCK_TERMS = 256,
    FACTORS_MAX = 2
};

typedef float32x4_t product_tile[TILE_ROWS][TILE_PANELS * PANEL_VECTORS];

/* Some columns of the left side: x[row, 0 .. terms). */
struct factor {
    const float *x;
    size_t ld, terms;
};

/* The right side: panel p begins at w + p * panel; its eight outputs of term k lie at k * term. */
struct panels {
    const float *w;
    size_t term, panel;
};

/* acc[r][v] += sum over k of x[r, k] w[k, v] for R rows and P panels. */
INLINE void multiply(const int R, const int P, product_tile acc, struct factor x, struct panels w)
{
    const float *panel[TILE_PANELS];
    UNROLL for (int p = 0; p < P; p++) panel[p] = pointer_of_its_own(w.w + (size_t)p * w.panel);

#define WEIGHTS(k, v) vld1q_f32(panel[(v) / 2] + (k)*w.term + (v) % 2 * LANES)
#define MULTIPLY_LANE(lane)                                                                        \
    UNROLL for (int v = 0; v < P * PANEL_VECTORS; v++)                                             \
    {                                                                                              \
        float32x4_t wv = WEIGHTS(lane, v);                                                         \
        UNROLL for (int r = 0; r < R; r++) acc[r][v] =                                             \
            vfmaq_laneq_f32(acc[r][v], wv, xr[r], lane);                                           \
    }
    size_t k = 0;
    for (; k + LANES <= x.terms; k += LANES) {
        float32x4_t xr[TILE_ROWS];
        UNROLL for (int r = 0; r < R; r++) xr[r] = vld1q_f32(x.x + (size_t)r * x.ld + k);
        MULTIPLY_LANE(0)
        MULTIPLY_LANE(1)
        MULTIPLY_LANE(2)
        MULTIPLY_LANE(3)
        UNROLL for (int p = 0; p < P; p++) panel[p] += LANES * w.term;
    }
    for (; k < x.terms; k++) {
        UNROLL for (int v = 0; v < P * PANEL_VECTORS; v++)
        {
            float32x4_t wv = WEIGHTS(0, v);
            UNROLL for (int r = 0; r < R; r++) acc[r][v] =
                vfmaq_n_f32(acc[r][v], wv, x.x[(size_t)r * x.ld + k]);
        }
        UNROLL for (int p = 0; p < P; p++) panel[p] += w.term;
    }
#undef MULTIPLY_LANE
#undef WEIGHTS
}

/* A product of `rows` rows; the left side is the factors side by side. */
struct product {
    size_t rows, outs, factors;
    struct outputs outputs; /* of `outs`, those that are computed */
    struct ahead *ahead;
    struct factor factor[FACTORS_MAX];
    const float *panels;
};

static inline size_t product_terms(const struct product *p)
{
    size_t terms = 0;
    for (size_t i = 0; i < p->factors; i++)
        terms += p->factor[i].terms;
    return terms;
}

/* The first output that is computed, and the end of them. */
static inline size_t first_out(const struct product *p) { return p->outputs.first; }
static inline size_t end_out(const struct product *p)
{
    return p->outputs.count ? p->outputs.first + p->outputs.count : p->outs;
}

/* What an op does with the finished sums of outputs [out, out + count) of one row: `low` holds the
 * first four, `high` the others. A row's panels come in ascending order. */
typedef void finish_row(void *context, size_t row, size_t out, size_t count, float32x4_t low,
                        float32x4_t high);

/* The sums of R rows and P panels over the terms [begin, end), starting from `from`: the biases
 * (from_ld 0) or what an earlier block left. */
INLINE void sum_tile(const int R, const int P, product_tile acc, const struct product *p,
                     size_t row, const float *panel, const float *from, size_t from_ld,
                     size_t begin, size_t end)
{
    size_t floats = panel_floats(product_terms(p));
    UNROLL for (int r = 0; r < R; r++) UNROLL for (int v = 0; v < P * PANEL_VECTORS;
                                                   v++) acc[r][v] =
        vld1q_f32(from + (size_t)r * from_ld + (size_t)(v / 2) * floats + (size_t)(v % 2 * LANES));
    size_t first = 0;
    for (size_t i = 0; i < p->factors; i++) {
        const struct factor *f = &p->factor[i];
        size_t low = begin > first ? begin : first;
        size_t high = end < first + f->terms ? end : first + f->terms;
        if (low < high) {
            struct factor x = {f->x + row * f->ld + (low - first), f->ld, high - low};
            struct panels w = {panel + (1 + low) * PANEL, PANEL, floats};
            multiply(R, P, acc, x, w);
        }
        first += f->terms;
    }
}

/* Hands a tile to `finish`. The last panel, if it is not full, goes through memory, so that its
 * code exists once and not for each register. */
INLINE void finish_tile(const int R, const int P, product_tile acc, size_t outs, size_t row,
                        size_t out, finish_row *finish, void *context)
{
    UNROLL for (int q = 0; q < P; q++, out += PANEL)
    {
        if (outs - out >= PANEL) {
            UNROLL for (int r = 0; r < R; r++)
                finish(context, row + (size_t)r, out, PANEL, acc[r][2 * q], acc[r][2 * q + 1]);
        } else {
            float32x4_t rest[TILE_ROWS][PANEL_VECTORS];
            UNROLL for (int r = 0; r < R; r++)
            {
                rest[r][0] = acc[r][2 * q];
                rest[r][1] = acc[r][2 * q + 1];
            }
            for (size_t r = 0; r < (size_t)R; r++)
                finish(context, row + r, out, outs - out, rest[r][0], rest[r][1]);
        }
    }
}

/* One panel for a chunk of whole tiles. */
INLINE void product_panel(const struct product *p, size_t row, size_t rows, size_t out,
                          finish_row *finish, void *context)
{
    float sums[CHUNK_ROWS][PANEL];
    size_t terms = product_terms(p);
    size_t block = rows > TILE_ROWS ? BLOCK_TERMS : terms;
    const float *panel = p->panels + out / PANEL * panel_floats(terms);
    size_t begin = 0;
    do {
        size_t end = terms - begin > block ? begin + block : terms;
        for (size_t r = 0; r < rows; r += TILE_ROWS) {
            product_tile acc;
            sum_tile(TILE_ROWS, 1, acc, p, row + r, panel, begin ? sums[r] : panel,
                     begin ? PANEL : 0, begin, end);
            if (end == terms)
                finish_tile(TILE_ROWS, 1, acc, p->outs, row + r, out, finish, context);
            else
                UNROLL for (int i = 0; i < TILE_ROWS; i++)
                {
                    vst1q_f32(sums[r + (size_t)i], acc[i][0]);
                    vst1q_f32(sums[r + (size_t)i] + LANES, acc[i][1]);
                }
        }
        if (p->ahead)
            ahead_ask(p->ahead, (double)(rows * PANEL * (end - begin)));
        begin = end;
    } while (begin < terms);
}

/* R rows, P panels at a time, from output `out` on while there are that many; returns where the
 * panels left over begin. */
INLINE size_t product_strip(const int R, const int P, const struct product *p, size_t row,
                            size_t out, finish_row *finish, void *context)
{
    size_t terms = product_terms(p), whole = panel_count(end_out(p)) * PANEL;
    for (; out + (size_t)P * PANEL <= whole; out += (size_t)P * PANEL) {
        const float *panel = p->panels + out / PANEL * panel_floats(terms);
        product_tile acc;
        sum_tile(R, P, acc, p, row, panel, panel, 0, 0, terms);
        finish_tile(R, P, acc, p->outs, row, out, finish, context);
    }
    return out;
}

/* The last `rows` rows, fewer than a tile. */
INLINE void product_last(const struct product *p, size_t row, size_t rows, finish_row *finish,
                         void *context)
{
    size_t out = first_out(p);
    switch (rows) {
#define STRIP(R, P) out = product_strip(R, P, p, row, out, finish, context)
    case 1:
        STRIP(1, 4);
        STRIP(1, 2);
        STRIP(1, 1);
        break;
    case 2:
        STRIP(2, 4);
        STRIP(2, 2);
        STRIP(2, 1);
        break;
    case 3:
        STRIP(3, 2);
        STRIP(3, 1);
        break;
    case 4:
        STRIP(4, 2);
        STRIP(4, 1);
        break;
    case 5:
        STRIP(5, 1);
        break;
    case 6:
        STRIP(6, 1);
        break;
    case 7:
        STRIP(7, 1);
        break;
#undef STRIP
    }
}

/* Computes the product and hands every row's sums to `finish`. */
INLINE void product(const struct product *p, finish_row *finish, void *context)
{
    size_t whole = p->rows / TILE_ROWS * TILE_ROWS;
    for (size_t row = 0; row < whole; row += CHUNK_ROWS) {
        size_t rows = whole - row < CHUNK_ROWS ? whole - row : CHUNK_ROWS;
        for (size_t out = first_out(p); out < end_out(p); out += PANEL)
            product_panel(p, row, rows, out, finish, context);
    }
    product_last(p, whole, p->rows - whole, finish, context);
}

#endif
