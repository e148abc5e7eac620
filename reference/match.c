/* How well keys and queries match, pair by pair: the scores of AITM's attention. */
#include "reference/op.h"
#include "reference/operands.h"

static double product_of(const struct call *call, size_t row, size_t part, bool magnitude)
{
    const size_t width = call->dims.extent[WIDTH];
    double sum = 0;
    for (size_t e = part * width; e < (part + 1) * width; e++) {
        const double term =
            real_at(&call->tensor[MATCH_K], row, e) * real_at(&call->tensor[MATCH_Q], row, e);
        sum += magnitude ? fabs(term) : term;
    }
    return sum / sqrt((double)width);
}

static void reference(const struct call *call)
{
    for (size_t b = 0; b < call->dims.extent[BATCH]; b++)
        for (size_t p = 0; p < call->dims.extent[VECTORS]; p++)
            real_put(&call->tensor[MATCH_S], b, p, product_of(call, b, p, false));
}

static void bound(const struct call *call, double roundoff)
{
    const double error = accumulation_error(call->dims.extent[WIDTH], roundoff) + 2 * roundoff;
    for (size_t b = 0; b < call->dims.extent[BATCH]; b++)
        for (size_t p = 0; p < call->dims.extent[VECTORS]; p++)
            real_put(&call->tensor[MATCH_S], b, p, error * product_of(call, b, p, true));
}

static double flops(const struct call *call)
{
    const size_t *n = call->dims.extent;
    return (double)(n[BATCH] * n[VECTORS]) * (2.0 * (double)n[WIDTH] + 1);
}

const struct op match_op = {
    .name = "match",
    .formula = "s_n = k_n . q_n / sqrt(width)",
    .training = true,
    .operands = 3,
    .operand =
        {
            [MATCH_K] = {"k", ROLE_IN, .axes = {BATCH, VECTORS, WIDTH}},
            [MATCH_Q] = {"q", ROLE_IN, .axes = {BATCH, VECTORS, WIDTH}},
            [MATCH_S] = {"s", ROLE_OUT, .axes = {BATCH, VECTORS, AXIS_NONE}},
        },
    .reference = reference,
    .bound = bound,
    .flops = flops,
};
