/* Head of one task: p = sigmoid(w ReLU(U x + u) + v), in bf16.
 *
 * Rows are rounded into buffers, up to 256 at a time. Two matmul primitives, bias, ReLU and sigmoid
 * fused; the hidden units of up to 256 rows pass from one to the other through L2. Bound by the
 * multiply-adds; for few rows by the library's own overhead. */
#include "kernels/kernel.h"
#include "kernels/onednn/chain.h"
#include "kernels/onednn/narrow.h"
#include "reference/operands.h"

extern const struct op head_op;
extern const struct backend onednn_backend;

static void *prepare(const struct call *call)
{
    const struct tensor *t = call->tensor;
    const size_t width = call->dims.extent[WIDTH], units = call->dims.extent[HIDDEN];
    struct tensor w = t[HEAD_W]; /* [1, HIDDEN] */
    w.ld = units;
    return chain_make(&(struct chain_spec){
        .matrices = 3,
        .matrix = {{HEAD_X, width, false, DTYPE_BF16}, {INSIDE, units, true}, {HEAD_P, 1, true}},
        .steps = 2,
        .step = {{0, 1, &t[HEAD_U], &t[HEAD_UBIAS], FINISH_RELU},
                 {1, 2, &w, &t[HEAD_V], FINISH_LOGISTIC}},
    });
}

const struct kernel head_bf16_onednn = {
    .name = "head_bf16_onednn",
    .op = &head_op,
    .dtype = DTYPE_BF16,
    .backend = &onednn_backend,
    .usable = onednn_has_bf16,
    .cut_changes_bits = true,
    .run = chain_run,
    .prepare = prepare,
    .release = chain_release,
    .path = chain_path,
    .about =
        "rows rounded; two matmuls, bias, ReLU and sigmoid fused; weights in the library's layout",
};
