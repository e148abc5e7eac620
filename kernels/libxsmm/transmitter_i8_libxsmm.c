/* Transmitter of one CVR task: m = ReLU(A F + a), in i8.
 *
 * Up to 64 rows are rounded once; tiles of 64 outputs follow by tiles.h's generated code, sums of
 * integers on the side; what they stand for and bias and ReLU while the tile is in L1. Bound by
 * the multiply-adds; for a single row by reading the weights. */
#include "kernels/libxsmm/narrow.h"
#include "kernels/variant.h"

extern const struct backend libxsmm_backend;

static void *prepare(const struct call *call) { return narrow_transmitter(call, &i8_by_libxsmm); }

const struct kernel transmitter_i8_libxsmm = {
    .name = "transmitter_i8_libxsmm",
    .op = &transmitter_op,
    .dtype = DTYPE_I8,
    .backend = &libxsmm_backend,
    .usable = libxsmm_has_i8,
    .run = narrow_transmitter_run,
    .prepare = prepare,
    .release = narrow_layer_release,
    .path = narrow_layer_path,
    .about = "generated tiles of 64 outputs x 64 rows; bias and ReLU by loops in L1",
};
