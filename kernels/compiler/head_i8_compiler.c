/* Head of one task: p = sigmoid(w ReLU(U x + u) + v), in i8.
 *
 * A block of 32 rows is rounded once; every sum is the inner product of a row and of an output's
 * weights, exact in 32 bits; the hidden units go into the logits at once. Bound by reading both
 * factors from cache for every product, and by adding up a vector's lanes at the end of each. */
#include "kernels/compiler/i8_layer.h"
#include "kernels/variant.h"

extern const struct backend compiler_backend;

static void *prepare(const struct call *call) { return narrow_head(call, &by_compiler); }

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &head_op,
    .dtype = DTYPE_I8,
    .backend = &compiler_backend,
    .isa = KERNEL_ISA,
    .run = narrow_head_run,
    .prepare = prepare,
    .release = narrow_layer_release,
    .about = "plain C: blocks of 32 rows, inner products of 16-bit numbers; load-bound",
};
