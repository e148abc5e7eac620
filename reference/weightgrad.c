/* Gradient of a dense layer by its weights and biases. EKTM.md, layers 2 to 8. */
#include "reference/gradient.h"
#include "reference/operands.h"

/* Sum over the batch of dy[b, out] x[b, in]. */
static double product(const struct call *call, size_t out, size_t in, bool magnitude)
{
    const struct tensor *t = call->tensor;
    double sum = 0;
    for (size_t b = 0; b < call->dims.extent[BATCH]; b++) {
        const double term = real_at(&t[WEIGHTGRAD_DY], b, out) * real_at(&t[WEIGHTGRAD_X], b, in);
        sum += magnitude ? fabs(term) : term;
    }
    return sum;
}

/* Sum over the batch of dy[b, out]. */
static double total(const struct call *call, size_t out, bool magnitude)
{
    double sum = 0;
    for (size_t b = 0; b < call->dims.extent[BATCH]; b++) {
        const double term = real_at(&call->tensor[WEIGHTGRAD_DY], b, out);
        sum += magnitude ? fabs(term) : term;
    }
    return sum;
}

static void reference(const struct call *call)
{
    const size_t *n = call->dims.extent;
    const struct tensor *dw = &call->tensor[WEIGHTGRAD_DW], *db = &call->tensor[WEIGHTGRAD_DB];
    for (size_t o = 0; o < n[OUT]; o++) {
        for (size_t k = 0; k < n[IN]; k++)
            real_put(dw, o, k, kept_at(call, dw, o, k) + product(call, o, k, false));
        if (db->data)
            real_put(db, o, 0, kept_at(call, db, o, 0) + total(call, o, false));
    }
}

static void bound(const struct call *call, double roundoff)
{
    const size_t *n = call->dims.extent;
    const struct tensor *dw = &call->tensor[WEIGHTGRAD_DW], *db = &call->tensor[WEIGHTGRAD_DB];
    const double error = accumulation_error(n[BATCH] + 1, roundoff);
    for (size_t o = 0; o < n[OUT]; o++) {
        for (size_t k = 0; k < n[IN]; k++)
            real_put(dw, o, k, error * (fabs(kept_at(call, dw, o, k)) + product(call, o, k, true)));
        if (db->data)
            real_put(db, o, 0, error * (fabs(kept_at(call, db, o, 0)) + total(call, o, true)));
    }
}

static double flops(const struct call *call)
{
    const size_t *n = call->dims.extent;
    const double biases = call->tensor[WEIGHTGRAD_DB].data ? (double)n[OUT] : 0;
    return (double)n[BATCH] * (2.0 * (double)n[OUT] * (double)n[IN] + biases);
}

const struct op weightgrad_op = {
    .name = "weightgrad",
    .formula = "dW = dy^T x, db = sum of dy over the batch",
    .training = true,
    .split = OUT,
    .operands = 4,
    .operand =
        {
            [WEIGHTGRAD_X] = {"x", ROLE_IN, .axes = {BATCH, IN, AXIS_NONE}},
            [WEIGHTGRAD_DY] = {"dy", ROLE_IN, .axes = {BATCH, OUT, AXIS_NONE}},
            [WEIGHTGRAD_DW] = {"dW", ROLE_OUT, .sums = true, .axes = {OUT, IN, AXIS_NONE}},
            [WEIGHTGRAD_DB] = {"db", ROLE_OUT, .optional = true, .sums = true,
                               .axes = {OUT, AXIS_NONE}},
        },
    .reference = reference,
    .bound = bound,
    .flops = flops,
};
