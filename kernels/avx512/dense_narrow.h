/* A dense layer in the narrow format whose words have been included before: y = activation(W x +
 * b). ReLU is a maximum with 0 as a sum leaves its register, no activation one with minus infinity,
 * so that there is one path for both. */
#include "kernels/avx512/narrow_product.h"
#include "kernels/variant.h"

#include <stdlib.h>

extern const struct backend avx512_backend;

static void *prepare(const struct call *call)
{
    const struct tensor *t = call->tensor;
    return pack(&t[DENSE_B], call->dims.extent[OUT], (const struct tensor *const[]){&t[DENSE_W]},
                &call->dims.extent[IN], 1);
}

static void run(const struct call *call)
{
    const struct tensor *x = &call->tensor[DENSE_X], *y = &call->tensor[DENSE_Y];
    const struct narrow_product p = {
        .weights = call->prepared,
        .factor = {{x->data, x->ld}},
        .rows = call->dims.extent[BATCH],
        .y = y->data,
        .ld = y->ld,
        .floor = call->options.activation == ACTIVATION_RELU ? 0 : -INFINITY,
        .outputs = call->outputs,
    };
    product_run(&p);
}
