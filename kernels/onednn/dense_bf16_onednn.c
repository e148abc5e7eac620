/* Dense layer: y = activation(W x + b), in bf16.
 *
 * Rows are rounded into buffers, up to 256 at a time. One matmul primitive with bias and ReLU
 * fused. Bound by the multiply-adds; for few rows by the library's own overhead, or by reading the
 * weights. */
#include "kernels/kernel.h"
#include "kernels/onednn/chain.h"
#include "kernels/onednn/narrow.h"
#include "reference/operands.h"

extern const struct op dense_op;
extern const struct backend onednn_backend;

static void *prepare(const struct call *call)
{
    const struct tensor *t = call->tensor;
    const bool relu = call->options.activation == ACTIVATION_RELU;
    return chain_make(&(struct chain_spec){
        .matrices = 2,
        .matrix = {{DENSE_X, call->dims.extent[IN], false, DTYPE_BF16},
                   {DENSE_Y, call->dims.extent[OUT], true}},
        .steps = 1,
        .step = {{0, 1, &t[DENSE_W], &t[DENSE_B], relu ? FINISH_RELU : FINISH_NONE}},
    });
}

const struct kernel dense_bf16_onednn = {
    .name = "dense_bf16_onednn",
    .op = &dense_op,
    .dtype = DTYPE_BF16,
    .backend = &onednn_backend,
    .usable = onednn_has_bf16,
    .cut_changes_bits = true,
    .run = chain_run,
    .prepare = prepare,
    .release = chain_release,
    .path = chain_path,
    .about = "rows rounded; one matmul, bias and activation fused; weights in the library's layout",
};
