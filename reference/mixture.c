/* Softmax gate over a few vectors: the experts of MMoE and PLE, the attention of AITM. */
#include "reference/mixture.h"

#include <assert.h>

static void reference(const struct call *call)
{
    const size_t *n = call->dims.extent;
    double share[PARTS_MAX];
    assert(n[VECTORS] == n[OWN] + n[SHARED] && n[VECTORS] <= PARTS_MAX);
    for (size_t b = 0; b < n[BATCH]; b++) {
        mixture_shares(call, b, share);
        for (size_t e = 0; e < n[WIDTH]; e++) {
            double sum = 0;
            for (size_t p = 0; p < n[VECTORS]; p++)
                sum += share[p] * mixture_part(call, b, p, e);
            real_put(&call->tensor[MIXTURE_Y], b, e, sum);
        }
    }
}

static void bound(const struct call *call, double roundoff)
{
    const size_t *n = call->dims.extent;
    double share[PARTS_MAX];
    for (size_t b = 0; b < n[BATCH]; b++) {
        const double spread = mixture_shares(call, b, share);
        const double error =
            mixture_share_error(call, spread, roundoff) + accumulation_error(n[VECTORS], roundoff);
        for (size_t e = 0; e < n[WIDTH]; e++) {
            double sum = 0;
            for (size_t p = 0; p < n[VECTORS]; p++)
                sum += share[p] * fabs(mixture_part(call, b, p, e));
            real_put(&call->tensor[MIXTURE_Y], b, e, error * sum);
        }
    }
}

static double flops(const struct call *call)
{
    const size_t *n = call->dims.extent;
    return (double)(n[BATCH] * n[VECTORS]) * (2.0 * (double)n[WIDTH] + 4);
}

const struct op mixture_op = {
    .name = "mixture",
    .formula = "y = sum_n softmax(logits)_n e_n",
    .training = true,
    .operands = 4,
    .operand =
        {
            [MIXTURE_LOGITS] = {"logits", ROLE_IN, .axes = {BATCH, VECTORS, AXIS_NONE}},
            [MIXTURE_OWN] = {"own", ROLE_IN, .axes = {BATCH, OWN, WIDTH}},
            [MIXTURE_SHARED] = {"shared", ROLE_IN, .axes = {BATCH, SHARED, WIDTH}},
            [MIXTURE_Y] = {"y", ROLE_OUT, .axes = {BATCH, WIDTH, AXIS_NONE}},
        },
    .reference = reference,
    .bound = bound,
    .flops = flops,
};
