/* Enhanced module of one CVR task, of which training keeps the gate: g = sigmoid(G_f f + G_m m +
 * c), z = f + g m, for each row of the batch.
 *
 *     BLOCK_ROWS rows    [f ; m] . G ----> sums, in g ---- sigmoid ----> g
 *                                                              |
 *                                                     f + . m -+-------> z
 *
 * The product is product.h's, as in the enhanced module; it leaves the sums of a block of rows in
 * g, in the near caches, and a pass over the block makes gates and z of them. Bottleneck: the
 * multiply-adds. Tails are product.h's; the last vector of a row is masked. */
#include "kernels/avx2/exp.h"
#include "kernels/avx2/product.h"
#include "kernels/kernel.h"
#include "reference/operands.h"

#include <stdlib.h>

extern const struct op gated_op;
extern const struct backend avx2_backend;

static void *prepare(const struct call *call)
{
    const struct tensor *t = call->tensor;
    const size_t width = call->dims.extent[WIDTH];
    const struct columns g[] = {{&t[GATED_GF], width}, {&t[GATED_GM], width}};
    return panels_pack(&t[GATED_C], width, g, 2, panel_size);
}

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

static float *at_row(const struct tensor *t, size_t row) { return (float *)t->data + row * t->ld; }

static void run(const struct call *call)
{
    const struct tensor *f = &call->tensor[GATED_F], *m = &call->tensor[GATED_M];
    const struct tensor *g = &call->tensor[GATED_G], *z = &call->tensor[GATED_Z];
    const size_t batch = call->dims.extent[BATCH], width = call->dims.extent[WIDTH];
    for (size_t row = 0; row < batch; row += BLOCK_ROWS) {
        const struct product p = {
            .panels = call->prepared,
            .factor = {{at_row(f, row), f->ld, width}, {at_row(m, row), m->ld, width}},
            .factors = 2,
            .rows = at_most(batch - row, BLOCK_ROWS),
            .y = at_row(g, row),
            .ld = g->ld,
            .floor = -INFINITY,
        };
        product_run(&p);
        for (size_t r = row; r < row + p.rows; r++)
            gate_row(at_row(g, r), at_row(z, r), at_row(f, r), at_row(m, r), width);
    }
}

const struct kernel gated_f32_avx2 = {
    .name = "gated_f32_avx2",
    .op = &gated_op,
    .dtype = DTYPE_F32,
    .backend = &avx2_backend,
    .isa = ISA_AVX2,
    .run = run,
    .prepare = prepare,
    .release = free,
    .about = "6 rows x 16 outputs in registers, then gate and z; bound by multiply-adds",
};
