/* A dense layer whose weights are new in every call, and its gradients, as every instruction set
 * whose product.h and turn.h are included before has them. */
#ifndef EKTM_KERNELS_DENSEGRAD_H
#define EKTM_KERNELS_DENSEGRAD_H

#include "kernels/fresh.h"
#include "reference/operands.h"

#include <math.h>

/* Some outputs of a layer's forward pass: the weights [out, in] have to be turned. */
INLINE struct fresh fresh_of(const struct tensor *x, const struct tensor *w, const struct tensor *y,
                             const size_t extent[AXES], enum axis in, enum axis out)
{
    return (struct fresh){
        .x = x->data,
        .x_ld = x->ld,
        .rows = extent[BATCH],
        .terms = extent[in],
        .outs = extent[out],
        .w = w->data,
        .w_ld = w->ld,
        .turned = true,
        .y = y->data,
        .ld = y->ld,
        .floor = -INFINITY,
    };
}

/* y = activation(W x + b), or those of its outputs that are asked for. */
INLINE void dense_fresh(const struct call *call)
{
    const struct tensor *t = call->tensor;
    const struct outputs some = call->outputs;
    struct fresh f = fresh_of(&t[DENSE_X], &t[DENSE_W], &t[DENSE_Y], call->dims.extent, IN, OUT);
    f.w = f32_row(&t[DENSE_W], some.first);
    f.bias = (const float *)t[DENSE_B].data + some.first;
    f.y += some.first;
    f.outs = some.count ? some.count : f.outs;
    f.floor = call->options.activation == ACTIVATION_RELU ? 0 : -INFINITY;
    fresh_run(f);
}

/* Leaves G_f f + G_m m + c in g. */
INLINE void gated_sums(const struct call *call)
{
    const struct tensor *t = call->tensor, *g = &t[GATED_G];
    struct fresh f = fresh_of(&t[GATED_F], &t[GATED_GF], g, call->dims.extent, WIDTH, WIDTH);
    struct fresh m = fresh_of(&t[GATED_M], &t[GATED_GM], g, call->dims.extent, WIDTH, WIDTH);
    f.bias = t[GATED_C].data;
    m.add = true;
    fresh_run(f);
    fresh_run(m);
}

/* A row of sums in g becomes the gate, and z = f + g m, an instruction set's own way. */
typedef void gate_of_row(float *g, float *z, const float *f, const float *m, size_t width);

/* The enhanced module that keeps its gate. */
INLINE void gated(const struct call *call, gate_of_row *gate)
{
    const struct tensor *t = call->tensor;
    gated_sums(call);
    for (size_t b = 0; b < call->dims.extent[BATCH]; b++)
        gate(f32_row(&t[GATED_G], b), f32_row(&t[GATED_Z], b), f32_row(&t[GATED_F], b),
             f32_row(&t[GATED_M], b), call->dims.extent[WIDTH]);
}

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
    fresh_run(f);
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
