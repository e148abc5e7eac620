/* Head of one task: p = sigmoid(w ReLU(U x + u) + v), in bf16.
 *
 * A block of 32 rows is rounded once, and takes the products of one input after the other, weights
 * widened on their way; the hidden units go into the logits at once. Bound by reading the weights
 * and the sums from cache, and by widening, once for every multiply-add; for a single row, by
 * reading the weights once. */
#include "kernels/compiler/bf16_layer.h"
#include "kernels/variant.h"

extern const struct backend compiler_backend;

static void *prepare(const struct call *call) { return narrow_head(call, &by_compiler); }

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &head_op,
    .dtype = DTYPE_BF16,
    .backend = &compiler_backend,
    .isa = KERNEL_ISA,
    .run = narrow_head_run,
    .prepare = prepare,
    .release = narrow_layer_release,
    .about = "plain C: blocks of 32 rows, one loop, weights widened in it; load-bound",
};
