/* p = sigmoid(w ReLU(U x + u) + v). EKTM.md, layer 8.
 *
 * One pass: the hidden layer is never stored. The product of product.h makes a tile of hidden
 * units; ReLU and the multiplication by w happen on its registers, and only four partial logits a
 * row remain, one for each lane:
 *
 *     acc[8][2] --- ReLU ---> logit[row .. row+7] += acc[.][0] w[0..3] + acc[.][1] w[4..7]
 *
 * Panels pass in ascending order whatever the tile, so a logit is the same chain of multiply-adds
 * for any number of rows. When a chunk's hidden units are through, four rows at a time add up their
 * lanes pairwise and take the logistic function together.
 *
 * Bottleneck: the multiply-add pipes from about eight rows on, the loads of weights below. Tails:
 * hidden units that do not exist are masked, since 0 times infinity is not 0; the last one to three
 * rows of the logistic function come with lanes that nobody stores. */
#include "kernels/kernel.h"
#include "kernels/neon/exp.h"
#include "kernels/neon/product.h"
#include "reference/operands.h"

#include <stdlib.h>

struct logits {
    const float *w; /* padded to whole panels */
    float32x4_t lanes[CHUNK_ROWS];
};

INLINE void weigh(void *context, size_t row, size_t unit, size_t count, float32x4_t low,
                  float32x4_t high)
{
    struct logits *logits = context;
    const float32x4_t zero = vdupq_n_f32(0);
    low = vmaxq_f32(low, zero);
    high = vmaxq_f32(high, zero);
    if (count < PANEL) {
        low = keep(low, lanes_below(0, count));
        high = keep(high, lanes_below(LANES, count));
    }
    float32x4_t sum = vfmaq_f32(logits->lanes[row], low, vld1q_f32(logits->w + unit));
    logits->lanes[row] = vfmaq_f32(sum, high, vld1q_f32(logits->w + unit + LANES));
}

/* The panels of the hidden layer, then w, zeros behind it. */
static void *prepare(const struct call *call)
{
    const size_t *n = call->dims.extent;
    const struct tensor *t = call->tensor;
    const float *w = t[HEAD_W].data;
    size_t units = panel_count(n[HIDDEN]) * PANEL;
    float *panels = panels_alloc(n[HIDDEN], n[WIDTH], units);
    if (!panels)
        return NULL;
    panels_put(panels, n[HIDDEN], n[WIDTH], 0, &t[HEAD_U], n[WIDTH]);
    panels_put_bias(panels, n[HIDDEN], n[WIDTH], &t[HEAD_UBIAS]);
    float *to = panels + panel_count(n[HIDDEN]) * panel_floats(n[WIDTH]);
    for (size_t h = 0; h < n[HIDDEN]; h++)
        to[h] = w[h];
    return panels;
}

/* p[row] = sigmoid(the sum of its lanes + v) */
static void predict(const struct logits *logits, size_t rows, float v, float *p, size_t ld)
{
    for (size_t row = 0; row < rows; row += LANES) {
        const float32x4_t *lanes = logits->lanes + row;
        float32x4_t sum = sums4(lanes[0], lanes[1], lanes[2], lanes[3]);
        float four[LANES];
        vst1q_f32(four, sigmoid4(vaddq_f32(sum, vdupq_n_f32(v))));
        for (size_t i = 0; i < LANES && row + i < rows; i++)
            p[(row + i) * ld] = four[i];
    }
}

static void run(const struct call *call)
{
    const size_t *n = call->dims.extent;
    const struct tensor *t = call->tensor, *x = &t[HEAD_X], *p = &t[HEAD_P];
    const float *panels = call->prepared;
    float v = *(const float *)t[HEAD_V].data;
    struct logits logits = {.w = panels + panel_count(n[HIDDEN]) * panel_floats(n[WIDTH])};
    for (size_t row = 0; row < n[BATCH]; row += CHUNK_ROWS) {
        size_t rows = n[BATCH] - row < CHUNK_ROWS ? n[BATCH] - row : CHUNK_ROWS;
        for (size_t i = 0; i < CHUNK_ROWS; i++)
            logits.lanes[i] = vdupq_n_f32(0);
        struct product hidden = {
            .rows = rows,
            .outs = n[HIDDEN],
            .factors = 1,
            .factor = {{(const float *)x->data + row * x->ld, x->ld, n[WIDTH]}},
            .panels = panels};
        product(&hidden, weigh, &logits);
        predict(&logits, rows, v, (float *)p->data + row * p->ld, p->ld);
    }
}

extern const struct op head_op;
extern const struct backend neon_backend;

const struct kernel head_f32_neon = {
    .name = "head_f32_neon",
    .op = &head_op,
    .dtype = DTYPE_F32,
    .backend = &neon_backend,
    .isa = ISA_NEON,
    .run = run,
    .prepare = prepare,
    .release = free,
    .about = "8 x 8 tile, hidden units never stored; bound by the multiply-add pipes",
};
