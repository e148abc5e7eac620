/* The logits of a task's head: a hidden layer whose units never see memory. */
#ifndef EKTM_KERNELS_NEON_HEAD_H
#define EKTM_KERNELS_NEON_HEAD_H

#include "kernels/neon/exp.h"
#include "kernels/neon/product.h"

struct head {
    const float *panels; /* of head_pack */
    const float *x;
    size_t ld, width, units;
    float v;
};

static inline size_t head_panels_floats(size_t units, size_t width)
{
    return panel_count(units) * panel_floats(width);
}

/* The panels of the hidden layer, U [units, width] and u [units], then w, zeros behind it. NULL:
 * out of memory. */
static inline float *head_pack(const struct tensor *u, const struct tensor *bias, const float *w,
                               size_t units, size_t width)
{
    float *panels = panels_alloc(units, width, panel_count(units) * PANEL);
    if (!panels)
        return NULL;
    panels_put(panels, units, width, 0, u, width);
    panels_put_bias(panels, units, width, bias);
    float *to = panels + head_panels_floats(units, width);
    for (size_t h = 0; h < units; h++)
        to[h] = w[h];
    return panels;
}

struct units {
    const float *w; /* padded to whole panels */
    float32x4_t lanes[CHUNK_ROWS];
};

INLINE void weigh(void *context, size_t row, size_t unit, size_t count, float32x4_t low,
                  float32x4_t high)
{
    struct units *sums = context;
    const float32x4_t zero = vdupq_n_f32(0);
    low = vmaxq_f32(low, zero);
    high = vmaxq_f32(high, zero);
    if (count < PANEL) {
        low = keep(low, lanes_below(0, count));
        high = keep(high, lanes_below(LANES, count));
    }
    float32x4_t sum = vfmaq_f32(sums->lanes[row], low, vld1q_f32(sums->w + unit));
    sums->lanes[row] = vfmaq_f32(sum, high, vld1q_f32(sums->w + unit + LANES));
}

/* The logits of `rows` rows (up to CHUNK_ROWS) from row `first` on, and up to three numbers behind
 * them. */
static inline void logits(float *to, const struct head *h, size_t first, size_t rows)
{
    struct units sums = {.w = h->panels + head_panels_floats(h->units, h->width)};
    const struct product hidden = {.rows = rows,
                                   .outs = h->units,
                                   .factors = 1,
                                   .factor = {{h->x + first * h->ld, h->ld, h->width}},
                                   .panels = h->panels};
    for (size_t i = 0; i < CHUNK_ROWS; i++)
        sums.lanes[i] = vdupq_n_f32(0);
    product(&hidden, weigh, &sums);
    for (size_t row = 0; row < rows; row += LANES) {
        const float32x4_t *lanes = sums.lanes + row;
        vst1q_f32(to + row,
                  vaddq_f32(sums4(lanes[0], lanes[1], lanes[2], lanes[3]), vdupq_n_f32(h->v)));
    }
}

/* Makes predictions of `count` logits, in vectors: what fills up the last one is there. */
static inline void predict(float *logit, size_t count)
{
    for (size_t i = 0; i < count; i += LANES)
        vst1q_f32(logit + i, sigmoid4(vld1q_f32(logit + i)));
}

#endif
