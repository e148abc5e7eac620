/* Enhanced module of one CVR task, of which training keeps the gate: g = sigmoid(G_f f + G_m m +
 * c), z = f + g m, for each row of the batch.
 *
 *     [f ; m] . G ----> sums, in g ---- sigmoid ----> g
 *                                          |
 *                                 f + . m -+-------> z
 *
 * The product is product.h's, with weights packed as they come (fresh.h), since in training they
 * are new in every step: first f's, whose sums wait in g for m's. A pass over the rows makes gates
 * and z of them. Bottleneck: the multiply-adds. Tails are product.h's; the last vector of a row is
 * masked.
 */
#include "kernels/avx512/exp.h"
#include "kernels/avx512/product.h"
#include "kernels/avx512/turn.h"
#include "kernels/avx512/words.h"
#include "kernels/densegrad.h"
#include "kernels/kernel.h"

extern const struct op gated_op;
extern const struct backend avx512_backend;

/* g, which holds sums, becomes the gate, and z = f + g m. */
INLINE void gate_row(float *g, float *z, const float *f, const float *m, size_t width)
{
    for (size_t o = 0; o < width; o += LANES) {
        const __mmask16 lanes = lanes_of(width - o);
        const __m512 open = vector_logistic(_mm512_maskz_loadu_ps(lanes, g + o));
        const __m512 sum = _mm512_fmadd_ps(open, _mm512_maskz_loadu_ps(lanes, m + o),
                                           _mm512_maskz_loadu_ps(lanes, f + o));
        _mm512_mask_storeu_ps(g + o, lanes, open);
        _mm512_mask_storeu_ps(z + o, lanes, sum);
    }
}

static void run(const struct call *call) { gated(call, gate_row); }

const struct kernel gated_f32_avx512 = {
    .name = "gated_f32_avx512",
    .op = &gated_op,
    .dtype = DTYPE_F32,
    .backend = &avx512_backend,
    .isa = ISA_AVX512,
    .run = run,
    .about = "6 rows x 64 outputs in registers, then gate and z; bound by multiply-adds",
};
