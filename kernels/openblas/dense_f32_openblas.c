/* Dense layer: y = activation(W x + b).
 *
 * sgemm over blocks of up to 256 rows, bias and activation while the block is in L2. Bound by the
 * multiply-adds, and by packing the weights in each call where the library does that; for one row
 * by reading them. */
#include "kernels/kernel.h"
#include "kernels/openblas/product.h"
#include "reference/operands.h"

extern const struct op dense_op;
extern const struct backend openblas_backend;

static void *prepare(const struct call *call)
{
    const struct tensor *const weight[2] = {&call->tensor[DENSE_W]};
    return product_make(weight, 1, call->dims.extent[IN], call->dims.extent[OUT]);
}

static void run(const struct call *call)
{
    const struct product *p = call->prepared;
    const struct tensor *t = call->tensor, *ty = &t[DENSE_Y];
    const size_t batch = call->dims.extent[BATCH], outs = call->dims.extent[OUT];
    const bool relu = call->options.activation == ACTIVATION_RELU;
    for (size_t b = 0, rows; b < batch; b += rows) {
        float *y = (float *)ty->data + b * ty->ld;
        rows = at_most(batch - b, p->block_rows);
        product_rows(p, 0, rows_from(&t[DENSE_X], b), y, ty->ld, rows, 0, outs, false);
        (relu ? p->epilogue->relu : p->epilogue->bias)(y, ty->ld, t[DENSE_B].data, rows, outs);
    }
}

const struct kernel dense_f32_openblas = {
    .name = "dense_f32_openblas",
    .op = &dense_op,
    .dtype = DTYPE_F32,
    .backend = &openblas_backend,
    .cut_changes_bits = true,
    .run = run,
    .prepare = prepare,
    .release = product_release,
    .path = product_path,
    .about =
        "sgemm over blocks of up to 256 rows, sgemv for one; bias and activation by a loop in L2",
};
