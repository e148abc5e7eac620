/* Head of one task: p = sigmoid(w ReLU(U x + u) + v).
 *
 * The hidden layer is computed in blocks on the stack, each of which goes into the logits at once.
 * Bound by reading the weights and the block from L1, once for every multiply-add. */
#include "kernels/compiler/head.h"
#include "kernels/variant.h"

#include <stdlib.h>

extern const struct backend compiler_backend;

static void *prepare(const struct call *call)
{
    const size_t units = call->dims.extent[HIDDEN], width = call->dims.extent[WIDTH];
    float *packed = packed_alloc(head_floats(units, width) * sizeof *packed);
    if (packed)
        head_pack(packed, &call->tensor[HEAD_U], units, width);
    return packed;
}

static void run(const struct call *call)
{
    const size_t *n = call->dims.extent;
    const struct tensor *x = &call->tensor[HEAD_X], *p = &call->tensor[HEAD_P];
    const struct head h = {x->data, call->prepared, x->ld, n[WIDTH], n[HIDDEN]};
    for (size_t b = 0; b < n[BATCH]; b += BLOCK_ROWS) {
        const size_t rows = at_most(n[BATCH] - b, BLOCK_ROWS);
        float logit[BLOCK_ROWS] = {0};
        logits(logit, &h, b, rows);
        predict(logit, rows);
        for (size_t r = 0; r < rows; r++)
            ((float *)p->data)[(b + r) * p->ld] = logit[r];
    }
}

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &head_op,
    .dtype = DTYPE_F32,
    .backend = &compiler_backend,
    .isa = KERNEL_ISA,
    .run = run,
    .prepare = prepare,
    .release = free,
    .about = "plain C: blocks of 32 rows, one loop, the C library's expf; load-bound",
};
