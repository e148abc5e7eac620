/* Enhanced module of one CVR task: g = sigmoid(G_f f + G_m m + c), z = f + g m, in bf16.
 *
 * Rows are rounded into buffers, up to 256 at a time. Two matmul primitives: the first leaves G_f f
 * + c in z, the second adds G_m m to it, and sigmoid, product and sum follow as its
 * post-operations. Bound by the multiply-adds; for few rows by the library's own overhead. */
#include "kernels/kernel.h"
#include "kernels/onednn/chain.h"
#include "kernels/onednn/narrow.h"
#include "reference/operands.h"

extern const struct op enhanced_op;
extern const struct backend onednn_backend;

static void *prepare(const struct call *call)
{
    const struct tensor *t = call->tensor;
    const size_t width = call->dims.extent[WIDTH];
    return chain_make(&(struct chain_spec){
        .matrices = 5,
        .matrix = {{ENHANCED_F, width, false},
                   {ENHANCED_M, width, false},
                   {ENHANCED_Z, width, true},
                   {ENHANCED_F, width, false, DTYPE_BF16},
                   {ENHANCED_M, width, false, DTYPE_BF16}},
        .steps = 2,
        .step = {{3, 2, &t[ENHANCED_GF], &t[ENHANCED_C], FINISH_NONE},
                 {4, 2, &t[ENHANCED_GM], NULL, FINISH_GATE}},
    });
}

const struct kernel enhanced_bf16_onednn = {
    .name = "enhanced_bf16_onednn",
    .op = &enhanced_op,
    .dtype = DTYPE_BF16,
    .backend = &onednn_backend,
    .usable = onednn_has_bf16,
    .cut_changes_bits = true,
    .run = chain_run,
    .prepare = prepare,
    .release = chain_release,
    .path = chain_path,
    .about = "rows rounded; two matmuls, the gate fused into the second; weights in the library's "
             "layout",
};
