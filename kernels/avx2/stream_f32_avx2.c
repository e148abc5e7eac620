/* Sequential memory: OUT = 1 reads (y = sum of x), IN = 1 writes (y[i] = x[0]), IN = OUT copies.
 *
 *      x | ymm ymm ymm ymm ymm ymm ymm ymm | ymm ymm ...      4 lines at a time
 *           +   +   +   +   +   +   +   +                     8 sums, to outrun the latency of one
 *
 * Writes and copies take the same steps. Plain loads and stores: what a kernel's own sequential
 * traffic can at best reach. What is left of a step goes vector by vector, the last one masked.
 * Bottleneck: the level of memory that holds the operands. */
#include "kernels/avx2/lanes.h"
#include "kernels/kernel.h"
#include "reference/operands.h"

extern const struct op stream_op;
extern const struct backend avx2_backend;

enum { STEP_VECTORS = 8, STEP = STEP_VECTORS * LANES };

static float total(const float *x, size_t count)
{
    __m256 sum[STEP_VECTORS] = {0};
    size_t i = 0;
    for (; i + STEP <= count; i += STEP)
        for (size_t v = 0; v < STEP_VECTORS; v++)
            sum[v] = _mm256_add_ps(sum[v], _mm256_loadu_ps(x + i + v * LANES));
    for (; i < count; i += LANES)
        sum[0] = _mm256_add_ps(sum[0], load_lanes(x + i, lanes_of(count - i)));
    const __m256 low = _mm256_add_ps(_mm256_add_ps(sum[0], sum[1]), _mm256_add_ps(sum[2], sum[3]));
    const __m256 high = _mm256_add_ps(_mm256_add_ps(sum[4], sum[5]), _mm256_add_ps(sum[6], sum[7]));
    return total_of(_mm256_add_ps(low, high));
}

static void fill(float *y, float value, size_t count)
{
    const __m256 all = _mm256_set1_ps(value);
    size_t i = 0;
    for (; i + STEP <= count; i += STEP)
        for (size_t v = 0; v < STEP_VECTORS; v++)
            _mm256_storeu_ps(y + i + v * LANES, all);
    for (; i < count; i += LANES)
        store_lanes(y + i, lanes_of(count - i), all);
}

static void copy(float *y, const float *x, size_t count)
{
    size_t i = 0;
    for (; i + STEP <= count; i += STEP)
        for (size_t v = 0; v < STEP_VECTORS; v++)
            _mm256_storeu_ps(y + i + v * LANES, _mm256_loadu_ps(x + i + v * LANES));
    for (; i < count; i += LANES) {
        const struct lanes lanes = lanes_of(count - i);
        store_lanes(y + i, lanes, load_lanes(x + i, lanes));
    }
}

static void run(const struct call *call)
{
    const float *x = call->tensor[STREAM_X].data;
    float *y = call->tensor[STREAM_Y].data;
    const size_t ins = call->dims.extent[IN], outs = call->dims.extent[OUT];
    if (outs == 1)
        *y = total(x, ins);
    else if (ins == 1)
        fill(y, *x, outs);
    else
        copy(y, x, outs);
}

const struct kernel stream_f32_avx2 = {
    .name = "stream_f32_avx2",
    .op = &stream_op,
    .dtype = DTYPE_F32,
    .backend = &avx2_backend,
    .isa = ISA_AVX2,
    .run = run,
    .about = "8 vectors at a time, plain loads and stores; bound by memory",
};
