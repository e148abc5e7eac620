/* Floating-point peak: y = x, then STEPS times y = y a + b.
 *
 * A block of lanes that fits the registers goes through all steps at once, enough vectors of it to
 * cover the latency of a multiply-add. Bound by the multiply-adds. */
#include "kernels/variant.h"

extern const struct backend compiler_backend;

/* Twelve vectors; NEON has registers, and some CPUs multiply-add units, for sixteen. */
#if defined(__AVX512F__)
enum { LANES = 12 * 16 };
#elif defined(__AVX2__)
enum { LANES = 12 * 8 };
#else
enum { LANES = 16 * 4 };
#endif

static void advance(float *restrict lane, float a, float b, size_t steps)
{
    float v[LANES];
    for (size_t l = 0; l < LANES; l++)
        v[l] = lane[l];
    for (size_t s = 0; s < steps; s++)
        for (size_t l = 0; l < LANES; l++)
            v[l] = v[l] * a + b;
    for (size_t l = 0; l < LANES; l++)
        lane[l] = v[l];
}

static void run(const struct call *call)
{
    const struct tensor *t = call->tensor;
    const float *x = t[FMA_X].data;
    float *y = t[FMA_Y].data;
    float a = *(const float *)t[FMA_A].data, b = *(const float *)t[FMA_B].data;
    size_t width = call->dims.extent[WIDTH];

    for (size_t i = 0; i < width; i += LANES) {
        size_t count = width - i < LANES ? width - i : LANES;
        float lane[LANES] = {0};
        for (size_t l = 0; l < count; l++)
            lane[l] = x[i + l];
        advance(lane, a, b, call->dims.extent[STEPS]);
        for (size_t l = 0; l < count; l++)
            y[i + l] = lane[l];
    }
}

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &fma_op,
    .dtype = DTYPE_F32,
    .backend = &compiler_backend,
    .isa = KERNEL_ISA,
    .run = run,
    .about = "plain C: a dozen or so vectors at a time; bound by the multiply-adds",
};
