/* Enhanced module of one CVR task. EKTM.md, layer 7. */
#include "reference/op.h"
#include "reference/operands.h"
#include "reference/product.h"

/* A row of [f ; m]: a narrow format rounds each half by itself. */
struct halves {
    struct factor f, m;
};

static struct halves halves_of(const struct call *call, size_t row)
{
    const struct tensor *t = call->tensor;
    const size_t width = call->dims.extent[WIDTH];
    return (struct halves){factor_of(&t[ENHANCED_F], row, width, &t[ENHANCED_GF]),
                           factor_of(&t[ENHANCED_M], row, width, &t[ENHANCED_GM])};
}

static void reference(const struct call *call)
{
    const size_t *n = call->dims.extent;
    const struct tensor *t = call->tensor;
    for (size_t b = 0; b < n[BATCH]; b++) {
        const struct halves x = halves_of(call, b);
        for (size_t o = 0; o < n[WIDTH]; o++) {
            double sum =
                real_at(&t[ENHANCED_C], o, 0) + product(&x.f, o, false) + product(&x.m, o, false);
            double gate = 1 / (1 + exp(-sum));
            real_put(&t[ENHANCED_Z], b, o,
                     real_at(&t[ENHANCED_F], b, o) + gate * real_at(&t[ENHANCED_M], b, o));
        }
    }
}

/* The logistic function shrinks an error to a quarter at most and adds its own few roundings; the
 * gate's error reaches z through m, and z is rounded twice. */
static void bound(const struct call *call, double roundoff)
{
    const size_t *n = call->dims.extent;
    const struct tensor *t = call->tensor;
    double error = product_error(&t[ENHANCED_GF], 2 * n[WIDTH] + 1, roundoff);
    for (size_t b = 0; b < n[BATCH]; b++) {
        const struct halves x = halves_of(call, b);
        for (size_t o = 0; o < n[WIDTH]; o++) {
            double sum = fabs(real_at(&t[ENHANCED_C], o, 0)) + product(&x.f, o, true) +
                         product(&x.m, o, true);
            double gate = error * sum / 4 + 8 * roundoff;
            double f = fabs(real_at(&t[ENHANCED_F], b, o));
            double m = fabs(real_at(&t[ENHANCED_M], b, o));
            real_put(&t[ENHANCED_Z], b, o, gate * m + 2 * roundoff * (f + m));
        }
    }
}

/* The product, then exp, add, divide and a multiply-add for each output. */
static double flops(const struct call *call)
{
    const size_t *n = call->dims.extent;
    return (double)n[BATCH] * (double)n[WIDTH] * (4.0 * (double)n[WIDTH] + 5);
}

const struct op enhanced_op = {
    .name = "enhanced",
    .formula = "g = sigmoid(G [f ; m] + c), z = f + g m",
    .operands = 6,
    .operand =
        {
            [ENHANCED_F] = {"f", ROLE_IN, .axes = {BATCH, WIDTH, AXIS_NONE}},
            [ENHANCED_M] = {"m", ROLE_IN, .axes = {BATCH, WIDTH, AXIS_NONE}},
            [ENHANCED_GF] = {"Gf", ROLE_WEIGHT, .narrow = true, .axes = {WIDTH, WIDTH, AXIS_NONE}},
            [ENHANCED_GM] = {"Gm", ROLE_WEIGHT, .narrow = true, .axes = {WIDTH, WIDTH, AXIS_NONE}},
            [ENHANCED_C] = {"c", ROLE_WEIGHT, .axes = {WIDTH, AXIS_NONE}},
            [ENHANCED_Z] = {"z", ROLE_OUT, .axes = {BATCH, WIDTH, AXIS_NONE}},
        },
    .reference = reference,
    .bound = bound,
    .flops = flops,
};
