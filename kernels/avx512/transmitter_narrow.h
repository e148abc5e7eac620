/* A transmitter in the narrow format whose words have been included before: m = ReLU(A F + a). */
#include "kernels/avx512/narrow_product.h"
#include "kernels/variant.h"

#include <stdlib.h>

extern const struct backend avx512_backend;

static void *prepare(const struct call *call)
{
    const struct tensor *t = call->tensor;
    const size_t *width = &call->dims.extent[WIDTH];
    return pack(&t[TRANSMITTER_BIAS], *width, (const struct tensor *const[]){&t[TRANSMITTER_A]},
                width, 1);
}

static void run(const struct call *call)
{
    const struct tensor *f = &call->tensor[TRANSMITTER_F], *m = &call->tensor[TRANSMITTER_M];
    const struct narrow_product p = {
        .weights = call->prepared,
        .factor = {{f->data, f->ld}},
        .rows = call->dims.extent[BATCH],
        .y = m->data,
        .ld = m->ld,
        .floor = 0,
        .outputs = call->outputs,
    };
    product_run(&p);
}
