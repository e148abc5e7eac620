/* The product of bf16.h for the layers of narrow_layer.h. */
#ifndef EKTM_KERNELS_COMPILER_BF16_LAYER_H
#define EKTM_KERNELS_COMPILER_BF16_LAYER_H

#include "kernels/compiler/bf16.h"
#include "kernels/narrow_layer.h"
#include "kernels/packed.h"

#include <stdlib.h>

struct transposed_bf16 {
    size_t terms, outs;
    _Alignas(64) uint16_t weight[]; /* [terms, outs] */
};

static void *pack_bf16(const struct narrow_weights *w)
{
    struct transposed_bf16 *p = packed_alloc(sizeof *p + w->terms * w->outs * sizeof *p->weight);
    if (!p)
        return NULL;
    p->terms = w->terms;
    p->outs = w->outs;
    for (size_t o = 0; o < w->outs; o++)
        for (size_t k = 0; k < w->terms; k++)
            p->weight[k * w->outs + o] = ((const uint16_t *)w->weight->data)[o * w->weight->ld + k];
    return p;
}

static void multiply_bf16(const void *packed, const struct narrow_tile *t)
{
    const struct transposed_bf16 *p = packed;
    float *y = t->sums;
    for (size_t r = 0; r < t->rows && !t->add; r++)
        memset(y + r * t->ld, 0, t->outs * sizeof *y);
    accumulate_bf16(y, t->ld, t->x, t->ldx, p->weight + t->out, p->outs, t->rows, p->terms,
                    t->outs);
}

/* As many rows and outputs as stay in L2. */
static const struct multiplier by_compiler = {
    .dtype = DTYPE_BF16,
    .isa = KERNEL_ISA,
    .rows = 32,
    .outs = 512,
    .group = 1,
    .pack = pack_bf16,
    .release = free,
    .multiply = multiply_bf16,
};

#endif
