/* Peak of the bf16 loop: y = x, then STEPS times y += a b.
 *
 * A block of sums takes terms as the layers' products do (bf16.h), all weights a and all inputs b,
 * from L1. Bound by reading weights and sums, and by widening. */
#include "kernels/compiler/bf16.h"
#include "kernels/variant.h"

extern const struct backend compiler_backend;

enum { TERMS = 64, LANES = 64 };

static void run(const struct call *call)
{
    const struct tensor *t = call->tensor;
    const size_t width = call->dims.extent[WIDTH], steps = call->dims.extent[STEPS];
    const uint16_t a = *(const uint16_t *)t[DOT_A].data, b = bf16_of(*(const float *)t[DOT_B].data);
    uint16_t weight[TERMS * LANES], x[TERMS];
    float *y = t[DOT_Y].data;
    for (size_t i = 0; i < TERMS * LANES; i++)
        weight[i] = a;
    for (size_t k = 0; k < TERMS; k++)
        x[k] = b;
    for (size_t i = 0; i < width; i += LANES) {
        const size_t count = width - i < LANES ? width - i : LANES;
        float sum[LANES] = {0};
        memcpy(sum, (const float *)t[DOT_X].data + i, count * sizeof *sum);
        for (size_t s = 0; s < steps; s += TERMS)
            accumulate_bf16(sum, LANES, x, TERMS, weight, LANES, 1,
                            steps - s < TERMS ? steps - s : TERMS, LANES);
        memcpy(y + i, sum, count * sizeof *sum);
    }
}

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &dot_op,
    .dtype = DTYPE_BF16,
    .backend = &compiler_backend,
    .isa = KERNEL_ISA,
    .run = run,
    .about = "plain C: 64 sums at a time in L1, weights widened; load-bound",
};
