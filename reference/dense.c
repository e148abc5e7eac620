/* Dense layer. EKTM.md, layers 2 to 4. */
#include "reference/op.h"
#include "reference/operands.h"
#include "reference/product.h"

static void reference(const struct call *call)
{
    const size_t *n = call->dims.extent;
    const struct tensor *t = call->tensor;
    const bool relu = call->options.activation == ACTIVATION_RELU;
    for (size_t b = 0; b < n[BATCH]; b++) {
        const struct factor x = factor_of(&t[DENSE_X], b, n[IN], &t[DENSE_W]);
        for (size_t o = 0; o < n[OUT]; o++) {
            double sum = real_at(&t[DENSE_B], o, 0) + product(&x, o, false);
            real_put(&t[DENSE_Y], b, o, relu && sum < 0 ? 0 : sum);
        }
    }
}

/* ReLU never widens an error. */
static void bound(const struct call *call, double roundoff)
{
    const size_t *n = call->dims.extent;
    const struct tensor *t = call->tensor;
    double error = product_error(&t[DENSE_W], n[IN] + 1, roundoff);
    for (size_t b = 0; b < n[BATCH]; b++) {
        const struct factor x = factor_of(&t[DENSE_X], b, n[IN], &t[DENSE_W]);
        for (size_t o = 0; o < n[OUT]; o++) {
            double sum = fabs(real_at(&t[DENSE_B], o, 0)) + product(&x, o, true);
            real_put(&t[DENSE_Y], b, o, error * sum);
        }
    }
}

static double flops(const struct call *call)
{
    const size_t *n = call->dims.extent;
    return 2.0 * (double)n[BATCH] * (double)n[OUT] * (double)n[IN];
}

const struct op dense_op = {
    .name = "dense",
    .formula = "y = activation(W x + b)",
    .operands = 4,
    .operand =
        {
            [DENSE_X] = {"x", ROLE_IN, .axes = {BATCH, IN, AXIS_NONE}},
            [DENSE_W] = {"W", ROLE_WEIGHT, .narrow = true, .axes = {OUT, IN, AXIS_NONE}},
            [DENSE_B] = {"b", ROLE_WEIGHT, .axes = {OUT, AXIS_NONE}},
            [DENSE_Y] = {"y", ROLE_OUT, .axes = {BATCH, OUT, AXIS_NONE}},
        },
    .reference = reference,
    .bound = bound,
    .flops = flops,
};
