/* Head of one task: p = sigmoid(w ReLU(U x + u) + v).
 *
 * 64 hidden units of up to 64 rows at a time lie on the stack, by tiles.h's generated code, and
 * go into the logits at once. Bound by the multiply-adds; for a single row by reading U. */
#include "kernels/kernel.h"
#include "kernels/libxsmm/tiles.h"
#include "reference/operands.h"

extern const struct op head_op;
extern const struct backend libxsmm_backend;

static void *prepare(const struct call *call)
{
    const struct tensor *t = call->tensor;
    return tiles_make(&(struct tiles_spec){.weight = &t[HEAD_U],
                                           .ins = call->dims.extent[WIDTH],
                                           .outs = call->dims.extent[HIDDEN],
                                           .ldx = t[HEAD_X].ld,
                                           .ldy = TILE_OUTS});
}

static void release(void *prepared) { tiles_free(prepared); }

static const char *path(const void *prepared) { return tiles_path(prepared); }

static void run(const struct call *call)
{
    const struct tiles *tiles = call->prepared;
    const struct epilogue *epilogue = tiles_epilogue(tiles);
    const struct tensor *t = call->tensor, *tx = &t[HEAD_X], *tp = &t[HEAD_P];
    const float *u = t[HEAD_UBIAS].data, *w = t[HEAD_W].data, v = *(const float *)t[HEAD_V].data;
    const size_t batch = call->dims.extent[BATCH], units = call->dims.extent[HIDDEN];
    for (size_t b = 0, rows; b < batch; b += rows) {
        _Alignas(64) float hidden[TILE_ROWS * TILE_OUTS];
        float logit[TILE_ROWS];
        const float *x = (const float *)tx->data + b * tx->ld;
        rows = tiles_rows(tiles, tx->ld, TILE_OUTS, batch - b);
        for (size_t r = 0; r < rows; r++)
            logit[r] = v;
        for (size_t h = 0; h < units; h += TILE_OUTS) {
            tiles_run(tiles, x, tx->ld, hidden, TILE_OUTS, h, rows);
            epilogue->units(logit, (struct rows){hidden, TILE_OUTS}, u + h, w + h, rows,
                            at_most(units - h, TILE_OUTS));
        }
        epilogue->predict((float *)tp->data + b * tp->ld, tp->ld, logit, rows);
    }
}

const struct kernel head_f32_libxsmm = {
    .name = "head_f32_libxsmm",
    .op = &head_op,
    .dtype = DTYPE_F32,
    .backend = &libxsmm_backend,
    .cut_changes_bits = true,
    .run = run,
    .prepare = prepare,
    .release = release,
    .path = path,
    .about = "generated tiles of 64 units x 64 rows; w and sigmoid by loops in L1",
};
