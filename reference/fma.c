/* Floating-point peak: independent chains of multiply-adds. */
#include "reference/op.h"
#include "reference/operands.h"

#include <math.h>

static void reference(const struct call *call)
{
    const struct tensor *t = call->tensor;
    double a = real_at(&t[FMA_A], 0, 0), b = real_at(&t[FMA_B], 0, 0);
    for (size_t i = 0; i < call->dims.extent[WIDTH]; i++) {
        double v = real_at(&t[FMA_X], i, 0);
        for (size_t s = 0; s < call->dims.extent[STEPS]; s++)
            v = v * a + b;
        real_put(&t[FMA_Y], i, 0, v);
    }
}

/* Each step multiplies the error so far by |a| and rounds twice (once where it is fused). */
static void bound(const struct call *call, double roundoff)
{
    const struct tensor *t = call->tensor;
    double a = fabs(real_at(&t[FMA_A], 0, 0)), b = fabs(real_at(&t[FMA_B], 0, 0));
    for (size_t i = 0; i < call->dims.extent[WIDTH]; i++) {
        double v = fabs(real_at(&t[FMA_X], i, 0)), error = 0;
        for (size_t s = 0; s < call->dims.extent[STEPS]; s++) {
            v = v * a + b;
            error = error * a + 2 * roundoff * v;
        }
        real_put(&t[FMA_Y], i, 0, error);
    }
}

static double flops(const struct call *call)
{
    return 2.0 * (double)call->dims.extent[WIDTH] * (double)call->dims.extent[STEPS];
}

const struct op fma_op = {
    .name = "fma",
    .formula = "y = x, then STEPS times y = y a + b",
    .probe = true,
    .operands = 4,
    .operand =
        {
            [FMA_X] = {"x", ROLE_IN, .axes = {WIDTH, AXIS_NONE}},
            [FMA_A] = {"a", ROLE_WEIGHT, .axes = {AXIS_NONE}},
            [FMA_B] = {"b", ROLE_WEIGHT, .axes = {AXIS_NONE}},
            [FMA_Y] = {"y", ROLE_OUT, .axes = {WIDTH, AXIS_NONE}},
        },
    .reference = reference,
    .bound = bound,
    .flops = flops,
};
