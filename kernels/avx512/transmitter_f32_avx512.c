/* Transmitter of one CVR task: m = ReLU(A F + a), for each row of the batch.
 *
 *                     64 of the d outputs
 *              k | A  A  A  A |
 *      6 rows  F | +  +  +  + |  -> max(0, .) -> m          + : a vector of sums in a register
 *              : | :  :  :  : |
 *
 * Tile, blocks and tails are product.h's; the sums start at the bias a and pass through ReLU on
 * their way out of the registers. A is small enough to stay in L2 from row to row, so the
 * multiply-adds are the bottleneck; for one row it is reading A. */
#include "kernels/avx512/product.h"
#include "kernels/kernel.h"
#include "reference/operands.h"

#include <stdlib.h>

extern const struct op transmitter_op;
extern const struct backend avx512_backend;

static void *prepare(const struct call *call)
{
    const struct tensor *t = call->tensor;
    const size_t width = call->dims.extent[WIDTH];
    const struct columns a = {&t[TRANSMITTER_A], width};
    return panels_pack(&t[TRANSMITTER_BIAS], width, &a, 1, panel_size);
}

static void run(const struct call *call)
{
    const struct tensor *f = &call->tensor[TRANSMITTER_F], *m = &call->tensor[TRANSMITTER_M];
    const struct product p = {
        .panels = call->prepared,
        .factor = {{f->data, f->ld, call->dims.extent[WIDTH]}},
        .factors = 1,
        .rows = call->dims.extent[BATCH],
        .y = m->data,
        .ld = m->ld,
        .floor = 0,
        .outputs = call->outputs,
        .ahead = call->ahead,
    };
    product_run(&p);
}

const struct kernel transmitter_f32_avx512 = {
    .name = "transmitter_f32_avx512",
    .op = &transmitter_op,
    .dtype = DTYPE_F32,
    .backend = &avx512_backend,
    .isa = ISA_AVX512,
    .panel = PANEL,
    .asks_ahead = true,
    .run = run,
    .prepare = prepare,
    .release = free,
    .about = "6 rows x 64 outputs in registers, bias and ReLU fused; bound by multiply-adds",
};
