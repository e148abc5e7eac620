/* Transmitter and enhanced module of one CVR task: m = ReLU(A F + a),
 * z = f + sigmoid(G_f f + G_m m + c) m, for each row of the batch.
 *
 *     BLOCK_ROWS rows    F . A ---- ReLU ----> m, on the stack
 *                                              |
 *                     [f ; m] . G ---- gate ---+---> z
 *
 * Both products are product.h's, as in the transmitter and the enhanced module alone; a block of
 * rows goes through the first and at once through the second, and its m lies in the same few lines
 * of L1 and L2 for every block, instead of going to the model's memory. Bottleneck: the
 * multiply-adds; for one row reading A and G. Tails are product.h's. */
#include "kernels/avx2/gate_tile.h"
#include "kernels/kernel.h"
#include "kernels/parts.h"
#include "reference/operands.h"

#include <stdlib.h>

extern const struct op transfer_op;
extern const struct backend avx2_backend;

enum { TRANSMITTER, ENHANCED, PARTS };

static void *prepare(const struct call *call)
{
    const struct tensor *t = call->tensor;
    const size_t width = call->dims.extent[WIDTH];
    const struct columns a = {&t[TRANSFER_A], width};
    const struct columns g[] = {{&t[TRANSFER_GF], width}, {&t[TRANSFER_GM], width}};
    struct parts *parts = parts_alloc(PARTS);
    if (!parts)
        return NULL;
    parts->part[TRANSMITTER] = panels_pack(&t[TRANSFER_BIAS], width, &a, 1, panel_size);
    parts->part[ENHANCED] = panels_pack(&t[TRANSFER_C], width, g, 2, panel_size);
    return parts_whole(parts);
}

/* A block of rows; their m lies in `m`. */
static void transfer(const struct call *call, size_t row, size_t rows, float *m)
{
    const struct tensor *t = call->tensor, *z = &t[TRANSFER_Z];
    const struct parts *parts = call->prepared;
    const size_t width = call->dims.extent[WIDTH], ld = whole_vectors(width);
    const struct product transmitter = {
        .panels = parts->part[TRANSMITTER],
        .factor = {{f32_row(&t[TRANSFER_ROUTED], row), t[TRANSFER_ROUTED].ld, width}},
        .factors = 1,
        .rows = rows,
        .y = m,
        .ld = ld,
        .floor = 0,
        .ahead = call->ahead,
    };
    const struct product enhanced = {
        .panels = parts->part[ENHANCED],
        .factor = {{f32_row(&t[TRANSFER_F], row), t[TRANSFER_F].ld, width}, {m, ld, width}},
        .factors = 2,
        .rows = rows,
        .y = f32_row(z, row),
        .ld = z->ld,
        .floor = -INFINITY,
        .finish = gate,
        .ahead = call->ahead,
    };
    product_run(&transmitter);
    product_run(&enhanced);
}

static void run(const struct call *call)
{
    _Alignas(64) float m[BLOCK_ROWS * TRANSFER_WIDTH_MAX];
    const size_t batch = call->dims.extent[BATCH];
    for (size_t row = 0; row < batch; row += BLOCK_ROWS)
        transfer(call, row, at_most(batch - row, BLOCK_ROWS), m);
}

const struct kernel transfer_f32_avx2 = {
    .name = "transfer_f32_avx2",
    .op = &transfer_op,
    .dtype = DTYPE_F32,
    .backend = &avx2_backend,
    .isa = ISA_AVX2,
    .asks_ahead = true,
    .run = run,
    .prepare = prepare,
    .release = parts_free,
    .about = "48 rows through both products, m on the stack, gate fused; bound by multiply-adds",
};
