/* Backward of an attention's scores: dk_n = ds_n q_n / sqrt(width), dq_n = ds_n k_n / sqrt(width).
 *
 * One vector after the other. Bound by reading keys and queries and writing their gradients. Any
 * width: the compiler's own tails. */
#include "kernels/variant.h"

#include <math.h>

extern const struct backend compiler_backend;

/* One copy of each loop for every row, so that a row's bits do not depend on where it is. */
static __attribute__((noinline)) void scale_to(float *restrict to, const float *restrict from,
                                               float factor, size_t width)
{
    for (size_t i = 0; i < width; i++)
        to[i] = factor * from[i];
}

static __attribute__((noinline)) void add_to(float *restrict to, const float *restrict from,
                                             float factor, size_t width)
{
    for (size_t i = 0; i < width; i++)
        to[i] += factor * from[i];
}

static void run(const struct call *call)
{
    const struct tensor *t = call->tensor;
    const size_t *n = call->dims.extent, width = n[WIDTH];
    const bool add = call->options.add;
    const float scale = 1 / sqrtf((float)width);
    for (size_t b = 0; b < n[BATCH]; b++) {
        const float *k = (const float *)t[MATCH_K].data + b * t[MATCH_K].ld;
        const float *q = (const float *)t[MATCH_Q].data + b * t[MATCH_Q].ld;
        const float *ds = (const float *)t[MATCHGRAD_DS].data + b * t[MATCHGRAD_DS].ld;
        float *dk = (float *)t[MATCHGRAD_DK].data + b * t[MATCHGRAD_DK].ld;
        float *dq = (float *)t[MATCHGRAD_DQ].data + b * t[MATCHGRAD_DQ].ld;
        for (size_t p = 0; p < n[VECTORS]; p++) {
            (add ? add_to : scale_to)(dk + p * width, q + p * width, scale * ds[p], width);
            (add ? add_to : scale_to)(dq + p * width, k + p * width, scale * ds[p], width);
        }
    }
}

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &matchgrad_op,
    .dtype = DTYPE_F32,
    .backend = &compiler_backend,
    .isa = KERNEL_ISA,
    .run = run,
    .about = "plain C: one vector after the other; store-bound",
};
