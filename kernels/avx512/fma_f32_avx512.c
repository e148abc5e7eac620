/* Floating-point peak: y = x, then STEPS times y = y a + b.
 *
 *      step s   | v  v  v  v  v  v  v  v  v  v  v  v  v  v  v  v |      16 vectors: 16 chains,
 *      step s+1 | v  v  v  v  v  v  v  v  v  v  v  v  v  v  v  v |      each waits for itself only
 *
 * 16 independent chains cover the latency of a multiply-add on two pipes with room to spare; a and
 * b take two more of the 32 registers. Lanes that are left over go in a block of 4, 8 or 16
 * vectors, masked where x ends. Bottleneck: the multiply-adds, nothing else. */
#include "kernels/avx512/lanes.h"
#include "kernels/kernel.h"
#include "reference/operands.h"

extern const struct op fma_op;
extern const struct backend avx512_backend;

enum { CHAINS = 16 };

/* Lanes from `first` to at most first + vectors * LANES. */
INLINE void block(const struct call *call, size_t first, const size_t vectors)
{
    const struct tensor *t = call->tensor;
    const float *x = t[FMA_X].data;
    float *y = t[FMA_Y].data;
    const size_t width = call->dims.extent[WIDTH];
    const __m512 a = _mm512_set1_ps(*(const float *)t[FMA_A].data);
    const __m512 b = _mm512_set1_ps(*(const float *)t[FMA_B].data);
    __m512 chain[CHAINS];
    for (size_t v = 0; v < vectors; v++) {
        const size_t at = first + v * LANES, left = at < width ? width - at : 0;
        chain[v] = _mm512_maskz_loadu_ps(lanes_of(left), x + at);
    }
    for (size_t s = 0; s < call->dims.extent[STEPS]; s++)
        for (size_t v = 0; v < vectors; v++)
            chain[v] = _mm512_fmadd_ps(chain[v], a, b);
    for (size_t v = 0; v < vectors; v++) {
        const size_t at = first + v * LANES, left = at < width ? width - at : 0;
        _mm512_mask_storeu_ps(y + at, lanes_of(left), chain[v]);
    }
}

static void run(const struct call *call)
{
    const size_t width = call->dims.extent[WIDTH];
    size_t i = 0;
    for (; i + CHAINS * LANES <= width; i += CHAINS * LANES)
        block(call, i, CHAINS);
    if (width - i > CHAINS / 2 * LANES)
        block(call, i, CHAINS);
    else if (width - i > CHAINS / 4 * LANES)
        block(call, i, CHAINS / 2);
    else if (width > i)
        block(call, i, CHAINS / 4);
}

const struct kernel fma_f32_avx512 = {
    .name = "fma_f32_avx512",
    .op = &fma_op,
    .dtype = DTYPE_F32,
    .backend = &avx512_backend,
    .isa = ISA_AVX512,
    .run = run,
    .about = "16 chains of vectors; bound by multiply-adds",
};
