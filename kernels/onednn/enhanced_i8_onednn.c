/* Enhanced module of one CVR task: g = sigmoid(G_f f + G_m m + c), z = f + g m, in i8.
 *
 * Up to 64 rows are rounded once; one matmul primitive for f and one for m leaves sums in i32,
 * whose scales differ from row to row; what they stand for and the gate follow in a loop, in L2.
 * Bound by the multiply-adds; for few rows by the library's own overhead. */
#include "kernels/onednn/narrow.h"
#include "kernels/variant.h"

extern const struct backend onednn_backend;

static void *prepare(const struct call *call) { return narrow_enhanced(call, &i8_by_onednn); }

const struct kernel enhanced_i8_onednn = {
    .name = "enhanced_i8_onednn",
    .op = &enhanced_op,
    .dtype = DTYPE_I8,
    .backend = &onednn_backend,
    .usable = onednn_has_i8,
    .run = narrow_enhanced_run,
    .prepare = prepare,
    .release = narrow_layer_release,
    .path = narrow_layer_path,
    .about = "two matmuls into i32; gate by a loop in L2; weights in the library's layout",
};
