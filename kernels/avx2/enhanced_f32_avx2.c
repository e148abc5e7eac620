/* Enhanced module of one CVR task: g = sigmoid(G_f f + G_m m + c), z = f + g m, for each row.
 *
 *               16 of the d outputs
 *              k | Gf Gf |
 *      6 rows  f | +  +  |   then on, with the same sums:
 *              k | Gm Gm |
 *      6 rows  m | +  +  |   -> z = f + m / (1 + exp(-sum))
 *
 * G_f and G_m are packed one behind the other, so that the product (product.h: tile, blocks, tails)
 * is one of 2d terms whose x is first f and then m. Each tile goes through the gate as soon as its
 * sums, which wait in z, are whole and still in L1; neither g nor anything else takes memory of its
 * own. The last vector of a row is masked. Bottleneck: the multiply-adds, then the division and exp
 * of the gate; for one row reading G. */
#include "kernels/avx2/gate_tile.h"
#include "kernels/kernel.h"
#include "reference/operands.h"

#include <stdlib.h>

extern const struct op enhanced_op;
extern const struct backend avx2_backend;

static void *prepare(const struct call *call)
{
    const struct tensor *t = call->tensor;
    const size_t width = call->dims.extent[WIDTH];
    const struct columns g[] = {{&t[ENHANCED_GF], width}, {&t[ENHANCED_GM], width}};
    return panels_pack(&t[ENHANCED_C], width, g, 2, panel_size);
}

static void run(const struct call *call)
{
    const struct tensor *f = &call->tensor[ENHANCED_F], *m = &call->tensor[ENHANCED_M];
    const struct tensor *z = &call->tensor[ENHANCED_Z];
    const size_t width = call->dims.extent[WIDTH];
    const struct product p = {
        .panels = call->prepared,
        .factor = {{f->data, f->ld, width}, {m->data, m->ld, width}},
        .factors = 2,
        .rows = call->dims.extent[BATCH],
        .y = z->data,
        .ld = z->ld,
        .floor = -INFINITY,
        .finish = gate,
        .outputs = call->outputs,
        .ahead = call->ahead,
    };
    product_run(&p);
}

const struct kernel enhanced_f32_avx2 = {
    .name = "enhanced_f32_avx2",
    .op = &enhanced_op,
    .dtype = DTYPE_F32,
    .backend = &avx2_backend,
    .isa = ISA_AVX2,
    .panel = PANEL,
    .asks_ahead = true,
    .run = run,
    .prepare = prepare,
    .release = free,
    .about = "6 rows x 16 outputs over [f ; m], gate fused; bound by multiply-adds",
};
