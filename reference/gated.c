/* Enhanced module of one CVR task, of which training keeps the gate. EKTM.md, layer 7. */
#include "reference/op.h"
#include "reference/operands.h"
#include "reference/product.h"

static double gate(const struct call *call, size_t row, size_t out, bool magnitude)
{
    const struct tensor *t = call->tensor;
    const size_t width = call->dims.extent[WIDTH];
    const struct factor f = factor_of(&t[GATED_F], row, width, &t[GATED_GF]);
    const struct factor m = factor_of(&t[GATED_M], row, width, &t[GATED_GM]);
    const double c = real_at(&t[GATED_C], out, 0);
    return (magnitude ? fabs(c) : c) + product(&f, out, magnitude) + product(&m, out, magnitude);
}

static void reference(const struct call *call)
{
    const size_t *n = call->dims.extent;
    const struct tensor *t = call->tensor;
    for (size_t b = 0; b < n[BATCH]; b++)
        for (size_t o = 0; o < n[WIDTH]; o++) {
            double g = 1 / (1 + exp(-gate(call, b, o, false)));
            real_put(&t[GATED_G], b, o, g);
            real_put(&t[GATED_Z], b, o,
                     real_at(&t[GATED_F], b, o) + g * real_at(&t[GATED_M], b, o));
        }
}

/* As of the enhanced module. */
static void bound(const struct call *call, double roundoff)
{
    const size_t *n = call->dims.extent;
    const struct tensor *t = call->tensor;
    const double error = accumulation_error(2 * n[WIDTH] + 1, roundoff);
    for (size_t b = 0; b < n[BATCH]; b++)
        for (size_t o = 0; o < n[WIDTH]; o++) {
            double g = error * gate(call, b, o, true) / 4 + 8 * roundoff;
            double f = fabs(real_at(&t[GATED_F], b, o)), m = fabs(real_at(&t[GATED_M], b, o));
            real_put(&t[GATED_G], b, o, g);
            real_put(&t[GATED_Z], b, o, g * m + 2 * roundoff * (f + m));
        }
}

/* The product, then exp, add, divide and a multiply-add for each output. */
static double flops(const struct call *call)
{
    const size_t *n = call->dims.extent;
    return (double)n[BATCH] * (double)n[WIDTH] * (4.0 * (double)n[WIDTH] + 5);
}

const struct op gated_op = {
    .name = "gated",
    .formula = "g = sigmoid(G [f ; m] + c), z = f + g m, both kept",
    .training = true,
    .operands = 7,
    .operand =
        {
            [GATED_F] = {"f", ROLE_IN, .axes = {BATCH, WIDTH, AXIS_NONE}},
            [GATED_M] = {"m", ROLE_IN, .axes = {BATCH, WIDTH, AXIS_NONE}},
            [GATED_GF] = {"Gf", ROLE_WEIGHT, .axes = {WIDTH, WIDTH, AXIS_NONE}},
            [GATED_GM] = {"Gm", ROLE_WEIGHT, .axes = {WIDTH, WIDTH, AXIS_NONE}},
            [GATED_C] = {"c", ROLE_WEIGHT, .axes = {WIDTH, AXIS_NONE}},
            [GATED_G] = {"g", ROLE_OUT, .axes = {BATCH, WIDTH, AXIS_NONE}},
            [GATED_Z] = {"z", ROLE_OUT, .axes = {BATCH, WIDTH, AXIS_NONE}},
        },
    .reference = reference,
    .bound = bound,
    .flops = flops,
};
