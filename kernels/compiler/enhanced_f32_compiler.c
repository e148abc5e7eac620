/* Enhanced module of one CVR task: g = sigmoid(G_f f + G_m m + c), z = f + g m.
 *
 * A block of rows of z first collects the gate's logits, then becomes the result in place while it
 * is still in the cache. Bound by reading the weights and the logits from cache, once for every
 * multiply-add. */
#include "kernels/compiler/gate.h"
#include "kernels/compiler/transposed.h"
#include "kernels/variant.h"

#include <stdlib.h>

extern const struct backend compiler_backend;

/* G_f and G_m turned to [in, out], then c. */

static void *prepare(const struct call *call)
{
    size_t width = call->dims.extent[WIDTH];
    float *packed = packed_alloc((2 * width + 1) * width * sizeof *packed);
    if (!packed)
        return NULL;
    float *gm = transpose(packed, &call->tensor[ENHANCED_GF], width, width);
    float *c = transpose(gm, &call->tensor[ENHANCED_GM], width, width);
    pack_vector(c, &call->tensor[ENHANCED_C], width);
    return packed;
}

static void run(const struct call *call)
{
    const struct tensor *tf = &call->tensor[ENHANCED_F], *tm = &call->tensor[ENHANCED_M];
    const struct tensor *tz = &call->tensor[ENHANCED_Z];
    size_t batch = call->dims.extent[BATCH], width = call->dims.extent[WIDTH];
    const float *gf = call->prepared, *gm = gf + width * width, *c = gm + width * width;

    for (size_t b = 0; b < batch; b += BLOCK_ROWS) {
        size_t rows = at_most(batch - b, BLOCK_ROWS);
        const float *f = (const float *)tf->data + b * tf->ld;
        const float *m = (const float *)tm->data + b * tm->ld;
        float *z = (float *)tz->data + b * tz->ld;
        for (size_t r = 0; r < rows; r++)
            fill(z + r * tz->ld, c, width);
        accumulate(z, tz->ld, f, tf->ld, gf, width, rows, width, width);
        accumulate(z, tz->ld, m, tm->ld, gm, width, rows, width, width);
        for (size_t r = 0; r < rows; r++)
            gate(z + r * tz->ld, f + r * tf->ld, m + r * tm->ld, width);
    }
}

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &enhanced_op,
    .dtype = DTYPE_F32,
    .backend = &compiler_backend,
    .isa = KERNEL_ISA,
    .run = run,
    .prepare = prepare,
    .release = free,
    .about = "plain C: blocks of 32 rows, one loop, the C library's expf; load-bound",
};
