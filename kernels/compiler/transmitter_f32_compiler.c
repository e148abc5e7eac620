/* Transmitter of one CVR task: m = ReLU(A F + a). A square dense layer; see dense_f32_compiler.c.
 */
#include "kernels/compiler/transposed.h"
#include "kernels/variant.h"

#include <stdlib.h>

extern const struct backend compiler_backend;

/* A turned to [in, out], then a. */

static void *prepare(const struct call *call)
{
    size_t width = call->dims.extent[WIDTH];
    float *packed = packed_alloc((width + 1) * width * sizeof *packed);
    if (packed)
        pack_vector(transpose(packed, &call->tensor[TRANSMITTER_A], width, width),
                    &call->tensor[TRANSMITTER_BIAS], width);
    return packed;
}

static void run(const struct call *call)
{
    const struct tensor *tf = &call->tensor[TRANSMITTER_F], *tm = &call->tensor[TRANSMITTER_M];
    size_t batch = call->dims.extent[BATCH], width = call->dims.extent[WIDTH];
    const float *a = call->prepared, *bias = a + width * width;

    for (size_t b = 0; b < batch; b += BLOCK_ROWS) {
        size_t rows = at_most(batch - b, BLOCK_ROWS);
        const float *f = (const float *)tf->data + b * tf->ld;
        float *m = (float *)tm->data + b * tm->ld;
        for (size_t r = 0; r < rows; r++)
            fill(m + r * tm->ld, bias, width);
        accumulate(m, tm->ld, f, tf->ld, a, width, rows, width, width);
        for (size_t r = 0; r < rows; r++)
            relu(m + r * tm->ld, width);
    }
}

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &transmitter_op,
    .dtype = DTYPE_F32,
    .backend = &compiler_backend,
    .isa = KERNEL_ISA,
    .run = run,
    .prepare = prepare,
    .release = free,
    .about = "plain C: blocks of 32 rows, one loop; load-bound",
};
