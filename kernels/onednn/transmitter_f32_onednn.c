/* Transmitter of one CVR task: m = ReLU(A F + a).
 *
 * One matmul primitive with bias and ReLU fused. Bound by the multiply-adds; for few rows by the
 * library's own overhead. */
#include "kernels/kernel.h"
#include "kernels/onednn/chain.h"
#include "reference/operands.h"

extern const struct op transmitter_op;
extern const struct backend onednn_backend;

static void *prepare(const struct call *call)
{
    const struct tensor *t = call->tensor;
    const size_t width = call->dims.extent[WIDTH];
    return chain_make(&(struct chain_spec){
        .matrices = 2,
        .matrix = {{TRANSMITTER_F, width, false}, {TRANSMITTER_M, width, true}},
        .steps = 1,
        .step = {{0, 1, &t[TRANSMITTER_A], &t[TRANSMITTER_BIAS], FINISH_RELU}},
    });
}

const struct kernel transmitter_f32_onednn = {
    .name = "transmitter_f32_onednn",
    .op = &transmitter_op,
    .dtype = DTYPE_F32,
    .backend = &onednn_backend,
    .cut_changes_bits = true,
    .run = chain_run,
    .prepare = prepare,
    .release = chain_release,
    .path = chain_path,
    .about = "one matmul, bias and ReLU fused; weights in the library's layout",
};
