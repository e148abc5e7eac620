/* y = activation(W x + b). EKTM.md, layers 2 to 4.
 *
 * The product is the one of product.h: an 8 x 8 tile in registers over packed panels, starting from
 * the biases. What is left to this file is the activation, done in the registers before the one
 * store of each output.
 *
 *     acc[8][2] --- max(acc, floor) ---> y[row .. row+7, out .. out+7]
 *
 * `floor` is 0 for ReLU and minus infinity for none, so that both are one instruction and no
 * branch; FMAX keeps NaN.
 *
 * Bottleneck: the multiply-add pipes from about eight rows on; below that the stream of weights
 * from wherever in the caches they lie. Tails: rows below eight by wider tiles, terms by single
 * lanes, outputs by a partial store of a padded panel. */
#include "kernels/kernel.h"
#include "kernels/neon/product.h"
#include "reference/operands.h"

#include <math.h>
#include <stdlib.h>

struct output {
    float *y;
    size_t ld;
    float32x4_t floor;
};

INLINE void activate(void *context, size_t row, size_t out, size_t count, float32x4_t low,
                     float32x4_t high)
{
    const struct output *to = context;
    store_panel(to->y + row * to->ld + out, count, vmaxq_f32(low, to->floor),
                vmaxq_f32(high, to->floor));
}

static void *prepare(const struct call *call)
{
    const size_t *n = call->dims.extent;
    float *panels = panels_alloc(n[OUT], n[IN], 0);
    if (!panels)
        return NULL;
    panels_put(panels, n[OUT], n[IN], 0, &call->tensor[DENSE_W], n[IN]);
    panels_put_bias(panels, n[OUT], n[IN], &call->tensor[DENSE_B]);
    return panels;
}

static void run(const struct call *call)
{
    const size_t *n = call->dims.extent;
    const struct tensor *t = call->tensor;
    bool relu = call->options.activation == ACTIVATION_RELU;
    struct output to = {t[DENSE_Y].data, t[DENSE_Y].ld, vdupq_n_f32(relu ? 0 : -INFINITY)};
    struct product p = {.rows = n[BATCH],
                        .outs = n[OUT],
                        .factors = 1,
                        .factor = {{t[DENSE_X].data, t[DENSE_X].ld, n[IN]}},
                        .panels = call->prepared,
                        .outputs = call->outputs,
                        .ahead = call->ahead};
    product(&p, activate, &to);
}

extern const struct op dense_op;
extern const struct backend neon_backend;

const struct kernel dense_f32_neon = {
    .name = "dense_f32_neon",
    .op = &dense_op,
    .dtype = DTYPE_F32,
    .backend = &neon_backend,
    .isa = ISA_NEON,
    .panel = PANEL,
    .asks_ahead = true,
    .run = run,
    .prepare = prepare,
    .release = free,
    .about = "8 x 8 tile over packed panels, FMLA by lane; bound by the multiply-add pipes",
};
