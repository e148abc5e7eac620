/* Gradient of a dense layer by its inputs. EKTM.md, layers 2 to 8. */
#include "reference/gradient.h"
#include "reference/operands.h"

/* Sum over the outputs o of dy[row, o] W[o, in]. */
static double product(const struct call *call, size_t row, size_t in, bool magnitude)
{
    const struct tensor *t = call->tensor;
    double sum = 0;
    for (size_t o = 0; o < call->dims.extent[OUT]; o++) {
        const double term = real_at(&t[INPUTGRAD_DY], row, o) * real_at(&t[INPUTGRAD_W], o, in);
        sum += magnitude ? fabs(term) : term;
    }
    return sum;
}

static void reference(const struct call *call)
{
    const size_t *n = call->dims.extent;
    const struct tensor *dx = &call->tensor[INPUTGRAD_DX], *x = &call->tensor[INPUTGRAD_X];
    for (size_t b = 0; b < n[BATCH]; b++)
        for (size_t k = 0; k < n[IN]; k++) {
            const double sum = kept_at(call, dx, b, k) + product(call, b, k, false);
            real_put(dx, b, k, cut_off(call, x, b, k) ? 0 : sum);
        }
}

static void bound(const struct call *call, double roundoff)
{
    const size_t *n = call->dims.extent;
    const struct tensor *dx = &call->tensor[INPUTGRAD_DX], *x = &call->tensor[INPUTGRAD_X];
    const double error = accumulation_error(n[OUT] + 1, roundoff);
    for (size_t b = 0; b < n[BATCH]; b++)
        for (size_t k = 0; k < n[IN]; k++) {
            const double sum = fabs(kept_at(call, dx, b, k)) + product(call, b, k, true);
            real_put(dx, b, k, cut_off(call, x, b, k) ? 0 : error * sum);
        }
}

static double flops(const struct call *call)
{
    const size_t *n = call->dims.extent;
    return 2.0 * (double)n[BATCH] * (double)n[OUT] * (double)n[IN];
}

const struct op inputgrad_op = {
    .name = "inputgrad",
    .formula = "dx = dy W, where a ReLU made x: 0 where x is not above 0",
    .training = true,
    .operands = 4,
    .operand =
        {
            [INPUTGRAD_DY] = {"dy", ROLE_IN, .axes = {BATCH, OUT, AXIS_NONE}},
            [INPUTGRAD_W] = {"W", ROLE_WEIGHT, .axes = {OUT, IN, AXIS_NONE}},
            [INPUTGRAD_X] = {"x", ROLE_IN, .optional = true, .axes = {BATCH, IN, AXIS_NONE}},
            [INPUTGRAD_DX] = {"dx", ROLE_OUT, .sums = true, .axes = {BATCH, IN, AXIS_NONE}},
        },
    .reference = reference,
    .bound = bound,
    .flops = flops,
};
