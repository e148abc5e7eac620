/* Head of one task: p = sigmoid(w . ReLU(U x + u) + v), for each row of the batch.
 *
 *              16 hidden units (one panel)
 *              k | U  U |
 *      6 rows  x | +  + |  -> ReLU -> times w, added over vectors and panels
 *              : | :  : |             |
 *                                     v
 *                  logit, 8 partial sums of a row -> one number -> + v -> sigmoid -> p
 *
 * The tile is product.h's; a tile runs over all terms at once, since the hidden units never see
 * memory: when they are whole, their product with w goes into one vector of partial sums for each
 * row. 48 rows' logits then pass through the logistic function 8 at a time. Units that fill up the
 * last vector are masked to 0. Bottleneck: the multiply-adds; for one row reading U. */
#include "kernels/avx2/exp.h"
#include "kernels/avx2/product.h"
#include "kernels/kernel.h"
#include "reference/operands.h"

#include <stdlib.h>

extern const struct op head_op;
extern const struct backend avx2_backend;

enum { HEAD_ROWS = 8 * TILE_ROWS }; /* whole tiles and whole vectors of logits */

struct head {
    const struct panels *panels;
    const float *x, *w;
    size_t ld;
};

static void *prepare(const struct call *call)
{
    const struct tensor *t = call->tensor;
    const struct columns u = {&t[HEAD_U], call->dims.extent[WIDTH]};
    const struct panel_size size = {LANES, PANEL, SIZE_MAX}; /* all terms at once */
    return panels_pack(&t[HEAD_UBIAS], call->dims.extent[HIDDEN], &u, 1, size);
}

/* Adds the hidden units from `unit` on, `vectors` vectors of them, to the logits of `rows` rows. */
INLINE void add_units(__m256 (*logit)[TILE_ROWS], const struct head *h, size_t row, size_t unit,
                      const size_t rows, const size_t vectors)
{
    __m256 sum[TILE_ROWS][WIDE_VECTORS];
    const size_t terms = h->panels->terms;
    for (size_t r = 0; r < rows; r++)
        for (size_t v = 0; v < vectors; v++)
            sum[r][v] = _mm256_load_ps(h->panels->bias + unit + v * LANES);
    /* The logits wait in memory: 16 registers do not hold them beside a tile, and a compiler might
     * put aside one of the sums instead. */
    __asm__("" : "+m"(*logit));
    tile_add(sum, h->x + row * h->ld, h->ld, h->panels->weight + unit * terms, PANEL * terms, terms,
             rows, vectors);
    for (size_t v = 0; v < vectors; v++) {
        const struct lanes lanes = lanes_of(h->panels->outs - unit - v * LANES);
        const __m256 w = load_lanes(h->w + unit + v * LANES, lanes);
        for (size_t r = 0; r < rows; r++) {
            __m256 hidden = keep_lanes(lanes, _mm256_max_ps(_mm256_setzero_ps(), sum[r][v]));
            (*logit)[r] = _mm256_fmadd_ps(w, hidden, (*logit)[r]);
        }
    }
}

/* The logits, without v, of `rows` rows. */
INLINE void logits_of(float *to, const struct head *h, size_t row, const size_t rows)
{
    const size_t units = h->panels->outs;
    __m256 logit[TILE_ROWS];
    for (size_t r = 0; r < rows; r++)
        logit[r] = _mm256_setzero_ps();
    const size_t panels = panels_at_once(rows);
    size_t unit = 0;
    for (; unit + panels * PANEL <= units; unit += panels * PANEL)
        add_units(&logit, h, row, unit, rows, panels * PANEL_VECTORS);
    for (; unit + PANEL <= units; unit += PANEL)
        add_units(&logit, h, row, unit, rows, PANEL_VECTORS);
    switch (whole_vectors(units - unit) / LANES) {
        CASES_TO_2(add_units(&logit, h, row, unit, rows, N))
    }
    for (size_t r = 0; r < rows; r++)
        to[r] = total_of(logit[r]);
}

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

static void run(const struct call *call)
{
    const struct tensor *t = call->tensor;
    const struct head h = {call->prepared, t[HEAD_X].data, t[HEAD_W].data, t[HEAD_X].ld};
    const size_t batch = call->dims.extent[BATCH], ld = t[HEAD_P].ld;
    const __m256 v = _mm256_set1_ps(*(const float *)t[HEAD_V].data);
    float *p = t[HEAD_P].data;
    for (size_t b = 0; b < batch; b += HEAD_ROWS) {
        _Alignas(32) float logit[HEAD_ROWS] = {0};
        const size_t rows = at_most(batch - b, HEAD_ROWS);
        logits(logit, &h, b, rows);
        for (size_t r = 0; r < rows; r += LANES)
            _mm256_store_ps(logit + r,
                            vector_logistic(_mm256_add_ps(_mm256_load_ps(logit + r), v)));
        for (size_t r = 0; r < rows; r++)
            p[(b + r) * ld] = logit[r];
    }
}

const struct kernel head_f32_avx2 = {
    .name = "head_f32_avx2",
    .op = &head_op,
    .dtype = DTYPE_F32,
    .backend = &avx2_backend,
    .isa = ISA_AVX2,
    .run = run,
    .prepare = prepare,
    .release = free,
    .about = "6 rows x 16 hidden units in registers, w and sigmoid fused; bound by multiply-adds",
};
