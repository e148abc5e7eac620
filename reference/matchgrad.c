/* Backward of the scores of keys and queries: dk = ds q / sqrt(width), dq = ds k / sqrt(width). */
#include "reference/op.h"
#include "reference/operands.h"

/* Stores ds `from` / sqrt(width), or the error of it, for all of the row; adds it with options.add.
 */
static void scale(const struct call *call, size_t row, size_t from, size_t to, double roundoff)
{
    const size_t width = call->dims.extent[WIDTH];
    for (size_t e = 0; e < call->dims.extent[VECTORS] * width; e++) {
        const double value = real_at(&call->tensor[MATCHGRAD_DS], row, e / width) *
                             real_at(&call->tensor[from], row, e) / sqrt((double)width);
        const double old = call->options.add ? real_at(&call->tensor[to], row, e) : 0;
        real_put(&call->tensor[to], row, e,
                 roundoff > 0 ? roundoff * (6 * fabs(value) + 2 * fabs(old)) : old + value);
    }
}

static void both(const struct call *call, double roundoff)
{
    for (size_t b = 0; b < call->dims.extent[BATCH]; b++) {
        scale(call, b, MATCH_Q, MATCHGRAD_DK, roundoff);
        scale(call, b, MATCH_K, MATCHGRAD_DQ, roundoff);
    }
}

static void reference(const struct call *call) { both(call, 0); }

static void bound(const struct call *call, double roundoff) { both(call, roundoff); }

static double flops(const struct call *call)
{
    const size_t *n = call->dims.extent;
    return (double)(n[BATCH] * n[VECTORS]) * (2.0 * (double)n[WIDTH] + 1);
}

const struct op matchgrad_op = {
    .name = "matchgrad",
    .formula = "dk_n = ds_n q_n / sqrt(width), dq_n = ds_n k_n / sqrt(width)",
    .training = true,
    .operands = 5,
    .operand =
        {
            [MATCH_K] = {"k", ROLE_IN, .axes = {BATCH, VECTORS, WIDTH}},
            [MATCH_Q] = {"q", ROLE_IN, .axes = {BATCH, VECTORS, WIDTH}},
            [MATCHGRAD_DS] = {"ds", ROLE_IN, .axes = {BATCH, VECTORS, AXIS_NONE}},
            [MATCHGRAD_DK] = {"dk", ROLE_OUT, .sums = true, .axes = {BATCH, VECTORS, WIDTH}},
            [MATCHGRAD_DQ] = {"dq", ROLE_OUT, .sums = true, .axes = {BATCH, VECTORS, WIDTH}},
        },
    .reference = reference,
    .bound = bound,
    .flops = flops,
};
