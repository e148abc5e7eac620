/* dx = dy W: the gradient of a dense layer by its inputs, 0 where a ReLU cut them off.
 *
 * The product is product.h's 8 x 8 tile; its outputs are the layer's inputs, its terms the layer's
 * outputs, so the weights [out, in] lie as it reads them and are packed as they come (fresh.h):
 *
 *     acc[8][2] --- + dx --- 0 where x <= 0 ---> dx[row .. row+7, in .. in+7]
 *
 * Bottleneck: the multiply-add pipes; packing is little beside them from some hundred rows on.
 * Tails are the product's; of the last panel only the columns that exist are read and stored. */
#include "kernels/kernel.h"
#include "kernels/neon/fresh.h"
#include "reference/operands.h"

static void run(const struct call *call)
{
    const struct tensor *t = call->tensor;
    const bool relu = call->options.activation == ACTIVATION_RELU;
    const struct fresh f = {.x = t[INPUTGRAD_DY].data,
                            .w = t[INPUTGRAD_W].data,
                            .x_ld = t[INPUTGRAD_DY].ld,
                            .w_ld = t[INPUTGRAD_W].ld,
                            .rows = call->dims.extent[BATCH],
                            .terms = call->dims.extent[OUT],
                            .outs = call->dims.extent[IN],
                            .y = t[INPUTGRAD_DX].data,
                            .ld = t[INPUTGRAD_DX].ld,
                            .add = call->options.add,
                            .other = relu ? t[INPUTGRAD_X].data : NULL,
                            .other_ld = t[INPUTGRAD_X].ld};
    fresh_run(&f);
}

extern const struct op inputgrad_op;
extern const struct backend neon_backend;

const struct kernel inputgrad_f32_neon = {
    .name = "inputgrad_f32_neon",
    .op = &inputgrad_op,
    .dtype = DTYPE_F32,
    .backend = &neon_backend,
    .isa = ISA_NEON,
    .run = run,
    .about = "8 x 8 tile, weights packed as they come; bound by the multiply-add pipes",
};
