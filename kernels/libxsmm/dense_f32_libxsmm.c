/* Dense layer: y = activation(W x + b).
 *
 * Tiles of 64 outputs by up to 64 rows by tiles.h's generated code; bias and activation follow
 * while the tile is in L1. Bound by the multiply-adds; for a single row by reading the weights. */
#include "kernels/kernel.h"
#include "kernels/libxsmm/tiles.h"
#include "reference/operands.h"

extern const struct op dense_op;
extern const struct backend libxsmm_backend;

static void *prepare(const struct call *call)
{
    const struct tensor *t = call->tensor;
    return tiles_make(&(struct tiles_spec){.weight = &t[DENSE_W],
                                           .ins = call->dims.extent[IN],
                                           .outs = call->dims.extent[OUT],
                                           .ldx = t[DENSE_X].ld,
                                           .ldy = t[DENSE_Y].ld});
}

static void release(void *prepared) { tiles_free(prepared); }

static const char *path(const void *prepared) { return tiles_path(prepared); }

static void run(const struct call *call)
{
    const struct tiles *tiles = call->prepared;
    const struct epilogue *epilogue = tiles_epilogue(tiles);
    const struct tensor *tx = &call->tensor[DENSE_X], *ty = &call->tensor[DENSE_Y];
    const float *bias = call->tensor[DENSE_B].data;
    const size_t batch = call->dims.extent[BATCH], outs = call->dims.extent[OUT];
    const bool relu = call->options.activation == ACTIVATION_RELU;
    for (size_t b = 0, rows; b < batch; b += rows) {
        const float *x = (const float *)tx->data + b * tx->ld;
        float *y = (float *)ty->data + b * ty->ld;
        rows = tiles_rows(tiles, tx->ld, ty->ld, batch - b);
        for (size_t o = 0; o < outs; o += TILE_OUTS) {
            tiles_run(tiles, x, tx->ld, y + o, ty->ld, o, rows);
            (relu ? epilogue->relu : epilogue->bias)(y + o, ty->ld, bias + o, rows,
                                                     at_most(outs - o, TILE_OUTS));
        }
    }
}

const struct kernel dense_f32_libxsmm = {
    .name = "dense_f32_libxsmm",
    .op = &dense_op,
    .dtype = DTYPE_F32,
    .backend = &libxsmm_backend,
    .cut_changes_bits = true,
    .run = run,
    .prepare = prepare,
    .release = release,
    .path = path,
    .about = "generated tiles of 64 outputs x 64 rows; bias and activation by a loop in L1",
};
