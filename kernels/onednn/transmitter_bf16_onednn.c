/* Transmitter of one CVR task: m = ReLU(A F + a), in bf16.
 *
 * Rows are rounded into buffers, up to 256 at a time. One matmul primitive with bias and ReLU
 * fused. Bound by the multiply-adds; for few rows by the library's own overhead. */
#include "kernels/kernel.h"
#include "kernels/onednn/chain.h"
#include "kernels/onednn/narrow.h"
#include "reference/operands.h"

extern const struct op transmitter_op;
extern const struct backend onednn_backend;

static void *prepare(const struct call *call)
{
    const struct tensor *t = call->tensor;
    const size_t width = call->dims.extent[WIDTH];
    return chain_make(&(struct chain_spec){
        .matrices = 2,
        .matrix = {{TRANSMITTER_F, width, false, DTYPE_BF16}, {TRANSMITTER_M, width, true}},
        .steps = 1,
        .step = {{0, 1, &t[TRANSMITTER_A], &t[TRANSMITTER_BIAS], FINISH_RELU}},
    });
}

const struct kernel transmitter_bf16_onednn = {
    .name = "transmitter_bf16_onednn",
    .op = &transmitter_op,
    .dtype = DTYPE_BF16,
    .backend = &onednn_backend,
    .usable = onednn_has_bf16,
    .cut_changes_bits = true,
    .run = chain_run,
    .prepare = prepare,
    .release = chain_release,
    .path = chain_path,
    .about = "rows rounded; one matmul, bias and ReLU fused; weights in the library's layout",
};
