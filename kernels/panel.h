/* Weights as a product reads them: cut into panels of as many outputs as its tile is wide, each
 * panel turned so that the weights of one input lie side by side. With panels of 16 outputs in
 * vectors of 8:
 *
 *     W [outs, terms]                     panel 0            panel 1 (what is left,
 *                                                            in whole vectors)
 *        . . . . . k . . . .        k = 0 | w0 .. w15 |      | w16 .. w23 |
 *      o . . . . . w . . . .            1 | w0 .. w15 |      | w16 .. w23 |
 *        . . . . . . . . . .            : |     :     |      |     :      |
 *
 * A pass over a panel is one stream of vectors, aligned to 64 bytes at its start. Outputs that fill
 * up the last vector have weights and biases of zero. */
#ifndef EKTM_KERNELS_PANEL_H
#define EKTM_KERNELS_PANEL_H

#include "reference/dtype.h"

struct panels {
    size_t outs, terms;
    const float *bias; /* [outs], filled up                                                      */
    const float
        *weight; /* with panels of n outputs, output o's panel begins at (o - o % n) * terms */
};

/* How the outputs are cut, in f32 numbers: a panel is some whole vectors. */
struct panel_width {
    size_t lanes, panel;
};

/* Some columns of the weights: all outputs, the inputs of one operand. */
struct columns {
    const struct tensor *weight; /* [outs, terms] */
    size_t terms;
};

/* Packs `parts` blocks of columns, one behind the other, and the bias [outs], as one allocation to
 * be released with free(). NULL: out of memory. */
struct panels *panels_pack(const struct tensor *bias, size_t outs, const struct columns *part,
                           size_t parts, struct panel_width width);

#endif
