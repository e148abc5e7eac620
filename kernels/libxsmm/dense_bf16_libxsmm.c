/* Dense layer: y = activation(W x + b), in bf16.
 *
 * Up to 64 rows are rounded once; tiles of 64 outputs follow by tiles.h's generated code; bias and
 * activation while the tile is in L1. Bound by the multiply-adds; for a single row by reading the
 * weights. */
#include "kernels/libxsmm/narrow.h"
#include "kernels/variant.h"

extern const struct backend libxsmm_backend;

static void *prepare(const struct call *call) { return narrow_dense(call, &bf16_by_libxsmm); }

const struct kernel dense_bf16_libxsmm = {
    .name = "dense_bf16_libxsmm",
    .op = &dense_op,
    .dtype = DTYPE_BF16,
    .backend = &libxsmm_backend,
    .usable = libxsmm_has_bf16,
    .cut_changes_bits = true,
    .run = narrow_dense_run,
    .prepare = prepare,
    .release = narrow_layer_release,
    .path = narrow_layer_path,
    .about = "generated tiles of 64 outputs x 64 rows; bias and activation by loops in L1",
};
