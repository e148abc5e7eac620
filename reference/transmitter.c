/* Transmitter of one CVR task. EKTM.md, layer 6. */
#include "reference/op.h"
#include "reference/operands.h"
#include "reference/product.h"

static void reference(const struct call *call)
{
    const size_t *n = call->dims.extent;
    const struct tensor *t = call->tensor;
    for (size_t b = 0; b < n[BATCH]; b++) {
        const struct factor f = factor_of(&t[TRANSMITTER_F], b, n[WIDTH], &t[TRANSMITTER_A]);
        for (size_t o = 0; o < n[WIDTH]; o++) {
            double sum = real_at(&t[TRANSMITTER_BIAS], o, 0) + product(&f, o, false);
            real_put(&t[TRANSMITTER_M], b, o, sum < 0 ? 0 : sum);
        }
    }
}

static void bound(const struct call *call, double roundoff)
{
    const size_t *n = call->dims.extent;
    const struct tensor *t = call->tensor;
    double error = product_error(&t[TRANSMITTER_A], n[WIDTH] + 1, roundoff);
    for (size_t b = 0; b < n[BATCH]; b++) {
        const struct factor f = factor_of(&t[TRANSMITTER_F], b, n[WIDTH], &t[TRANSMITTER_A]);
        for (size_t o = 0; o < n[WIDTH]; o++) {
            double sum = fabs(real_at(&t[TRANSMITTER_BIAS], o, 0)) + product(&f, o, true);
            real_put(&t[TRANSMITTER_M], b, o, error * sum);
        }
    }
}

static double flops(const struct call *call)
{
    const size_t *n = call->dims.extent;
    return 2.0 * (double)n[BATCH] * (double)n[WIDTH] * (double)n[WIDTH];
}

const struct op transmitter_op = {
    .name = "transmitter",
    .formula = "m = ReLU(A F + a)",
    .operands = 4,
    .operand =
        {
            [TRANSMITTER_F] = {"F", ROLE_IN, .axes = {BATCH, WIDTH, AXIS_NONE}},
            [TRANSMITTER_A] = {"A", ROLE_WEIGHT, .narrow = true, .axes = {WIDTH, WIDTH, AXIS_NONE}},
            [TRANSMITTER_BIAS] = {"a", ROLE_WEIGHT, .axes = {WIDTH, AXIS_NONE}},
            [TRANSMITTER_M] = {"m", ROLE_OUT, .axes = {BATCH, WIDTH, AXIS_NONE}},
        },
    .reference = reference,
    .bound = bound,
    .flops = flops,
};
