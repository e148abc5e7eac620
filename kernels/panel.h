/* Weights as a product reads them: cut into panels of as many outputs as its tile is wide, each
 * panel turned so that the weights of one input lie side by side; and all panels cut into stretches
 * of as many terms as a block has. With panels of 16 outputs in vectors of 8 and stretches of 3:
 *
 *     W [outs, terms]                       panel 0            panel 1 (what is left,
 *                                                              in whole vectors)
 *        k: 0 1 2 | 3 4 5 | 6 7       k = 0 | w0 .. w15 |  k = 0 | w16 .. w23 |
 *      o    . . . | . . . | . .           1 | w0 .. w15 |      1 | w16 .. w23 |
 *           . . w | . . . | . .           2 | w0 .. w15 |      2 | w16 .. w23 |   then k = 3 ..
 *
 * So one block after the other is read as a single stream of vectors through the whole of the
 * weights, whatever the number of rows: what comes next is always next in memory, and the CPU's
 * prefetchers never have to start again. Everything is aligned to a vector. Outputs that fill up
 * the last vector have weights and biases of zero. */
#ifndef EKTM_KERNELS_PANEL_H
#define EKTM_KERNELS_PANEL_H

#include "reference/dtype.h"

struct panels {
    size_t outs, terms;
    size_t whole;        /* outputs in whole vectors                                        */
    size_t stretch;      /* terms of each stretch but the last                              */
    const float *bias;   /* [whole]                                                         */
    const float *weight; /* a stretch of s terms from term t on begins at t * whole, and the
                            panel of it whose first output is o s * o behind that           */
};

/* How weights are cut, in f32 numbers: a panel is some whole vectors, a stretch has at most so many
 * terms. */
struct panel_size {
    size_t lanes, panel, stretch;
};

/* Some columns of the weights: all outputs, the inputs of one operand. */
struct columns {
    const struct tensor *weight; /* [outs, terms] */
    size_t terms;
};

/* Packs `parts` blocks of columns, one behind the other, and the bias [outs], as one allocation to
 * be released with free(). NULL: out of memory. */
struct panels *panels_pack(const struct tensor *bias, size_t outs, const struct columns *part,
                           size_t parts, struct panel_size size);

#endif
