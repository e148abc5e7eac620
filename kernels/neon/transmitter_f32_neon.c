/* m = ReLU(A F + a). EKTM.md, layer 6.
 *
 * One pass: the product of product.h, an 8 x 8 tile in registers that starts from the biases, and
 * ReLU on the registers before the one store of each output.
 *
 *     acc[8][2] --- max(acc, 0) ---> m[row .. row+7, out .. out+7]
 *
 * A task's matrix is small (d x d), so its panels stay in the caches from one call to the next and
 * a single block of terms holds a whole panel up to d = 256: no sum ever leaves the registers.
 *
 * Bottleneck: the multiply-add pipes from about eight rows on, the loads of weights below. Tails
 * are those of the product. */
#include "kernels/kernel.h"
#include "kernels/neon/rectify.h"
#include "reference/operands.h"

#include <stdlib.h>

static void *prepare(const struct call *call)
{
    size_t width = call->dims.extent[WIDTH];
    float *panels = panels_alloc(width, width, 0);
    if (!panels)
        return NULL;
    panels_put(panels, width, width, 0, &call->tensor[TRANSMITTER_A], width);
    panels_put_bias(panels, width, width, &call->tensor[TRANSMITTER_BIAS]);
    return panels;
}

static void run(const struct call *call)
{
    const size_t *n = call->dims.extent;
    const struct tensor *t = call->tensor;
    struct tensor m = t[TRANSMITTER_M];
    struct product p = {.rows = n[BATCH],
                        .outs = n[WIDTH],
                        .factors = 1,
                        .factor = {{t[TRANSMITTER_F].data, t[TRANSMITTER_F].ld, n[WIDTH]}},
                        .panels = call->prepared,
                        .outputs = call->outputs,
                        .ahead = call->ahead};
    product(&p, rectify, &m);
}

extern const struct op transmitter_op;
extern const struct backend neon_backend;

const struct kernel transmitter_f32_neon = {
    .name = "transmitter_f32_neon",
    .op = &transmitter_op,
    .dtype = DTYPE_F32,
    .backend = &neon_backend,
    .isa = ISA_NEON,
    .panel = PANEL,
    .asks_ahead = true,
    .run = run,
    .prepare = prepare,
    .release = free,
    .about = "8 x 8 tile over packed panels, ReLU in registers; bound by the multiply-add pipes",
};
