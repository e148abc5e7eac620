/* Head of one task: p = sigmoid(w ReLU(U x + u) + v).
 *
 * 64 hidden units of up to 256 rows at a time lie on the stack, by sgemm, and go into the logits at
 * once. Bound by the multiply-adds, and by packing U in each call where the library does that; for
 * one row by reading it. */
#include "kernels/kernel.h"
#include "kernels/openblas/product.h"
#include "reference/operands.h"

extern const struct op head_op;
extern const struct backend openblas_backend;

enum { BLOCK_UNITS = 64 };

static void *prepare(const struct call *call)
{
    const struct tensor *const weight[2] = {&call->tensor[HEAD_U]};
    return product_make(weight, 1, call->dims.extent[WIDTH], call->dims.extent[HIDDEN]);
}

static void run(const struct call *call)
{
    const struct product *p = call->prepared;
    const struct tensor *t = call->tensor, *tp = &t[HEAD_P];
    const float *u = t[HEAD_UBIAS].data, *w = t[HEAD_W].data, v = *(const float *)t[HEAD_V].data;
    const size_t batch = call->dims.extent[BATCH], all = call->dims.extent[HIDDEN];
    for (size_t b = 0, rows; b < batch; b += rows) {
        _Alignas(64) float hidden[BLOCK_ROWS * BLOCK_UNITS];
        float logit[BLOCK_ROWS];
        rows = at_most(batch - b, p->block_rows);
        for (size_t r = 0; r < rows; r++)
            logit[r] = v;
        for (size_t h = 0, units; h < all; h += units) {
            units = at_most(all - h, BLOCK_UNITS);
            product_rows(p, 0, rows_from(&t[HEAD_X], b), hidden, BLOCK_UNITS, rows, h, units,
                         false);
            p->epilogue->units(logit, (struct rows){hidden, BLOCK_UNITS}, u + h, w + h, rows,
                               units);
        }
        p->epilogue->predict((float *)tp->data + b * tp->ld, tp->ld, logit, rows);
    }
}

const struct kernel head_f32_openblas = {
    .name = "head_f32_openblas",
    .op = &head_op,
    .dtype = DTYPE_F32,
    .backend = &openblas_backend,
    .cut_changes_bits = true,
    .run = run,
    .prepare = prepare,
    .release = product_release,
    .path = product_path,
    .about = "sgemm over blocks of up to 256 rows, sgemv for one; w and sigmoid by loops",
};
