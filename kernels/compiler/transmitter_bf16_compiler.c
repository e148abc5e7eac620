/* Transmitter of one CVR task: m = ReLU(A F + a), in bf16.
 *
 * A block of 32 rows is rounded once, and takes the products of one input after the other, weights
 * widened on their way; bias and ReLU follow. Bound by reading the weights and the sums from
 * cache, and by widening, once for every multiply-add; for a single row, by reading the weights
 * once. */
#include "kernels/compiler/bf16_layer.h"
#include "kernels/variant.h"

extern const struct backend compiler_backend;

static void *prepare(const struct call *call) { return narrow_transmitter(call, &by_compiler); }

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &transmitter_op,
    .dtype = DTYPE_BF16,
    .backend = &compiler_backend,
    .isa = KERNEL_ISA,
    .run = narrow_transmitter_run,
    .prepare = prepare,
    .release = narrow_layer_release,
    .about = "plain C: blocks of 32 rows, one loop, weights widened in it; load-bound",
};
