/* Gradient of the router by the task vectors: from the shares' derivatives, summed over the batch.
 *
 * The sums are one loop over the batch; what is left is as much as for one row of the router. Bound
 * by reading the derivatives. */
#include "kernels/compiler/similarity.h"
#include "kernels/compiler/transposed.h"
#include "kernels/variant.h"

extern const struct backend compiler_backend;

#include "kernels/similaritygrad.h"

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &similaritygrad_op,
    .dtype = DTYPE_F32,
    .backend = &compiler_backend,
    .isa = KERNEL_ISA,
    .run = similaritygrad,
    .about = "plain C, a sum over the batch; bound by reading it",
};
