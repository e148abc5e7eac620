/* Enhanced module of one CVR task: g = sigmoid(G_f f + G_m m + c), z = f + g m, in i8.
 *
 * Up to 64 rows are rounded once; tiles of 64 outputs follow over f, then over m on top, by
 * tiles.h's generated code, sums of integers on the side; what they stand for and the gate while
 * the tile is in L1. Bound by the multiply-adds; for a single row by reading the weights. */
#include "kernels/libxsmm/narrow.h"
#include "kernels/variant.h"

extern const struct backend libxsmm_backend;

static void *prepare(const struct call *call) { return narrow_enhanced(call, &i8_by_libxsmm); }

const struct kernel enhanced_i8_libxsmm = {
    .name = "enhanced_i8_libxsmm",
    .op = &enhanced_op,
    .dtype = DTYPE_I8,
    .backend = &libxsmm_backend,
    .usable = libxsmm_has_i8,
    .run = narrow_enhanced_run,
    .prepare = prepare,
    .release = narrow_layer_release,
    .path = narrow_layer_path,
    .about = "generated tiles of 64 outputs x 64 rows over f, then m; gate by loops in L1",
};
