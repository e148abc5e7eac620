/* The product of i8.h for the layers of narrow_layer.h. */
#ifndef EKTM_KERNELS_COMPILER_I8_LAYER_H
#define EKTM_KERNELS_COMPILER_I8_LAYER_H

#include "kernels/compiler/i8.h"
#include "kernels/narrow_layer.h"
#include "kernels/packed.h"

#include <stdlib.h>

struct rows_i8 {
    size_t terms;
    _Alignas(64) int8_t weight[]; /* [outs, terms] */
};

static void *pack_i8(const struct narrow_weights *w)
{
    struct rows_i8 *p = packed_alloc(sizeof *p + w->terms * w->outs);
    if (!p)
        return NULL;
    p->terms = w->terms;
    for (size_t o = 0; o < w->outs; o++)
        memcpy(p->weight + o * w->terms, (const int8_t *)w->weight->data + o * w->weight->ld,
               w->terms);
    return p;
}

static void multiply_i8(const void *packed, const struct narrow_tile *t)
{
    const struct rows_i8 *p = packed;
    multiply_integers(t->sums, t->ld, t->x, t->ldx, p->weight + t->out * p->terms, p->terms,
                      t->rows, p->terms, t->outs);
}

/* As many rows and outputs as stay in L2. */
static const struct multiplier by_compiler = {
    .dtype = DTYPE_I8,
    .isa = KERNEL_ISA,
    .widened = true,
    .rows = 32,
    .outs = 512,
    .group = 1,
    .pack = pack_i8,
    .release = free,
    .multiply = multiply_i8,
};

#endif
