/* Sequential memory: OUT = 1 reads (y = sum of x), IN = 1 writes (y[i] = x[0]), IN = OUT copies.
 *
 * Bound by the level of memory that holds the operands. */
#include "kernels/variant.h"

extern const struct backend compiler_backend;

/* Sums that do not wait for each other. */
enum { CHAINS = 64 };

static float total(const float *restrict x, size_t count)
{
    float sum[CHAINS] = {0}, rest = 0;
    size_t i = 0;
    for (; i + CHAINS <= count; i += CHAINS)
        for (size_t s = 0; s < CHAINS; s++)
            sum[s] += x[i + s];
    for (; i < count; i++)
        rest += x[i];
    for (size_t s = 0; s < CHAINS; s++)
        rest += sum[s];
    return rest;
}

static void fill(float *restrict y, float value, size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i] = value;
}

static void copy(float *restrict y, const float *restrict x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i] = x[i];
}

static void run(const struct call *call)
{
    const float *x = call->tensor[STREAM_X].data;
    float *y = call->tensor[STREAM_Y].data;
    size_t ins = call->dims.extent[IN], outs = call->dims.extent[OUT];
    if (outs == 1)
        *y = total(x, ins);
    else if (ins == 1)
        fill(y, *x, outs);
    else
        copy(y, x, outs);
}

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &stream_op,
    .dtype = DTYPE_F32,
    .backend = &compiler_backend,
    .isa = KERNEL_ISA,
    .run = run,
    .about = "plain C: one loop; memory-bound",
};
