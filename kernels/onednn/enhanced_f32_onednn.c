/* Enhanced module of one CVR task: g = sigmoid(G_f f + G_m m + c), z = f + g m.
 *
 * Two matmul primitives: the first leaves G_f f + c in z, the second adds G_m m to it, and sigmoid,
 * product and sum follow as its post-operations. Bound by the multiply-adds; for few rows by the
 * library's own overhead. */
#include "kernels/kernel.h"
#include "kernels/onednn/chain.h"
#include "reference/operands.h"

extern const struct op enhanced_op;
extern const struct backend onednn_backend;

static void *prepare(const struct call *call)
{
    const struct tensor *t = call->tensor;
    const size_t width = call->dims.extent[WIDTH];
    return chain_make(&(struct chain_spec){
        .matrices = 3,
        .matrix = {{ENHANCED_F, width, false},
                   {ENHANCED_M, width, false},
                   {ENHANCED_Z, width, true}},
        .steps = 2,
        .step = {{0, 2, &t[ENHANCED_GF], &t[ENHANCED_C], FINISH_NONE},
                 {1, 2, &t[ENHANCED_GM], NULL, FINISH_GATE}},
    });
}

const struct kernel enhanced_f32_onednn = {
    .name = "enhanced_f32_onednn",
    .op = &enhanced_op,
    .dtype = DTYPE_F32,
    .backend = &onednn_backend,
    .cut_changes_bits = true,
    .run = chain_run,
    .prepare = prepare,
    .release = chain_release,
    .path = chain_path,
    .about = "two matmuls, the gate fused into the second; weights in the library's layout",
};
