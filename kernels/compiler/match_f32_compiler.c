/* Scores of an attention: s_n = k_n . q_n / sqrt(width), for each row of the batch.
 *
 * One inner product after the other. Bound by reading keys and queries. Any width: the compiler's
 * own tails. */
#include "kernels/variant.h"

#include <math.h>

extern const struct backend compiler_backend;

/* One copy of the loop for every row, so that a row's bits do not depend on where it is. */
static __attribute__((noinline)) float dot(const float *restrict k, const float *restrict q,
                                           size_t width)
{
    float sum = 0;
    for (size_t i = 0; i < width; i++)
        sum += k[i] * q[i];
    return sum;
}

static void run(const struct call *call)
{
    const struct tensor *t = call->tensor;
    const size_t *n = call->dims.extent, width = n[WIDTH];
    const float scale = 1 / sqrtf((float)width);
    for (size_t b = 0; b < n[BATCH]; b++) {
        const float *k = (const float *)t[MATCH_K].data + b * t[MATCH_K].ld;
        const float *q = (const float *)t[MATCH_Q].data + b * t[MATCH_Q].ld;
        float *s = (float *)t[MATCH_S].data + b * t[MATCH_S].ld;
        for (size_t p = 0; p < n[VECTORS]; p++)
            s[p] = scale * dot(k + p * width, q + p * width, width);
    }
}

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &match_op,
    .dtype = DTYPE_F32,
    .backend = &compiler_backend,
    .isa = KERNEL_ISA,
    .run = run,
    .about = "plain C: one inner product after the other; load-bound",
};
