/* An enhanced module in a narrow format, z = f + sigmoid(G [f ; m] + c) m, for whoever has included
 * an instruction set's words `pack`, `product_run` and `gate` before.
 *
 * [f ; m] is never built: f and m are two factors, each rounded by itself. The gate's sums wait in
 * z until they are whole, then `gate` goes over a tile of them while it is in L1. */
#include "kernels/narrow.h"
#include "kernels/variant.h"

#include <math.h>
#include <stdlib.h>

static void *prepare(const struct call *call)
{
    const struct tensor *t = call->tensor;
    const size_t width = call->dims.extent[WIDTH];
    return pack(&t[ENHANCED_C], width,
                (const struct tensor *const[]){&t[ENHANCED_GF], &t[ENHANCED_GM]},
                (const size_t[]){width, width}, 2);
}

static void run(const struct call *call)
{
    const struct tensor *t = call->tensor, *z = &t[ENHANCED_Z];
    const struct narrow_product p = {
        .weights = call->prepared,
        .factor = {{t[ENHANCED_F].data, t[ENHANCED_F].ld}, {t[ENHANCED_M].data, t[ENHANCED_M].ld}},
        .rows = call->dims.extent[BATCH],
        .y = z->data,
        .ld = z->ld,
        .floor = -INFINITY,
        .outputs = call->outputs,
        .finish = gate,
    };
    product_run(&p);
}
