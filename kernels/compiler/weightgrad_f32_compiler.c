/* Gradient of a dense layer by its weights and biases: dW = dy^T x, db = sum of dy over the batch.
 *
 * A block of outputs starts as what is there or as zeros and takes the products of one row of the
 * batch after the other: of each output with the row's inputs, which lie side by side. Bound by
 * reading and writing the sums in cache, once for every multiply-add. */
#include "kernels/compiler/blocks.h"
#include "kernels/variant.h"

#include <string.h>

extern const struct backend compiler_backend;

/* dw[o, k] += dy[o] x[k]. One copy of the loop for every output, as in transposed.h. */
static __attribute__((noinline)) void add_row(float *restrict dw, size_t ld,
                                              const float *restrict dy, const float *restrict x,
                                              size_t outs, size_t ins)
{
    for (size_t o = 0; o < outs; o++)
        for (size_t k = 0; k < ins; k++)
            dw[o * ld + k] += dy[o] * x[k];
}

/* db[o] += dy[o]. */
static void add_biases(float *restrict db, const float *restrict dy, size_t outs)
{
    for (size_t o = 0; o < outs; o++)
        db[o] += dy[o];
}

static void run(const struct call *call)
{
    const struct tensor *tx = &call->tensor[WEIGHTGRAD_X], *ty = &call->tensor[WEIGHTGRAD_DY];
    const struct tensor *tw = &call->tensor[WEIGHTGRAD_DW];
    const size_t batch = call->dims.extent[BATCH];
    const size_t ins = call->dims.extent[IN], outs = call->dims.extent[OUT];
    const float *x = tx->data, *dy = ty->data;
    float *dw = tw->data, *db = call->tensor[WEIGHTGRAD_DB].data;
    for (size_t o = 0; o < outs && !call->options.add; o++)
        memset(dw + o * tw->ld, 0, ins * sizeof *dw);
    if (db && !call->options.add)
        memset(db, 0, outs * sizeof *db);
    for (size_t o = 0; o < outs; o += BLOCK_ROWS) {
        const size_t block = at_most(outs - o, BLOCK_ROWS);
        for (size_t b = 0; b < batch; b++)
            add_row(dw + o * tw->ld, tw->ld, dy + b * ty->ld + o, x + b * tx->ld, block, ins);
    }
    for (size_t b = 0; b < batch && db; b++)
        add_biases(db, dy + b * ty->ld, outs);
}

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &weightgrad_op,
    .dtype = DTYPE_F32,
    .backend = &compiler_backend,
    .isa = KERNEL_ISA,
    .run = run,
    .about = "plain C: blocks of 32 outputs, row after row; load-bound",
};
