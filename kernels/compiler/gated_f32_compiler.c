/* Enhanced module of one CVR task, of which training keeps the gate: g = sigmoid(G [f ; m] + c),
 * z = f + g m.
 *
 * A block of rows of g starts as c, takes the products of f and then of m, and becomes the gate and
 * z while it is still in the cache. Bound by reading weights and sums from cache, once for every
 * multiply-add. */
#include "kernels/compiler/exp.h"
#include "kernels/compiler/transposed.h"
#include "kernels/variant.h"

#include <stdlib.h>

extern const struct backend compiler_backend;

/* G_f [in, out], G_m [in, out], c. */
static void *prepare(const struct call *call)
{
    size_t width = call->dims.extent[WIDTH];
    const struct tensor *t = call->tensor;
    float *packed = packed_alloc((2 * width + 1) * width * sizeof *packed);
    if (packed)
        pack_vector(
            transpose(transpose(packed, &t[GATED_GF], width, width), &t[GATED_GM], width, width),
            &t[GATED_C], width);
    return packed;
}

/* One copy of the loop for every row, as in transposed.h. */
static __attribute__((noinline)) void gate(float *restrict g, float *restrict z,
                                           const float *restrict f, const float *restrict m,
                                           size_t outs)
{
    for (size_t o = 0; o < outs; o++) {
        const float open = logistic(g[o]);
        g[o] = open;
        z[o] = f[o] + open * m[o];
    }
}

static void run(const struct call *call)
{
    const struct tensor *tf = &call->tensor[GATED_F], *tm = &call->tensor[GATED_M];
    const struct tensor *tg = &call->tensor[GATED_G], *tz = &call->tensor[GATED_Z];
    const size_t batch = call->dims.extent[BATCH], width = call->dims.extent[WIDTH];
    const float *w = call->prepared, *c = w + 2 * width * width;
    for (size_t b = 0; b < batch; b += BLOCK_ROWS) {
        const size_t rows = at_most(batch - b, BLOCK_ROWS);
        const float *f = (const float *)tf->data + b * tf->ld;
        const float *m = (const float *)tm->data + b * tm->ld;
        float *g = (float *)tg->data + b * tg->ld, *z = (float *)tz->data + b * tz->ld;
        for (size_t r = 0; r < rows; r++)
            fill(g + r * tg->ld, c, width);
        accumulate(g, tg->ld, f, tf->ld, w, width, rows, width, width);
        accumulate(g, tg->ld, m, tm->ld, w + width * width, width, rows, width, width);
        for (size_t r = 0; r < rows; r++)
            gate(g + r * tg->ld, z + r * tz->ld, f + r * tf->ld, m + r * tm->ld, width);
    }
}

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &gated_op,
    .dtype = DTYPE_F32,
    .backend = &compiler_backend,
    .isa = KERNEL_ISA,
    .run = run,
    .prepare = prepare,
    .release = free,
    .about = "plain C: blocks of 32 rows, gate at the end; load-bound",
};
