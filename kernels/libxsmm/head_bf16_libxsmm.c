/* Head of one task: p = sigmoid(w ReLU(U x + u) + v), in bf16.
 *
 * Up to 64 rows are rounded once; tiles of 64 outputs follow by tiles.h's generated code; w and
 * sigmoid while the tile is in L1. Bound by the multiply-adds; for a single row by reading the
 * weights. */
#include "kernels/libxsmm/narrow.h"
#include "kernels/variant.h"

extern const struct backend libxsmm_backend;

static void *prepare(const struct call *call) { return narrow_head(call, &bf16_by_libxsmm); }

const struct kernel head_bf16_libxsmm = {
    .name = "head_bf16_libxsmm",
    .op = &head_op,
    .dtype = DTYPE_BF16,
    .backend = &libxsmm_backend,
    .usable = libxsmm_has_bf16,
    .cut_changes_bits = true,
    .run = narrow_head_run,
    .prepare = prepare,
    .release = narrow_layer_release,
    .path = narrow_layer_path,
    .about = "generated tiles of 64 outputs x 64 rows; w and sigmoid by loops in L1",
};
