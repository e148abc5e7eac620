/* Sequential memory: OUT = 1 reads (y = sum of x), IN = 1 writes (y[i] = x[0]), IN = OUT copies.
 *
 * Bound by the level of memory that holds the operands. */
#include "kernels/compiler/variant.h"

/* Sums that do not wait for each other. */
enum { SUMS = 64 };

static float total(const float *restrict x, size_t ld, size_t count)
{
    float sum[SUMS] = {0}, rest = 0;
    size_t i = 0;
    if (ld == 1)
        for (; i + SUMS <= count; i += SUMS)
            for (size_t s = 0; s < SUMS; s++)
                sum[s] += x[i + s];
    for (; i < count; i++)
        rest += x[i * ld];
    for (size_t s = 0; s < SUMS; s++)
        rest += sum[s];
    return rest;
}

static void fill(float *restrict y, size_t ld, float value, size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i * ld] = value;
}

static void copy(float *restrict y, size_t ldy, const float *restrict x, size_t ldx, size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i * ldy] = x[i * ldx];
}

static void run(const struct call *call)
{
    const struct tensor *x = &call->tensor[STREAM_X], *y = &call->tensor[STREAM_Y];
    size_t ins = call->dims.extent[IN], outs = call->dims.extent[OUT];
    float *to = y->data;
    if (outs == 1)
        *to = total(x->data, x->ld, ins);
    else if (ins == 1)
        fill(to, y->ld, *(const float *)x->data, outs);
    else
        copy(to, y->ld, x->data, x->ld, outs);
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
