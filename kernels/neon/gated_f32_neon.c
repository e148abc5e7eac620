/* g = sigmoid(G_f f + G_m m + c), z = f + g m, both kept for training. EKTM.md, layer 7.
 *
 * As the enhanced module: [f ; m] is never built, and the gate is applied to the registers of the
 * finished tile, from where g and z are stored.
 *
 *     acc[8][2] += f G_f ;  += m G_m ;  g = sigmoid(acc) ---> g,  f + g m ---> z
 *
 * Bottleneck: the multiply-add pipes. Tails are those of the product; the gate loads and stores
 * only the columns that exist. */
#include "kernels/kernel.h"
#include "kernels/neon/exp.h"
#include "kernels/neon/product.h"
#include "reference/operands.h"

#include <stdlib.h>

static void *prepare(const struct call *call)
{
    const size_t width = call->dims.extent[WIDTH];
    const struct tensor *t = call->tensor;
    float *panels = panels_alloc(width, 2 * width, 0);
    if (!panels)
        return NULL;
    panels_put(panels, width, 2 * width, 0, &t[GATED_GF], width);
    panels_put(panels, width, 2 * width, width, &t[GATED_GM], width);
    panels_put_bias(panels, width, 2 * width, &t[GATED_C]);
    return panels;
}

static float *at(const struct tensor *t, size_t row, size_t column)
{
    return (float *)t->data + row * t->ld + column;
}

INLINE void gate_some(const struct tensor *t, size_t row, size_t out, size_t count, float32x4_t sum)
{
    const float32x4_t open = sigmoid4(sum);
    const float32x4_t z = vfmaq_f32(load_up_to(at(&t[GATED_F], row, out), count), open,
                                    load_up_to(at(&t[GATED_M], row, out), count));
    store_up_to(at(&t[GATED_G], row, out), open, count);
    store_up_to(at(&t[GATED_Z], row, out), z, count);
}

/* Not inlined: the constants of exp would take registers from the product's loop. */
static __attribute__((noinline)) void gate_row(void *context, size_t row, size_t out, size_t count,
                                               float32x4_t low, float32x4_t high)
{
    const struct tensor *t = context;
    gate_some(t, row, out, count < LANES ? count : LANES, low);
    if (count > LANES)
        gate_some(t, row, out + LANES, count - LANES, high);
}

static void run(const struct call *call)
{
    const size_t *n = call->dims.extent;
    struct tensor t[GATED_Z + 1];
    for (size_t i = 0; i <= GATED_Z; i++)
        t[i] = call->tensor[i];
    const struct product p = {.rows = n[BATCH],
                              .outs = n[WIDTH],
                              .factors = 2,
                              .factor = {{t[GATED_F].data, t[GATED_F].ld, n[WIDTH]},
                                         {t[GATED_M].data, t[GATED_M].ld, n[WIDTH]}},
                              .panels = call->prepared};
    product(&p, gate_row, t);
}

extern const struct op gated_op;
extern const struct backend neon_backend;

const struct kernel gated_f32_neon = {
    .name = "gated_f32_neon",
    .op = &gated_op,
    .dtype = DTYPE_F32,
    .backend = &neon_backend,
    .isa = ISA_NEON,
    .run = run,
    .prepare = prepare,
    .release = free,
    .about = "8 x 8 tile over [f ; m] unbuilt, gate in registers; bound by the multiply-add pipes",
};
