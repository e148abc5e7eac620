/* Weights as the product reads them: packed once into panels of eight outputs, each panel turned so
 * that the weights of one term lie side by side. The panel begins with its biases; outputs that do
 * not exist are zeros.
 *
 *     panel 0: b0..b7  | w[0..7, k=0]  | w[0..7, k=1]  | ... | w[0..7, k=K-1]
 *     panel 1: b8..b15 | w[8..15, k=0] | w[8..15, k=1] | ... */
#ifndef EKTM_KERNELS_NEON_PANEL_H
#define EKTM_KERNELS_NEON_PANEL_H

#include "kernels/neon/lanes.h"
#include "kernels/packed.h"
#include "reference/dtype.h"

enum { PANEL = 8 /* outputs */, PANEL_VECTORS = PANEL / LANES };

static inline size_t panel_floats(size_t terms) { return (terms + 1) * PANEL; }

static inline size_t panel_count(size_t outs) { return (outs + PANEL - 1) / PANEL; }

/* Memory for the panels of `outs` outputs and `terms` terms, and `more` floats behind them; all
 * zeros. NULL: out of memory. */
static inline float *panels_alloc(size_t outs, size_t terms, size_t more)
{
    return packed_alloc((panel_count(outs) * panel_floats(terms) + more) * sizeof(float));
}

/* Puts weights [outs, count] at the terms [first, first + count) of the panels. */
static inline void panels_put(float *panels, size_t outs, size_t terms, size_t first,
                              const struct tensor *weights, size_t count)
{
    const float *w = weights->data;
    for (size_t o = 0; o < outs; o++) {
        float *to = panels + o / PANEL * panel_floats(terms) + (1 + first) * PANEL + o % PANEL;
        for (size_t k = 0; k < count; k++)
            to[k * PANEL] = w[o * weights->ld + k];
    }
}

static inline void panels_put_bias(float *panels, size_t outs, size_t terms,
                                   const struct tensor *bias)
{
    const float *b = bias->data;
    for (size_t o = 0; o < outs; o++)
        panels[o / PANEL * panel_floats(terms) + o % PANEL] = b[o];
}

/* Writes eight outputs, or the `count` that exist. */
static inline void store_panel(float *to, size_t count, float32x4_t low, float32x4_t high)
{
    if (count == PANEL) {
        vst1q_f32(to, low);
        vst1q_f32(to + LANES, high);
    } else if (count >= LANES) {
        vst1q_f32(to, low);
        store_tail(to + LANES, high, count - LANES);
    } else {
        store_tail(to, low, count);
    }
}

#endif
