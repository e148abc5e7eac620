/* Dense layer: y = activation(W x + b), in i8.
 *
 * Up to 64 rows are rounded once; one matmul primitive leaves sums in i32, whose scales differ
 * from row to row; what they stand for and bias and activation follow in a loop, in L2. Bound by
 * the multiply-adds; for few rows by the library's own overhead. */
#include "kernels/onednn/narrow.h"
#include "kernels/variant.h"

extern const struct backend onednn_backend;

static void *prepare(const struct call *call) { return narrow_dense(call, &i8_by_onednn); }

const struct kernel dense_i8_onednn = {
    .name = "dense_i8_onednn",
    .op = &dense_op,
    .dtype = DTYPE_I8,
    .backend = &onednn_backend,
    .usable = onednn_has_i8,
    .run = narrow_dense_run,
    .prepare = prepare,
    .release = narrow_layer_release,
    .path = narrow_layer_path,
    .about =
        "one matmul into i32; bias and activation by a loop in L2; weights in the library's layout",
};
