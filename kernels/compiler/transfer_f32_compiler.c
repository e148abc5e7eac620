/* Transmitter and enhanced module of one CVR task: m = ReLU(A F + a),
 * z = f + sigmoid(G_f f + G_m m + c) m.
 *
 * The loops of both layers, one behind the other for each block of rows, whose m stays on the
 * stack. Bound by reading the weights and the sums from cache, once for every multiply-add. */
#include "kernels/compiler/gate.h"
#include "kernels/compiler/transposed.h"
#include "kernels/variant.h"

#include <stdlib.h>

extern const struct backend compiler_backend;

/* A turned to [in, out], a; G_f and G_m turned, c. */
static void *prepare(const struct call *call)
{
    const struct tensor *t = call->tensor;
    size_t width = call->dims.extent[WIDTH];
    float *packed = packed_alloc((3 * width + 2) * width * sizeof *packed);
    if (!packed)
        return NULL;
    float *bias = transpose(packed, &t[TRANSFER_A], width, width);
    float *gf = pack_vector(bias, &t[TRANSFER_BIAS], width);
    float *gm = transpose(gf, &t[TRANSFER_GF], width, width);
    float *c = transpose(gm, &t[TRANSFER_GM], width, width);
    pack_vector(c, &t[TRANSFER_C], width);
    return packed;
}

/* m = ReLU(A F + a) of a block of rows. */
static void transmit(float *m, const float *routed, size_t ld, const float *a, size_t rows,
                     size_t width)
{
    const float *bias = a + width * width;
    for (size_t r = 0; r < rows; r++)
        fill(m + r * width, bias, width);
    accumulate(m, width, routed, ld, a, width, rows, width, width);
    for (size_t r = 0; r < rows; r++)
        relu(m + r * width, width);
}

/* z of a block of rows, from row `first` on. */
static void enhance(const struct call *call, size_t first, size_t rows, const float *m,
                    const float *gf)
{
    const struct tensor *tf = &call->tensor[TRANSFER_F], *tz = &call->tensor[TRANSFER_Z];
    size_t width = call->dims.extent[WIDTH];
    const float *gm = gf + width * width, *c = gm + width * width;
    const float *f = (const float *)tf->data + first * tf->ld;
    float *z = (float *)tz->data + first * tz->ld;
    for (size_t r = 0; r < rows; r++)
        fill(z + r * tz->ld, c, width);
    accumulate(z, tz->ld, f, tf->ld, gf, width, rows, width, width);
    accumulate(z, tz->ld, m, width, gm, width, rows, width, width);
    for (size_t r = 0; r < rows; r++)
        gate(z + r * tz->ld, f + r * tf->ld, m + r * width, width);
}

static void run(const struct call *call)
{
    const struct tensor *routed = &call->tensor[TRANSFER_ROUTED];
    size_t batch = call->dims.extent[BATCH], width = call->dims.extent[WIDTH];
    const float *a = call->prepared;
    float m[BLOCK_ROWS * TRANSFER_WIDTH_MAX];
    for (size_t b = 0; b < batch; b += BLOCK_ROWS) {
        size_t rows = at_most(batch - b, BLOCK_ROWS);
        transmit(m, (const float *)routed->data + b * routed->ld, routed->ld, a, rows, width);
        enhance(call, b, rows, m, a + (width + 1) * width);
    }
}

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &transfer_op,
    .dtype = DTYPE_F32,
    .backend = &compiler_backend,
    .isa = KERNEL_ISA,
    .run = run,
    .prepare = prepare,
    .release = free,
    .about = "plain C: blocks of 32 rows, m on the stack, the C library's expf; load-bound",
};
