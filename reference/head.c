/* Head of one task: a hidden layer and a logistic unit. EKTM.md, layer 8. */
#include "reference/op.h"
#include "reference/operands.h"
#include "reference/product.h"

static double hidden(const struct call *call, const struct factor *x, size_t unit, bool magnitude)
{
    double bias = real_at(&call->tensor[HEAD_UBIAS], unit, 0);
    double sum = (magnitude ? fabs(bias) : bias) + product(x, unit, magnitude);
    return sum < 0 ? 0 : sum;
}

static void reference(const struct call *call)
{
    const size_t *n = call->dims.extent;
    const struct tensor *t = call->tensor;
    for (size_t b = 0; b < n[BATCH]; b++) {
        const struct factor x = factor_of(&t[HEAD_X], b, n[WIDTH], &t[HEAD_U]);
        double logit = real_at(&t[HEAD_V], 0, 0);
        for (size_t h = 0; h < n[HIDDEN]; h++)
            logit += real_at(&t[HEAD_W], h, 0) * hidden(call, &x, h, false);
        real_put(&t[HEAD_P], b, 0, 1 / (1 + exp(-logit)));
    }
}

/* Errors of the hidden units pass through |w|; the logit adds its own; the logistic function
 * shrinks both to a quarter at most and adds a few roundings. */
static void bound(const struct call *call, double roundoff)
{
    const size_t *n = call->dims.extent;
    const struct tensor *t = call->tensor;
    double inner = product_error(&t[HEAD_U], n[WIDTH] + 1, roundoff);
    double outer = accumulation_error(n[HIDDEN] + 1, roundoff);
    for (size_t b = 0; b < n[BATCH]; b++) {
        const struct factor x = factor_of(&t[HEAD_X], b, n[WIDTH], &t[HEAD_U]);
        double error = outer * fabs(real_at(&t[HEAD_V], 0, 0));
        for (size_t h = 0; h < n[HIDDEN]; h++)
            error += fabs(real_at(&t[HEAD_W], h, 0)) *
                     (inner * hidden(call, &x, h, true) + outer * hidden(call, &x, h, false));
        real_put(&t[HEAD_P], b, 0, error / 4 + 8 * roundoff);
    }
}

static double flops(const struct call *call)
{
    const size_t *n = call->dims.extent;
    return (double)n[BATCH] * ((double)n[HIDDEN] * (2.0 * (double)n[WIDTH] + 2) + 3);
}

const struct op head_op = {
    .name = "head",
    .formula = "p = sigmoid(w ReLU(U x + u) + v)",
    .operands = 6,
    .operand =
        {
            [HEAD_X] = {"x", ROLE_IN, .axes = {BATCH, WIDTH, AXIS_NONE}},
            [HEAD_U] = {"U", ROLE_WEIGHT, .narrow = true, .axes = {HIDDEN, WIDTH, AXIS_NONE}},
            [HEAD_UBIAS] = {"u", ROLE_WEIGHT, .axes = {HIDDEN, AXIS_NONE}},
            [HEAD_W] = {"w", ROLE_WEIGHT, .axes = {HIDDEN, AXIS_NONE}},
            [HEAD_V] = {"v", ROLE_WEIGHT, .axes = {AXIS_NONE}},
            [HEAD_P] = {"p", ROLE_OUT, .axes = {BATCH, AXIS_NONE}},
        },
    .reference = reference,
    .bound = bound,
    .flops = flops,
};
