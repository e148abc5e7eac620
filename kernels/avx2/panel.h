/* Weights as the product reads them: cut into panels of 16 outputs, each panel turned so that the
 * weights of one input lie side by side.
 *
 *     W [outs, terms]                     panel 0            panel 1 (what is left,
 *                                                            in whole vectors)
 *        . . . . . k . . . .        k = 0 | w0 .. w15 |      | w16 .. w23 |
 *      o . . . . . w . . . .            1 | w0 .. w15 |      | w16 .. w23 |
 *        . . . . . . . . . .            : |     :     |      |     :      |
 *
 * A pass over a panel is one stream of aligned vectors. Outputs that fill up the last vector have
 * weights and biases of zero. */
#ifndef EKTM_KERNELS_AVX2_PANEL_H
#define EKTM_KERNELS_AVX2_PANEL_H

#include "kernels/avx2/lanes.h"
#include "kernels/packed.h"
#include "reference/dtype.h"

enum { PANEL_VECTORS = 2, PANEL = PANEL_VECTORS * LANES };

struct panels {
    size_t outs, terms;
    const float *bias;   /* [outs], filled up                              */
    const float *weight; /* output o's panel begins at (o - o % PANEL) * terms */
};

/* Some columns of the weights: all outputs, the inputs of one operand. */
struct columns {
    const struct tensor *weight; /* [outs, terms] */
    size_t terms;
};

static inline size_t whole_vectors(size_t outs) { return (outs + LANES - 1) / LANES * LANES; }

/* Packs `parts` blocks of columns, one behind the other, and the bias [outs], as one allocation to
 * be released with free(). NULL: out of memory. */
static inline struct panels *panels_pack(const struct tensor *bias, size_t outs,
                                         const struct columns *part, size_t parts)
{
    size_t terms = 0, width = whole_vectors(outs);
    for (size_t i = 0; i < parts; i++)
        terms += part[i].terms;
    size_t front = whole_vectors(sizeof(struct panels) / sizeof(float));
    float *block = packed_alloc((front + width + width * terms) * sizeof(float));
    if (!block)
        return NULL;
    float *to_bias = block + front, *to_weight = to_bias + width;
    for (size_t o = 0; o < outs; o++) {
        size_t panel = o - o % PANEL, panel_width = width - panel < PANEL ? width - panel : PANEL;
        float *to = to_weight + panel * terms + o % PANEL;
        to_bias[o] = ((const float *)bias->data)[o];
        for (size_t i = 0; i < parts; i++) {
            const float *from = (const float *)part[i].weight->data + o * part[i].weight->ld;
            for (size_t k = 0; k < part[i].terms; k++, to += panel_width)
                *to = from[k];
        }
    }
    struct panels *panels = (struct panels *)block;
    *panels = (struct panels){outs, terms, to_bias, to_weight};
    return panels;
}

#endif
