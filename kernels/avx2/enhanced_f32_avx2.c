/* Enhanced module of one CVR task: g = sigmoid(G_f f + G_m m + c), z = f + g m, for each row.
 *
 *               16 of the d outputs
 *              k | Gf Gf |
 *      6 rows  f | +  +  |   then on, with the same sums:
 *              k | Gm Gm |
 *      6 rows  m | +  +  |   -> z = f + m / (1 + exp(-sum))
 *
 * G_f and G_m are packed one behind the other, so that the product (product.h: tile, blocks, tails)
 * is one of 2d terms whose x is first f and then m. A block of rows goes through the gate while its
 * sums, which wait in z, are still in L1 or L2; neither g nor anything else takes memory of its
 * own. The last vector of a row is masked. Bottleneck: the multiply-adds, then the division and exp
 * of the gate; for one row reading G. */
#include "kernels/avx2/exp.h"
#include "kernels/avx2/product.h"
#include "kernels/kernel.h"
#include "reference/operands.h"

#include <stdlib.h>

extern const struct op enhanced_op;
extern const struct backend avx2_backend;

static void *prepare(const struct call *call)
{
    const struct tensor *t = call->tensor;
    const size_t width = call->dims.extent[WIDTH];
    const struct columns g[] = {{&t[ENHANCED_GF], width}, {&t[ENHANCED_GM], width}};
    return panels_pack(&t[ENHANCED_C], width, g, 2);
}

/* z, which holds the sums of one row, becomes f + sigmoid(z) m. */
static void gate(float *z, const float *f, const float *m, size_t width)
{
    for (size_t o = 0; o < width; o += LANES) {
        const struct lanes lanes = lanes_of(width - o);
        const __m256 g = vector_logistic(load_lanes(z + o, lanes));
        store_lanes(z + o, lanes,
                    _mm256_fmadd_ps(g, load_lanes(m + o, lanes), load_lanes(f + o, lanes)));
    }
}

static void run(const struct call *call)
{
    const struct tensor *f = &call->tensor[ENHANCED_F], *m = &call->tensor[ENHANCED_M];
    const struct tensor *z = &call->tensor[ENHANCED_Z];
    const size_t rows = call->dims.extent[BATCH], width = call->dims.extent[WIDTH];
    const struct product p = {
        .panels = call->prepared,
        .factor = {{f->data, f->ld, width}, {m->data, m->ld, width}},
        .factors = 2,
        .y = z->data,
        .ld = z->ld,
        .floor = -INFINITY,
    };
    for (size_t b = 0; b < rows; b += BLOCK_ROWS) {
        const size_t end = b + at_most(rows - b, BLOCK_ROWS);
        product_block(&p, b, end - b);
        for (size_t r = b; r < end; r++)
            gate(p.y + r * p.ld, p.factor[0].x + r * f->ld, p.factor[1].x + r * m->ld, width);
    }
}

const struct kernel enhanced_f32_avx2 = {
    .name = "enhanced_f32_avx2",
    .op = &enhanced_op,
    .dtype = DTYPE_F32,
    .backend = &avx2_backend,
    .isa = ISA_AVX2,
    .run = run,
    .prepare = prepare,
    .release = free,
    .about = "6 rows x 16 outputs over [f ; m], gate fused; bound by multiply-adds",
};
