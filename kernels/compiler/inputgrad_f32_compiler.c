/* Gradient of a dense layer by its inputs: dx = dy W.
 *
 * The weights [out, in] already lie as the product reads them: its terms are the outputs, and
 * nothing is packed. A block of rows starts as what is there or as zeros, takes the products of one
 * output after the other, and is cut off where a ReLU was. Bound by reading the weights and the
 * sums from cache, once for every multiply-add. */
#include "kernels/compiler/transposed.h"
#include "kernels/variant.h"

#include <string.h>

extern const struct backend compiler_backend;

/* dx[k] = 0 where x[k] is not above 0. */
static void cut_off(float *restrict dx, const float *restrict x, size_t ins)
{
    for (size_t k = 0; k < ins; k++)
        dx[k] = x[k] > 0 ? dx[k] : 0;
}

static void run(const struct call *call)
{
    const struct tensor *ty = &call->tensor[INPUTGRAD_DY], *tw = &call->tensor[INPUTGRAD_W];
    const struct tensor *tx = &call->tensor[INPUTGRAD_X], *td = &call->tensor[INPUTGRAD_DX];
    const size_t batch = call->dims.extent[BATCH];
    const size_t ins = call->dims.extent[IN], outs = call->dims.extent[OUT];
    const bool relu = call->options.activation == ACTIVATION_RELU;
    for (size_t b = 0; b < batch; b += BLOCK_ROWS) {
        const size_t rows = at_most(batch - b, BLOCK_ROWS);
        const float *dy = (const float *)ty->data + b * ty->ld;
        float *dx = (float *)td->data + b * td->ld;
        for (size_t r = 0; r < rows && !call->options.add; r++)
            memset(dx + r * td->ld, 0, ins * sizeof *dx);
        accumulate(dx, td->ld, dy, ty->ld, tw->data, tw->ld, rows, outs, ins);
        for (size_t r = 0; r < rows && relu; r++)
            cut_off(dx + r * td->ld, (const float *)tx->data + (b + r) * tx->ld, ins);
    }
}

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &inputgrad_op,
    .dtype = DTYPE_F32,
    .backend = &compiler_backend,
    .isa = KERNEL_ISA,
    .run = run,
    .about = "plain C: blocks of 32 rows, one loop, weights as they are; load-bound",
};
