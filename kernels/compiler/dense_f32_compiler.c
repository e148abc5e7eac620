/* Dense layer: y = activation(W x + b).
 *
 * A block of rows starts as the biases, takes the products of one input after the other and is
 * activated while it is still in the cache. Bound by reading the weights and the outputs from
 * cache, once for every multiply-add; for a single row, by reading the weights once. */
#include "kernels/compiler/transposed.h"
#include "kernels/variant.h"

#include <stdlib.h>

extern const struct backend compiler_backend;

/* Weights [in, out], then biases. */

static void *prepare(const struct call *call)
{
    size_t ins = call->dims.extent[IN], outs = call->dims.extent[OUT];
    float *packed = packed_alloc((ins + 1) * outs * sizeof *packed);
    if (packed)
        pack_vector(transpose(packed, &call->tensor[DENSE_W], outs, ins), &call->tensor[DENSE_B],
                    outs);
    return packed;
}

static void run(const struct call *call)
{
    const struct tensor *tx = &call->tensor[DENSE_X], *ty = &call->tensor[DENSE_Y];
    size_t batch = call->dims.extent[BATCH];
    size_t ins = call->dims.extent[IN], outs = call->dims.extent[OUT];
    const float *w = call->prepared, *bias = w + ins * outs;

    for (size_t b = 0; b < batch; b += BLOCK_ROWS) {
        size_t rows = at_most(batch - b, BLOCK_ROWS);
        const float *x = (const float *)tx->data + b * tx->ld;
        float *y = (float *)ty->data + b * ty->ld;
        for (size_t r = 0; r < rows; r++)
            fill(y + r * ty->ld, bias, outs);
        accumulate(y, ty->ld, x, tx->ld, w, outs, rows, ins, outs);
        if (call->options.activation == ACTIVATION_RELU)
            for (size_t r = 0; r < rows; r++)
                relu(y + r * ty->ld, outs);
    }
}

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &dense_op,
    .dtype = DTYPE_F32,
    .backend = &compiler_backend,
    .isa = KERNEL_ISA,
    .run = run,
    .prepare = prepare,
    .release = free,
    .about = "plain C: blocks of 32 rows, one loop; load-bound",
};
