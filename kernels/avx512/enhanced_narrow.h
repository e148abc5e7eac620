/* An enhanced module in the narrow format whose words have been included before:
 * g = sigmoid(G_f f + G_m m + c), z = f + g m, with f and m in f32 where they are no factors.
 *
 * f and m are factors of their own, each rounded by itself. Each tile goes through the gate as soon
 * as its sums, which wait in z, are whole and still in L1; neither g nor anything else takes memory
 * of its own. The last vector of a row is masked. */
#include "kernels/avx512/gate.h"
#include "kernels/avx512/narrow_product.h"
#include "kernels/variant.h"

#include <stdlib.h>

extern const struct backend avx512_backend;

static void *prepare(const struct call *call)
{
    const struct tensor *t = call->tensor;
    const size_t width = call->dims.extent[WIDTH];
    return pack(&t[ENHANCED_C], width,
                (const struct tensor *const[]){&t[ENHANCED_GF], &t[ENHANCED_GM]},
                (const size_t[]){width, width}, 2);
}

/* z, which holds the sums of a tile, becomes f + sigmoid(z) m. */
static void gate(const struct narrow_product *p, size_t row, size_t rows, size_t out, size_t outs)
{
    for (size_t r = row; r < row + rows; r++)
        gate_row(p->y + r * p->ld + out, p->factor[0].x + r * p->factor[0].ld + out,
                 p->factor[1].x + r * p->factor[1].ld + out, outs);
}

static void run(const struct call *call)
{
    const struct tensor *f = &call->tensor[ENHANCED_F], *m = &call->tensor[ENHANCED_M];
    const struct tensor *z = &call->tensor[ENHANCED_Z];
    const struct narrow_product p = {
        .weights = call->prepared,
        .factor = {{f->data, f->ld}, {m->data, m->ld}},
        .rows = call->dims.extent[BATCH],
        .y = z->data,
        .ld = z->ld,
        .floor = -INFINITY,
        .finish = gate,
        .outputs = call->outputs,
    };
    product_run(&p);
}
