/* Floating-point peak: y = x, then STEPS times y = y a + b.
 *
 *      step s   | v  v  v  v  v  v  v  v  v  v  v  v |      12 vectors: 12 chains,
 *      step s+1 | v  v  v  v  v  v  v  v  v  v  v  v |      each waits for itself only
 *
 * 12 independent chains cover the latency of a multiply-add on two pipes with room to spare; a and
 * b take two more of the 16 registers. Lanes that are left over go in a block of 4, 8 or 12
 * vectors, masked where x ends. Bottleneck: the multiply-adds, nothing else. */
#include "kernels/avx2/lanes.h"
#include "kernels/kernel.h"
#include "reference/operands.h"

extern const struct op fma_op;
extern const struct backend avx2_backend;

enum { CHAINS = 12 };

/* Lanes from `first` to at most first + vectors * LANES. */
INLINE void block(const struct call *call, size_t first, const size_t vectors)
{
    const struct tensor *t = call->tensor;
    const float *x = t[FMA_X].data;
    float *y = t[FMA_Y].data;
    const size_t width = call->dims.extent[WIDTH];
    const __m256 a = _mm256_set1_ps(*(const float *)t[FMA_A].data);
    const __m256 b = _mm256_set1_ps(*(const float *)t[FMA_B].data);
    __m256 chain[CHAINS];
    for (size_t v = 0; v < vectors; v++) {
        const size_t at = first + v * LANES, left = at < width ? width - at : 0;
        chain[v] = load_lanes(x + at, lanes_of(left));
    }
    for (size_t s = 0; s < call->dims.extent[STEPS]; s++)
        for (size_t v = 0; v < vectors; v++)
            chain[v] = _mm256_fmadd_ps(chain[v], a, b);
    for (size_t v = 0; v < vectors; v++) {
        const size_t at = first + v * LANES, left = at < width ? width - at : 0;
        store_lanes(y + at, lanes_of(left), chain[v]);
    }
}

static void run(const struct call *call)
{
    const size_t width = call->dims.extent[WIDTH];
    size_t i = 0;
    for (; i + CHAINS * LANES <= width; i += CHAINS * LANES)
        block(call, i, CHAINS);
    if (width - i > CHAINS / 3 * 2 * LANES)
        block(call, i, CHAINS);
    else if (width - i > CHAINS / 3 * LANES)
        block(call, i, CHAINS / 3 * 2);
    else if (width > i)
        block(call, i, CHAINS / 3);
}

const struct kernel fma_f32_avx2 = {
    .name = "fma_f32_avx2",
    .op = &fma_op,
    .dtype = DTYPE_F32,
    .backend = &avx2_backend,
    .isa = ISA_AVX2,
    .run = run,
    .about = "12 chains of vectors; bound by multiply-adds",
};
