/* Sequential memory: OUT = 1 reads (y = sum of x), IN = 1 writes (y[i] = x[0]), IN = OUT copies.
 *
 *      x | ymm ymm ymm ymm ymm ymm ymm ymm | ymm ymm ...      4 lines at a time
 *           +   +   +   +   +   +   +   +                     8 sums, to outrun the latency of one
 *
 * Plain loads and stores: what a kernel's own sequential traffic can at best reach. The last vector
 * is masked. Bottleneck: the level of memory that holds the operands. */
#include "kernels/avx2/lanes.h"
#include "kernels/kernel.h"
#include "reference/operands.h"

extern const struct op stream_op;
extern const struct backend avx2_backend;

enum { SUMS = 8 };

INLINE float total(const float *x, const size_t ld, size_t count)
{
    __m256 sum[SUMS];
    size_t i = 0;
    for (size_t s = 0; s < SUMS; s++)
        sum[s] = _mm256_setzero_ps();
    for (; i + SUMS * LANES <= count; i += SUMS * LANES)
        for (size_t s = 0; s < SUMS; s++)
            sum[s] =
                _mm256_add_ps(sum[s], load_strided(x + (i + s * LANES) * ld, ld, lanes_of(LANES)));
    for (; i < count; i += LANES)
        sum[0] = _mm256_add_ps(sum[0], load_strided(x + i * ld, ld, lanes_of(count - i)));
    for (size_t s = SUMS / 2; s > 0; s /= 2)
        for (size_t j = 0; j < s; j++)
            sum[j] = _mm256_add_ps(sum[j], sum[j + s]);
    return total_of(sum[0]);
}

INLINE void fill(float *y, const size_t ld, float value, size_t count)
{
    const __m256 all = _mm256_set1_ps(value);
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        store_strided(y + i * ld, ld, lanes_of(LANES), all);
    store_strided(y + i * ld, ld, lanes_of(count - i), all);
}

INLINE void copy(float *y, const size_t y_ld, const float *x, const size_t x_ld, size_t count)
{
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        store_strided(y + i * y_ld, y_ld, lanes_of(LANES),
                      load_strided(x + i * x_ld, x_ld, lanes_of(LANES)));
    const struct lanes tail = lanes_of(count - i);
    store_strided(y + i * y_ld, y_ld, tail, load_strided(x + i * x_ld, x_ld, tail));
}

/* In `run` the step from one element to the next is a constant for contiguous operands. */
INLINE void run_strided(const struct call *call, const size_t x_ld, const size_t y_ld)
{
    const float *x = call->tensor[STREAM_X].data;
    float *y = call->tensor[STREAM_Y].data;
    const size_t ins = call->dims.extent[IN], outs = call->dims.extent[OUT];
    if (outs == 1)
        *y = total(x, x_ld, ins);
    else if (ins == 1)
        fill(y, y_ld, *x, outs);
    else
        copy(y, y_ld, x, x_ld, outs);
}

static void run(const struct call *call)
{
    const size_t x_ld = call->tensor[STREAM_X].ld, y_ld = call->tensor[STREAM_Y].ld;
    if (x_ld == 1 && y_ld == 1)
        run_strided(call, 1, 1);
    else
        run_strided(call, x_ld, y_ld);
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
