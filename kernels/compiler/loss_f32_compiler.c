/* Losses of clicks and conversions, and their gradients by the logits of heads and base heads.
 *
 * A row's tasks side by side, without a branch: what does not count gets a factor of 0. Bound by
 * the logistic functions and the logarithms; all of it is little beside one layer. */
#include "kernels/compiler/exp.h"
#include "kernels/variant.h"

#include <math.h>

extern const struct backend compiler_backend;

#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__)
__attribute__((simd("notinbranch"))) float logf(float);
#endif

static void logistics(float *restrict x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        x[i] = logistic(x[i]);
}

static void logarithms(float *restrict x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        x[i] = logf(x[i]);
}

#include "kernels/loss.h"

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &loss_op,
    .dtype = DTYPE_F32,
    .backend = &compiler_backend,
    .isa = KERNEL_ISA,
    .run = losses,
    .about = "plain C, a row's tasks side by side; bound by logarithms",
};
