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
#include "kernels/avx2/exp.h"
#include "kernels/avx2/product.h"
#include "kernels/avx2/turn.h"
#include "kernels/avx2/words.h"
#include "kernels/densegrad.h"
#include "kernels/kernel.h"

extern const struct op gated_op;
extern const struct backend avx2_backend;

/* g, which holds sums, becomes the gate, and z = f + g m. */
INLINE void gate_row(float *g, float *z, const float *f, const float *m, size_t width)
{
    for (size_t o = 0; o < width; o += LANES) {
        const struct lanes lanes = lanes_of(width - o);
        const __m256 open = vector_logistic(load_lanes(g + o, lanes));
        store_lanes(g + o, lanes, open);
        store_lanes(z + o, lanes,
                    _mm256_fmadd_ps(open, load_lanes(m + o, lanes), load_lanes(f + o, lanes)));
    }
}

static void run(const struct call *call) { gated(call, gate_row); }

const struct kernel gated_f32_avx2 = {
    .name = "gated_f32_avx2",
    .op = &gated_op,
    .dtype = DTYPE_F32,
    .backend = &avx2_backend,
    .isa = ISA_AVX2,
    .run = run,
    .about = "6 rows x 16 outputs in registers, then gate and z; bound by multiply-adds",
};
