/* A head in the narrow format whose words have been included before: p = sigmoid(w . ReLU(U x + u)
 * + v), w in f32.
 *
 *                 128 hidden units (two panels)
 *      48 rows x | + + + + | + + + + |  -> ReLU -> L1 -> times w -> 16 partial sums of a row's
 * logit
 *                                                                -> one number -> + v -> sigmoid ->
 * p
 *
 * A block of rows meets some whole panels of hidden units at a time. The units of a tile go through
 * memory that stays in L1, because the terms may come in more than one piece; they are multiplied
 * with w as soon as they are whole. What is added up lies there, too, 16 partial sums for each row.
 * Where there are more units than that, rows are rounded anew for the next ones. Units that fill up
 * the last vector are masked to 0. */
#include "kernels/avx512/exp.h"
#include "kernels/avx512/narrow_product.h"
#include "kernels/variant.h"

#include <stdlib.h>

extern const struct backend avx512_backend;

enum { UNITS = 2 * PANEL };

/* A block of rows on its way; its product is first, so that `finish` finds it. */
struct head {
    struct narrow_product product;
    const float *w;
    float *logit; /* [NARROW_ROWS, LANES] */
};

static void *prepare(const struct call *call)
{
    const struct tensor *t = call->tensor;
    return pack(&t[HEAD_UBIAS], call->dims.extent[HIDDEN],
                (const struct tensor *const[]){&t[HEAD_U]}, &call->dims.extent[WIDTH], 1);
}

/* Adds the units of a tile, times w, to the partial sums of the rows' logits. */
static void add_units(const struct narrow_product *p, size_t row, size_t rows, size_t out,
                      size_t outs)
{
    const struct head *h = (const struct head *)p;
    for (size_t r = row; r < row + rows; r++) {
        const float *unit = p->y + r * p->ld + out;
        __m512 logit = _mm512_load_ps(h->logit + r * LANES);
        for (size_t o = 0; o < outs; o += LANES) {
            const __mmask16 lanes = lanes_of(outs - o);
            logit = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(lanes, unit + o),
                                    _mm512_maskz_loadu_ps(lanes, h->w + out + o), logit);
        }
        _mm512_store_ps(h->logit + r * LANES, logit);
    }
}

/* The logits, without v, of a block of rows: `x` is the first of them. */
static void logits(float logit[NARROW_ROWS], const struct call *call, const float *x, size_t rows)
{
    const struct tensor *t = call->tensor;
    const size_t units = call->dims.extent[HIDDEN];
    _Alignas(64) float unit[NARROW_ROWS * UNITS], sum[NARROW_ROWS * LANES];
    struct head h = {
        .product = {.weights = call->prepared,
                    .factor = {{x, t[HEAD_X].ld}},
                    .rows = rows,
                    .ld = at_most((units + LANES - 1) / LANES * LANES, UNITS),
                    .floor = 0,
                    .finish = add_units},
        .w = t[HEAD_W].data,
        .logit = sum,
    };
    for (size_t r = 0; r < rows; r++)
        _mm512_store_ps(sum + r * LANES, _mm512_setzero_ps());
    for (size_t first = 0; first < units; first += UNITS) {
        h.product.outputs = (struct outputs){first, at_most(units - first, UNITS)};
        h.product.y = unit - first;
        product_run(&h.product);
    }
    for (size_t r = 0; r < rows; r++)
        logit[r] = _mm512_reduce_add_ps(_mm512_load_ps(sum + r * LANES));
}

static void run(const struct call *call)
{
    const struct tensor *t = call->tensor;
    const size_t batch = call->dims.extent[BATCH], ld = t[HEAD_P].ld;
    const __m512 v = _mm512_set1_ps(*(const float *)t[HEAD_V].data);
    float *p = t[HEAD_P].data;
    for (size_t b = 0; b < batch; b += NARROW_ROWS) {
        _Alignas(64) float logit[NARROW_ROWS] = {0};
        const size_t rows = at_most(batch - b, NARROW_ROWS);
        logits(logit, call, (const float *)t[HEAD_X].data + b * t[HEAD_X].ld, rows);
        for (size_t r = 0; r < rows; r += LANES)
            _mm512_store_ps(logit + r,
                            vector_logistic(_mm512_add_ps(_mm512_load_ps(logit + r), v)));
        for (size_t r = 0; r < rows; r++)
            p[(b + r) * ld] = logit[r];
    }
}
