/* The gradients of a dense layer, as every instruction set whose product.h and turn.h are included
 * before has them. */
#ifndef EKTM_KERNELS_DENSEGRAD_H
#define EKTM_KERNELS_DENSEGRAD_H

#include "kernels/fresh.h"
#include "reference/operands.h"

#include <math.h>

/* A tile of dx is 0 where the input that a ReLU made, in x[1], is not above 0. */
static void cut_off(const struct whole_tile *tile)
{
    for (size_t r = 0; r < tile->rows; r++) {
        float *restrict dx = tile->y + r * tile->ld;
        const float *restrict x = tile->x[1] + r * tile->x_ld[1];
        for (size_t k = 0; k < tile->outs; k++)
            dx[k] = x[k] > 0 ? dx[k] : 0;
    }
}

/* dx = dy W: the outputs of the product are the layer's inputs, its terms the layer's outputs, and
 * the weights [out, in] lie as it reads them. */
INLINE void inputgrad(const struct call *call)
{
    const struct tensor *t = call->tensor;
    const bool relu = call->options.activation == ACTIVATION_RELU;
    const struct fresh f = {
        .x = t[INPUTGRAD_DY].data,
        .x_ld = t[INPUTGRAD_DY].ld,
        .rows = call->dims.extent[BATCH],
        .terms = call->dims.extent[OUT],
        .outs = call->dims.extent[IN],
        .w = t[INPUTGRAD_W].data,
        .w_ld = t[INPUTGRAD_W].ld,
        .y = t[INPUTGRAD_DX].data,
        .ld = t[INPUTGRAD_DX].ld,
        .add = call->options.add,
        .floor = -INFINITY,
        .finish = relu ? cut_off : NULL,
        .other = relu ? t[INPUTGRAD_X].data : NULL,
        .other_ld = t[INPUTGRAD_X].ld,
    };
    fresh_run(&f);
}

INLINE void weightgrad(const struct call *call)
{
    const struct tensor *t = call->tensor;
    const struct over_batch o = {
        .x = t[WEIGHTGRAD_X].data,
        .dy = t[WEIGHTGRAD_DY].data,
        .x_ld = t[WEIGHTGRAD_X].ld,
        .dy_ld = t[WEIGHTGRAD_DY].ld,
        .batch = call->dims.extent[BATCH],
        .ins = call->dims.extent[IN],
        .outs = call->dims.extent[OUT],
        .dw = t[WEIGHTGRAD_DW].data,
        .ld = t[WEIGHTGRAD_DW].ld,
        .add = call->options.add,
    };
    over_batch_run(&o);
    if (t[WEIGHTGRAD_DB].data)
        over_batch_biases(&o, t[WEIGHTGRAD_DB].data);
}

#endif
