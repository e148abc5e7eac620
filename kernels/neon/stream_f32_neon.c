/* Sequential memory: OUT = 1 reads (y = sum of x), IN = 1 writes (y[i] = x[0]), otherwise copies.
 *
 * Sixteen registers, 256 bytes, four cache lines, are one step of each loop:
 *
 *     read    sum[0..15] += x[i .. i+63]            16 chains, folded pairwise at the end
 *     write   y[i .. i+63] = x[0]
 *     copy    y[i .. i+63] = x[i .. i+63]
 *
 * The addresses rise steadily, which the hardware prefetcher follows better than software would.
 * Stores go through the caches as those of the layers do.
 *
 * Bottleneck: the bandwidth of the level that the data lie in. Tails: vectors, then a partial
 * vector. */
#include "kernels/kernel.h"
#include "kernels/neon/lanes.h"
#include "kernels/neon/unroll.h"
#include "reference/operands.h"

enum { STEP_VECTORS = 16, STEP = STEP_VECTORS * LANES };

static float sum_of(const float *x, size_t count)
{
    float32x4_t sum[STEP_VECTORS];
    UNROLL for (int v = 0; v < STEP_VECTORS; v++) sum[v] = vdupq_n_f32(0);
    size_t i = 0;
    for (; i + STEP <= count; i += STEP)
        UNROLL for (int v = 0; v < STEP_VECTORS; v++) sum[v] =
            vaddq_f32(sum[v], vld1q_f32(x + i + LANES * v));
    for (; i + LANES <= count; i += LANES)
        sum[0] = vaddq_f32(sum[0], vld1q_f32(x + i));
    sum[1] = vaddq_f32(sum[1], load_tail(x + i, count - i));
    for (int half = STEP_VECTORS / 2; half; half /= 2)
        for (int v = 0; v < half; v++)
            sum[v] = vaddq_f32(sum[v], sum[v + half]);
    return vaddvq_f32(sum[0]);
}

static void fill(float *y, size_t count, float value)
{
    float32x4_t values = vdupq_n_f32(value);
    size_t i = 0;
    for (; i + STEP <= count; i += STEP)
        UNROLL for (int v = 0; v < STEP_VECTORS; v++) vst1q_f32(y + i + LANES * v, values);
    for (; i + LANES <= count; i += LANES)
        vst1q_f32(y + i, values);
    store_tail(y + i, values, count - i);
}

static void copy(float *y, const float *x, size_t count)
{
    size_t i = 0;
    for (; i + STEP <= count; i += STEP) {
        float32x4_t values[STEP_VECTORS];
        UNROLL for (int v = 0; v < STEP_VECTORS; v++) values[v] = vld1q_f32(x + i + LANES * v);
        UNROLL for (int v = 0; v < STEP_VECTORS; v++) vst1q_f32(y + i + LANES * v, values[v]);
    }
    for (; i + LANES <= count; i += LANES)
        vst1q_f32(y + i, vld1q_f32(x + i));
    store_tail(y + i, load_tail(x + i, count - i), count - i);
}

static void run(const struct call *call)
{
    const size_t *n = call->dims.extent;
    const struct tensor *x = &call->tensor[STREAM_X], *y = &call->tensor[STREAM_Y];
    if (n[OUT] == 1)
        *(float *)y->data = sum_of(x->data, n[IN]);
    else if (n[IN] == 1)
        fill(y->data, n[OUT], *(const float *)x->data);
    else
        copy(y->data, x->data, n[OUT]);
}

extern const struct op stream_op;
extern const struct backend neon_backend;

const struct kernel stream_f32_neon = {
    .name = "stream_f32_neon",
    .op = &stream_op,
    .dtype = DTYPE_F32,
    .backend = &neon_backend,
    .isa = ISA_NEON,
    .run = run,
    .about = "256 bytes a step, 16 chains; bound by bandwidth",
};
