/* Transmitter of one CVR task: m = ReLU(A F + a).
 *
 * Tiles of 64 outputs by up to 64 rows by tiles.h's generated code; bias and ReLU follow while
 * the tile is in L1. Bound by the multiply-adds; for a single row by reading A. */
#include "kernels/kernel.h"
#include "kernels/libxsmm/tiles.h"
#include "reference/operands.h"

extern const struct op transmitter_op;
extern const struct backend libxsmm_backend;

static void *prepare(const struct call *call)
{
    const struct tensor *t = call->tensor;
    const size_t width = call->dims.extent[WIDTH];
    return tiles_make(&(struct tiles_spec){.weight = &t[TRANSMITTER_A],
                                           .ins = width,
                                           .outs = width,
                                           .ldx = t[TRANSMITTER_F].ld,
                                           .ldy = t[TRANSMITTER_M].ld});
}

static void release(void *prepared) { tiles_free(prepared); }

static const char *path(const void *prepared) { return tiles_path(prepared); }

static void run(const struct call *call)
{
    const struct tiles *tiles = call->prepared;
    const struct epilogue *epilogue = tiles_epilogue(tiles);
    const struct tensor *tf = &call->tensor[TRANSMITTER_F], *tm = &call->tensor[TRANSMITTER_M];
    const float *bias = call->tensor[TRANSMITTER_BIAS].data;
    const size_t batch = call->dims.extent[BATCH], width = call->dims.extent[WIDTH];
    for (size_t b = 0, rows; b < batch; b += rows) {
        const float *f = (const float *)tf->data + b * tf->ld;
        float *m = (float *)tm->data + b * tm->ld;
        rows = tiles_rows(tiles, tf->ld, tm->ld, batch - b);
        for (size_t o = 0; o < width; o += TILE_OUTS) {
            tiles_run(tiles, f, tf->ld, m + o, tm->ld, o, rows);
            epilogue->relu(m + o, tm->ld, bias + o, rows, at_most(width - o, TILE_OUTS));
        }
    }
}

const struct kernel transmitter_f32_libxsmm = {
    .name = "transmitter_f32_libxsmm",
    .op = &transmitter_op,
    .dtype = DTYPE_F32,
    .backend = &libxsmm_backend,
    .cut_changes_bits = true,
    .run = run,
    .prepare = prepare,
    .release = release,
    .path = path,
    .about = "generated tiles of 64 outputs x 64 rows; bias and ReLU by a loop in L1",
};
