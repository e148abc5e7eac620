/* Transmitter of one CVR task: m = ReLU(A F + a).
 *
 * sgemm over blocks of up to 256 rows, bias and ReLU while the block is in L2. Bound by the
 * multiply-adds, and by packing A in each call where the library does that; for one row by reading
 * it. */
#include "kernels/kernel.h"
#include "kernels/openblas/product.h"
#include "reference/operands.h"

extern const struct op transmitter_op;
extern const struct backend openblas_backend;

static void *prepare(const struct call *call)
{
    const struct tensor *const weight[2] = {&call->tensor[TRANSMITTER_A]};
    return product_make(weight, 1, call->dims.extent[WIDTH], call->dims.extent[WIDTH]);
}

static void run(const struct call *call)
{
    const struct product *p = call->prepared;
    const struct tensor *t = call->tensor, *tm = &t[TRANSMITTER_M];
    const size_t batch = call->dims.extent[BATCH], width = call->dims.extent[WIDTH];
    for (size_t b = 0, rows; b < batch; b += rows) {
        float *m = (float *)tm->data + b * tm->ld;
        rows = at_most(batch - b, p->block_rows);
        product_rows(p, 0, rows_from(&t[TRANSMITTER_F], b), m, tm->ld, rows, 0, width, false);
        p->epilogue->relu(m, tm->ld, t[TRANSMITTER_BIAS].data, rows, width);
    }
}

const struct kernel transmitter_f32_openblas = {
    .name = "transmitter_f32_openblas",
    .op = &transmitter_op,
    .dtype = DTYPE_F32,
    .backend = &openblas_backend,
    .cut_changes_bits = true,
    .run = run,
    .prepare = prepare,
    .release = product_release,
    .path = product_path,
    .about = "sgemm over blocks of up to 256 rows, sgemv for one; bias and ReLU by a loop in L2",
};
