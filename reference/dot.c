/* Peak of the narrow formats: independent sums of products. */
#include "reference/op.h"
#include "reference/operands.h"

#include <math.h>

/* The product of one step. */
static double step(const struct call *call)
{
    const struct tensor *a = &call->tensor[DOT_A];
    double b = real_at(&call->tensor[DOT_B], 0, 0);
    if (a->dtype == DTYPE_I8)
        b = rint(fmin(fmax(b, 0), 255));
    if (a->dtype == DTYPE_BF16)
        b = (double)bf16_value(bf16_of((float)b));
    return real_at(a, 0, 0) * b;
}

static void reference(const struct call *call)
{
    const struct tensor *t = call->tensor;
    for (size_t i = 0; i < call->dims.extent[WIDTH]; i++)
        real_put(&t[DOT_Y], i, 0,
                 real_at(&t[DOT_X], i, 0) + (double)call->dims.extent[STEPS] * step(call));
}

static void bound(const struct call *call, double roundoff)
{
    const struct tensor *t = call->tensor;
    const size_t steps = call->dims.extent[STEPS];
    for (size_t i = 0; i < call->dims.extent[WIDTH]; i++)
        real_put(&t[DOT_Y], i, 0,
                 accumulation_error(steps + 1, roundoff) *
                     (fabs(real_at(&t[DOT_X], i, 0)) + (double)steps * fabs(step(call))));
}

static double flops(const struct call *call)
{
    return 2.0 * (double)call->dims.extent[WIDTH] * (double)call->dims.extent[STEPS];
}

const struct op dot_op = {
    .name = "dot",
    .formula = "y = x, then STEPS times y += a b",
    .probe = true,
    .operands = 4,
    .operand =
        {
            [DOT_X] = {"x", ROLE_IN, .axes = {WIDTH, AXIS_NONE}},
            [DOT_A] = {"a", ROLE_WEIGHT, .narrow = true, .axes = {AXIS_NONE}},
            [DOT_B] = {"b", ROLE_WEIGHT, .axes = {AXIS_NONE}},
            [DOT_Y] = {"y", ROLE_OUT, .axes = {WIDTH, AXIS_NONE}},
        },
    .reference = reference,
    .bound = bound,
    .flops = flops,
};
