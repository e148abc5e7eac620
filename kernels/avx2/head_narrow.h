/* Head of one task in the narrow format whose words have been included before: p = sigmoid(w .
 * ReLU(U x + u) + v).
 *
 *      48 rows x 64 hidden units, ReLU, in L1 -> times w, added over vectors and units
 *                                                |
 *                                                v
 *                logit, 8 partial sums of a row -> one number -> + v -> sigmoid -> p
 *
 * The hidden units of a block of rows go through the product 64 at a time, which is all of them in
 * most heads, into a matrix that stays in L1. As soon as a tile's are whole they are multiplied by
 * w; partial sums take the units in order, whatever the tile. */
#include "kernels/avx2/exp.h"
#include "kernels/avx2/narrow_product.h"
#include "kernels/variant.h"

#include <stdlib.h>

extern const struct backend avx2_backend;

enum { UNITS = 64, HEAD_ROWS = NARROW_ROWS };

struct head {
    struct narrow_product hidden; /* first: it is what `add_units` is given */
    const float *w;
    float (*logit)[LANES]; /* [HEAD_ROWS], partial sums */
};

static void *prepare(const struct call *call)
{
    const struct tensor *t = call->tensor;
    return pack(&t[HEAD_UBIAS], call->dims.extent[HIDDEN],
                (const struct tensor *const[]){&t[HEAD_U]}, &call->dims.extent[WIDTH], 1);
}

/* The tile's hidden units times w. */
static void add_units(const struct narrow_product *p, size_t row, size_t rows, size_t out,
                      size_t outs)
{
    const struct head *h = (const struct head *)p;
    for (size_t r = row; r < row + rows; r++) {
        const float *hidden = p->y + r * p->ld + out;
        __m256 logit = _mm256_load_ps(h->logit[r]);
        size_t o = 0;
        for (; o + LANES <= outs; o += LANES)
            logit = _mm256_fmadd_ps(_mm256_loadu_ps(h->w + out + o), _mm256_loadu_ps(hidden + o),
                                    logit);
        if (o < outs) {
            const struct lanes tail = lanes_of(outs - o);
            logit = _mm256_fmadd_ps(load_lanes(h->w + out + o, tail), load_lanes(hidden + o, tail),
                                    logit);
        }
        _mm256_store_ps(h->logit[r], logit);
    }
}

/* All hidden units times w. */
static void add_all(struct head *h, size_t units)
{
    _Alignas(64) float hidden[HEAD_ROWS * UNITS];
    for (size_t unit = 0; unit < units; unit += UNITS) {
        h->hidden.outputs = (struct outputs){.first = unit, .count = at_most(units - unit, UNITS)};
        h->hidden.y = hidden - unit; /* where unit 0 would be */
        product_run(&h->hidden);
    }
}

static void run(const struct call *call)
{
    const struct tensor *t = call->tensor, *x = &t[HEAD_X];
    const size_t batch = call->dims.extent[BATCH], ld = t[HEAD_P].ld;
    const float v = *(const float *)t[HEAD_V].data;
    float *p = t[HEAD_P].data;
    for (size_t b = 0; b < batch; b += HEAD_ROWS) {
        const size_t rows = at_most(batch - b, HEAD_ROWS);
        _Alignas(32) float logit[HEAD_ROWS][LANES], whole[HEAD_ROWS];
        struct head h = {.hidden = {.weights = call->prepared,
                                    .factor = {{(const float *)x->data + b * x->ld, x->ld}},
                                    .rows = rows,
                                    .ld = UNITS,
                                    .floor = 0,
                                    .finish = add_units},
                         .w = t[HEAD_W].data,
                         .logit = logit};
        memset(logit, 0, rows * sizeof *logit);
        add_all(&h, call->dims.extent[HIDDEN]);
        for (size_t r = 0; r < rows; r++)
            whole[r] = total_of(_mm256_load_ps(logit[r])) + v;
        for (size_t r = 0; r < rows; r += LANES) {
            const struct lanes lanes = lanes_of(rows - r);
            _mm256_store_ps(whole + r, vector_logistic(load_lanes(whole + r, lanes)));
        }
        for (size_t r = 0; r < rows; r++)
            p[(b + r) * ld] = whole[r];
    }
}
