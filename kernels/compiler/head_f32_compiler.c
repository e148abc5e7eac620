/* Head of one task: p = sigmoid(w ReLU(U x + u) + v).
 *
 * The hidden layer is computed in blocks on the stack, each of which goes into the logits at once.
 * Bound by reading the weights and the block from L1, once for every multiply-add. */
#include "kernels/compiler/exp.h"
#include "kernels/compiler/transposed.h"
#include "kernels/variant.h"

#include <stdlib.h>

extern const struct backend compiler_backend;

enum { BLOCK_UNITS = 64, LOGITS = 16 };

/* U turned to [in, out], then u, w and v. */

static void *prepare(const struct call *call)
{
    size_t units = call->dims.extent[HIDDEN], width = call->dims.extent[WIDTH];
    float *packed = packed_alloc(((width + 2) * units + 1) * sizeof *packed);
    if (!packed)
        return NULL;
    float *u = transpose(packed, &call->tensor[HEAD_U], units, width);
    float *w = pack_vector(u, &call->tensor[HEAD_UBIAS], units);
    float *v = pack_vector(w, &call->tensor[HEAD_W], units);
    pack_vector(v, &call->tensor[HEAD_V], 1);
    return packed;
}

/* Sum of w ReLU(hidden): one copy of the loop for every row, as in transposed.h. */
static __attribute__((noinline)) float unit_sum(const float *restrict w,
                                                const float *restrict hidden, size_t units)
{
    float sum = 0;
    for (size_t h = 0; h < units; h++)
        sum += w[h] * (hidden[h] < 0 ? 0 : hidden[h]);
    return sum;
}

/* Always so many: a vector expf and a scalar one differ in their last bits, and which of them a row
 * meets may not depend on how many rows there are. */
static void predict(float *restrict p)
{
    for (size_t r = 0; r < LOGITS; r++)
        p[r] = logistic(p[r]);
}

static void run(const struct call *call)
{
    const struct tensor *tx = &call->tensor[HEAD_X], *tp = &call->tensor[HEAD_P];
    size_t batch = call->dims.extent[BATCH], width = call->dims.extent[WIDTH];
    size_t all = call->dims.extent[HIDDEN];
    const float *weights = call->prepared;
    const float *u = weights + width * all, *w = u + all, *v = w + all;

    for (size_t b = 0; b < batch; b += BLOCK_ROWS) {
        size_t rows = at_most(batch - b, BLOCK_ROWS);
        float hidden[BLOCK_ROWS][BLOCK_UNITS], p[BLOCK_ROWS] = {0};
        for (size_t r = 0; r < rows; r++)
            p[r] = *v;
        for (size_t h = 0; h < all; h += BLOCK_UNITS) {
            size_t units = at_most(all - h, BLOCK_UNITS);
            for (size_t r = 0; r < rows; r++)
                fill(hidden[r], u + h, units);
            accumulate(hidden[0], BLOCK_UNITS, (const float *)tx->data + b * tx->ld, tx->ld,
                       weights + h, all, rows, width, units);
            for (size_t r = 0; r < rows; r++)
                p[r] += unit_sum(w + h, hidden[r], units);
        }
        for (size_t r = 0; r < rows; r += LOGITS)
            predict(p + r);
        for (size_t r = 0; r < rows; r++)
            ((float *)tp->data)[(b + r) * tp->ld] = p[r];
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
