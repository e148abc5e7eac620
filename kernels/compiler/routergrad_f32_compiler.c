/* Gradient of the router: of F_i = (f_0 + sum_j s_ij f_j) / (T+1) by f_0, f_j and, in mode task, by
 * s_ij.
 *
 * For each row the inner products dF_i f_j are what reaches the shares; through softmax and cosines
 * they become a T x T matrix, and the gradients of the towers are two products of such matrices
 * with vectors that lie as `accumulate` wants its weights: of the shares with dF, of that matrix
 * with the towers. Everything of a row stays in L1. Bound by reading the vectors from there. */
#include "kernels/compiler/similarity.h"
#include "kernels/compiler/transposed.h"
#include "kernels/variant.h"

extern const struct backend compiler_backend;

/* dx[e] = 0 where x[e] is not above 0. */
static void cut_off_row(float *restrict dx, const float *restrict x, size_t count)
{
    for (size_t e = 0; e < count; e++)
        dx[e] = x[e] > 0 ? dx[e] : 0;
}

#include "kernels/routergrad.h"

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &routergrad_op,
    .dtype = DTYPE_F32,
    .backend = &compiler_backend,
    .isa = KERNEL_ISA,
    .run = routergrad,
    .about = "plain C: inner products, then two products of T x T by vectors; load-bound",
};
