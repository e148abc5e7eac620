/* Dense layer: y = activation(W x + b), for each row of the batch.
 *
 *                     16 outputs (one panel)
 *              k | w  w |
 *      6 rows  x | +  + |  -> max(floor, .) -> y      + : a vector of sums in a register
 *              : | :  : |
 *
 * Tile, blocks and tails are product.h's. The sums start at the bias; ReLU is a maximum with 0 when
 * the last sum leaves its register, no activation one with minus infinity, so that there is one
 * path for both. Bottleneck: the multiply-adds from a few rows on, before that the stream of
 * weights. */
#include "kernels/avx2/product.h"
#include "kernels/avx2/turn.h"
#include "kernels/avx2/words.h"
#include "kernels/densegrad.h"
#include "kernels/kernel.h"
#include "reference/operands.h"

#include <stdlib.h>

extern const struct op dense_op;
extern const struct backend avx2_backend;

static void *prepare(const struct call *call)
{
    const struct tensor *t = call->tensor;
    const struct columns w = {&t[DENSE_W], call->dims.extent[IN]};
    return panels_pack(&t[DENSE_B], call->dims.extent[OUT], &w, 1, panel_size);
}

/* A function of its own: packing on the stack would cost the prepared product registers. */
static __attribute__((noinline)) void run_fresh(const struct call *call) { dense_fresh(call); }

static void run(const struct call *call)
{
    const struct tensor *x = &call->tensor[DENSE_X], *y = &call->tensor[DENSE_Y];
    if (!call->prepared) {
        run_fresh(call);
        return;
    }
    const struct product p = {
        .panels = call->prepared,
        .factor = {{x->data, x->ld, call->dims.extent[IN]}},
        .factors = 1,
        .rows = call->dims.extent[BATCH],
        .y = y->data,
        .ld = y->ld,
        .floor = call->options.activation == ACTIVATION_RELU ? 0 : -INFINITY,
        .outputs = call->outputs,
        .ahead = call->ahead,
    };
    product_run(&p);
}

const struct kernel dense_f32_avx2 = {
    .name = "dense_f32_avx2",
    .op = &dense_op,
    .dtype = DTYPE_F32,
    .backend = &avx2_backend,
    .isa = ISA_AVX2,
    .panel = PANEL,
    .asks_ahead = true,
    .fresh = true,
    .run = run,
    .prepare = prepare,
    .release = free,
    .about = "6 rows x 16 outputs in registers; bound by multiply-adds, by weights for few rows",
};
