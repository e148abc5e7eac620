/* dW = dy^T x, db = sum of dy: the gradient of a dense layer by its weights and biases.
 *
 * The product is product.h's 8 x 8 tile; its rows are the layer's outputs and its terms the rows of
 * the batch, in their order. Blocks of dy are turned, 4 x 4 in registers, and x is packed as it
 * comes (fresh.h):
 *
 *     acc[8][2] --- + dW ---> dW[out .. out+7, in .. in+7], every 256 rows of the batch
 *
 * Bottleneck: the multiply-add pipes; where a layer has few outputs, reading x. Tails are the
 * product's. */
#include "kernels/kernel.h"
#include "kernels/neon/fresh.h"
#include "reference/operands.h"

static void run(const struct call *call)
{
    const struct tensor *t = call->tensor;
    const struct over_batch o = {.x = t[WEIGHTGRAD_X].data,
                                 .dy = t[WEIGHTGRAD_DY].data,
                                 .x_ld = t[WEIGHTGRAD_X].ld,
                                 .dy_ld = t[WEIGHTGRAD_DY].ld,
                                 .batch = call->dims.extent[BATCH],
                                 .ins = call->dims.extent[IN],
                                 .outs = call->dims.extent[OUT],
                                 .dw = t[WEIGHTGRAD_DW].data,
                                 .ld = t[WEIGHTGRAD_DW].ld,
                                 .add = call->options.add};
    over_batch_run(&o);
    if (t[WEIGHTGRAD_DB].data)
        over_batch_biases(&o, t[WEIGHTGRAD_DB].data);
}

extern const struct op weightgrad_op;
extern const struct backend neon_backend;

const struct kernel weightgrad_f32_neon = {
    .name = "weightgrad_f32_neon",
    .op = &weightgrad_op,
    .dtype = DTYPE_F32,
    .backend = &neon_backend,
    .isa = ISA_NEON,
    .run = run,
    .about = "8 x 8 tile, dy turned, x packed as it comes; bound by the multiply-add pipes",
};
