/* g = sigmoid(G_f f + G_m m + c), z = f + g m. EKTM.md, layer 7.
 *
 * One pass. [f ; m] is never built: the product of product.h takes f and then m as two factors over
 * one packed panel of 2d terms, and the gate is applied to the registers of the finished tile.
 *
 *     panel: c | G_f, k = 0 .. d-1 | G_m, k = 0 .. d-1
 *
 *     acc[8][2] += f G_f ;  += m G_m ;  z = f + sigmoid(acc) m ---> z[row .. row+7, out .. out+7]
 *
 * The f and m of the tile's own columns are read again for the gate; the product has just had them
 * in L1.
 *
 * Bottleneck: the multiply-add pipes from about eight rows on; the gate adds an exp and a division
 * for each 2d multiply-adds. Tails are those of the product; the gate loads and stores only the
 * columns that exist. */
#include "kernels/kernel.h"
#include "kernels/neon/gate.h"
#include "reference/operands.h"

#include <stdlib.h>

static void *prepare(const struct call *call)
{
    size_t width = call->dims.extent[WIDTH];
    const struct tensor *t = call->tensor;
    float *panels = panels_alloc(width, 2 * width, 0);
    if (!panels)
        return NULL;
    panels_put(panels, width, 2 * width, 0, &t[ENHANCED_GF], width);
    panels_put(panels, width, 2 * width, width, &t[ENHANCED_GM], width);
    panels_put_bias(panels, width, 2 * width, &t[ENHANCED_C]);
    return panels;
}

static void run(const struct call *call)
{
    const size_t *n = call->dims.extent;
    const struct tensor *t = call->tensor;
    const struct tensor *f = &t[ENHANCED_F], *m = &t[ENHANCED_M], *z = &t[ENHANCED_Z];
    struct gated gated = {f->data, m->data, z->data, f->ld, m->ld, z->ld};
    struct product p = {.rows = n[BATCH],
                        .outs = n[WIDTH],
                        .factors = 2,
                        .factor = {{f->data, f->ld, n[WIDTH]}, {m->data, m->ld, n[WIDTH]}},
                        .panels = call->prepared,
                        .outputs = call->outputs,
                        .ahead = call->ahead};
    product(&p, gate_row, &gated);
}

extern const struct op enhanced_op;
extern const struct backend neon_backend;

const struct kernel enhanced_f32_neon = {
    .name = "enhanced_f32_neon",
    .op = &enhanced_op,
    .dtype = DTYPE_F32,
    .backend = &neon_backend,
    .isa = ISA_NEON,
    .panel = PANEL,
    .asks_ahead = true,
    .run = run,
    .prepare = prepare,
    .release = free,
    .about = "8 x 8 tile over [f ; m] unbuilt, gate in registers; bound by the multiply-add pipes",
};
