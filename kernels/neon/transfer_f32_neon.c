/* m = ReLU(A F + a), z = f + sigmoid(G_f f + G_m m + c) m. EKTM.md, layers 6 and 7 of a task.
 *
 * Two products of product.h, one behind the other for each chunk of rows, with the finishing of the
 * transmitter and of the enhanced module:
 *
 *     CHUNK_ROWS rows    F . A ---- ReLU ----> m, on the stack
 *                                              |
 *                     [f ; m] . G ---- gate ---+---> z
 *
 * So m lies in the same few lines of the caches for every chunk and never goes to the model's
 * memory.
 *
 * Bottleneck: the multiply-add pipes from about eight rows on, the loads of weights below. Tails
 * are those of the product. */
#include "kernels/kernel.h"
#include "kernels/neon/gate.h"
#include "kernels/neon/rectify.h"
#include "kernels/parts.h"
#include "reference/operands.h"

enum { TRANSMITTER, ENHANCED, PARTS };

static void *prepare(const struct call *call)
{
    const size_t width = call->dims.extent[WIDTH];
    const struct tensor *t = call->tensor;
    struct parts *parts = parts_alloc(PARTS);
    if (!parts)
        return NULL;
    float *a = parts->part[TRANSMITTER] = panels_alloc(width, width, 0);
    float *g = parts->part[ENHANCED] = panels_alloc(width, 2 * width, 0);
    if (!(parts = parts_whole(parts)))
        return NULL;
    panels_put(a, width, width, 0, &t[TRANSFER_A], width);
    panels_put_bias(a, width, width, &t[TRANSFER_BIAS]);
    panels_put(g, width, 2 * width, 0, &t[TRANSFER_GF], width);
    panels_put(g, width, 2 * width, width, &t[TRANSFER_GM], width);
    panels_put_bias(g, width, 2 * width, &t[TRANSFER_C]);
    return parts;
}

/* m of a chunk of rows. */
static void transmit(const struct call *call, size_t row, size_t rows, struct tensor *m)
{
    const struct parts *parts = call->prepared;
    const struct tensor *f = &call->tensor[TRANSFER_ROUTED];
    const size_t width = call->dims.extent[WIDTH];
    const struct product p = {.rows = rows,
                              .outs = width,
                              .factors = 1,
                              .factor = {{f32_row(f, row), f->ld, width}},
                              .panels = parts->part[TRANSMITTER],
                              .ahead = call->ahead};
    product(&p, rectify, m);
}

/* z of a chunk of rows. */
static void enhance(const struct call *call, size_t row, size_t rows, const struct tensor *m)
{
    const struct parts *parts = call->prepared;
    const struct tensor *f = &call->tensor[TRANSFER_F], *z = &call->tensor[TRANSFER_Z];
    const size_t width = call->dims.extent[WIDTH];
    struct gated gated = {f32_row(f, row), m->data, f32_row(z, row), f->ld, m->ld, z->ld};
    const struct product p = {.rows = rows,
                              .outs = width,
                              .factors = 2,
                              .factor = {{gated.f, f->ld, width}, {gated.m, m->ld, width}},
                              .panels = parts->part[ENHANCED],
                              .ahead = call->ahead};
    product(&p, gate_row, &gated);
}

static void run(const struct call *call)
{
    float storage[CHUNK_ROWS * TRANSFER_WIDTH_MAX];
    struct tensor m = {storage, panel_count(call->dims.extent[WIDTH]) * PANEL, DTYPE_F32};
    const size_t batch = call->dims.extent[BATCH];
    for (size_t row = 0; row < batch; row += CHUNK_ROWS) {
        const size_t rows = batch - row < CHUNK_ROWS ? batch - row : CHUNK_ROWS;
        transmit(call, row, rows, &m);
        enhance(call, row, rows, &m);
    }
}

extern const struct op transfer_op;
extern const struct backend neon_backend;

const struct kernel transfer_f32_neon = {
    .name = "transfer_f32_neon",
    .op = &transfer_op,
    .dtype = DTYPE_F32,
    .backend = &neon_backend,
    .isa = ISA_NEON,
    .asks_ahead = true,
    .run = run,
    .prepare = prepare,
    .release = parts_free,
    .about = "64 rows through both products, m on the stack; bound by the multiply-add pipes",
};
