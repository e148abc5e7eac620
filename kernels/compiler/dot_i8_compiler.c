/* Peak of the i8 loop: y = x, then STEPS times y += a b.
 *
 * A block of sums takes terms as the layers' products do (i8.h), all weights a and all inputs b,
 * from L1. Bound by reading both, and by widening. */
#include "kernels/compiler/i8.h"
#include "kernels/variant.h"

#include <math.h>

extern const struct backend compiler_backend;

enum { TERMS = 512, LANES = 16 };

static int16_t input_of(const struct tensor *t)
{
    const float b = *(const float *)t->data;
    return (int16_t)rintf(b < 0 ? 0 : b > 255 ? 255 : b);
}

static void run(const struct call *call)
{
    const struct tensor *t = call->tensor;
    const size_t width = call->dims.extent[WIDTH], steps = call->dims.extent[STEPS];
    const int16_t b = input_of(&t[DOT_B]);
    const float scale = affine_at(&t[DOT_A], 0).scale;
    int8_t weight[LANES * TERMS];
    int16_t x[TERMS];
    float *y = t[DOT_Y].data;
    memset(weight, *(const int8_t *)t[DOT_A].data, sizeof weight);
    for (size_t k = 0; k < TERMS; k++)
        x[k] = b;
    for (size_t i = 0; i < width; i += LANES) {
        const size_t count = width - i < LANES ? width - i : LANES;
        memcpy(y + i, (const float *)t[DOT_X].data + i, count * sizeof *y);
        for (size_t s = 0; s < steps; s += TERMS) {
            int32_t sum[LANES];
            multiply_integers(sum, LANES, x, TERMS, weight, TERMS, 1,
                              steps - s < TERMS ? steps - s : TERMS, count);
            for (size_t l = 0; l < count; l++)
                y[i + l] += scale * (float)sum[l];
        }
    }
}

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &dot_op,
    .dtype = DTYPE_I8,
    .backend = &compiler_backend,
    .isa = KERNEL_ISA,
    .run = run,
    .about = "plain C: 16 inner products at a time in L1, of 16-bit numbers; load-bound",
};
