/* A head in the narrow format whose words have been included before: p = sigmoid(w . ReLU(U x + u)
 * + v).
 *
 * ReLU is a maximum with 0 as a hidden unit leaves its register. The units of up to 48 rows wait in
 * a buffer that stays in the caches; when a tile's are whole, they are multiplied by w and added to
 * four partial logits of each row, one for each lane. Units pass in ascending order whatever the
 * tile, so that a logit is the same chain of multiply-adds for any number of rows. In the end four
 * rows at a time add up their lanes pairwise and take the logistic function together. */
#include "kernels/neon/exp.h"
#include "kernels/neon/narrow_product.h"
#include "kernels/variant.h"

#include <stdlib.h>

enum {
    HEAD_UNITS = 256 /* whole panels; where there are more, x is rounded again for the others */
};

struct head {
    struct narrow_product hidden; /* first: `weigh` is given its address */
    const float *w;
    float32x4_t *logit; /* [rows] */
};

/* Adds a tile's units, times w, to the logits. */
static __attribute__((noinline)) void weigh(const struct narrow_product *p, size_t row, size_t rows,
                                            size_t unit, size_t units)
{
    const struct head *head = (const struct head *)(const void *)p;
    const float *w = head->w + unit;
    for (size_t r = row; r < row + rows; r++) {
        const float *hidden = p->y + r * p->ld + unit;
        float32x4_t sum = head->logit[r];
        size_t h = 0;
        for (; h + LANES <= units; h += LANES)
            sum = vfmaq_f32(sum, vld1q_f32(hidden + h), vld1q_f32(w + h));
        if (h < units)
            sum = vfmaq_f32(sum, load_tail(hidden + h, units - h), load_tail(w + h, units - h));
        head->logit[r] = sum;
    }
}

/* Where a row would begin whose element `first` is at `from`; never touched there. */
static float *row_around(float *from, size_t first)
{
    return (float *)((uintptr_t)from - first * sizeof *from);
}

/* p[row] = sigmoid(the sum of its lanes + v) */
static void predict(const float32x4_t *logit, size_t rows, float v, float *p, size_t ld)
{
    for (size_t row = 0; row < rows; row += LANES) {
        const float32x4_t *lanes = logit + row;
        const float32x4_t sum = sums4(lanes[0], lanes[1], lanes[2], lanes[3]);
        float four[LANES];
        vst1q_f32(four, sigmoid4(vaddq_f32(sum, vdupq_n_f32(v))));
        for (size_t i = 0; i < LANES && row + i < rows; i++)
            p[(row + i) * ld] = four[i];
    }
}

static void *prepare(const struct call *call)
{
    const size_t *n = call->dims.extent;
    const struct tensor *t = call->tensor;
    return pack(&t[HEAD_UBIAS], n[HIDDEN], (const struct tensor *const[]){&t[HEAD_U]}, &n[WIDTH],
                1);
}

/* The predictions of at most NARROW_ROWS rows. */
static void predict_rows(const struct call *call, size_t row, size_t rows)
{
    const struct tensor *t = call->tensor, *x = &t[HEAD_X], *p = &t[HEAD_P];
    const size_t units = call->dims.extent[HIDDEN];
    float hidden[NARROW_ROWS][HEAD_UNITS];
    float32x4_t logit[NARROW_ROWS];
    for (size_t r = 0; r < NARROW_ROWS; r++)
        logit[r] = vdupq_n_f32(0);
    for (size_t unit = 0; unit < units; unit += HEAD_UNITS) {
        const size_t left = units - unit;
        const struct head head = {
            .hidden = {.weights = call->prepared,
                       .factor = {{(const float *)x->data + row * x->ld, x->ld}},
                       .rows = rows,
                       .y = row_around(hidden[0], unit),
                       .ld = HEAD_UNITS,
                       .outputs = {unit, left < HEAD_UNITS ? left : HEAD_UNITS},
                       .finish = weigh},
            .w = t[HEAD_W].data,
            .logit = logit,
        };
        product_run(&head.hidden);
    }
    predict(logit, rows, *(const float *)t[HEAD_V].data, (float *)p->data + row * p->ld, p->ld);
}

static void run(const struct call *call)
{
    const size_t batch = call->dims.extent[BATCH];
    for (size_t row = 0; row < batch; row += NARROW_ROWS)
        predict_rows(call, row, batch - row < NARROW_ROWS ? batch - row : NARROW_ROWS);
}
