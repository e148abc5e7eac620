/* Sequential memory: read (OUT = 1), write (IN = 1) or copy (IN = OUT). */
#include "reference/op.h"
#include "reference/operands.h"

#include <math.h>

static void reference(const struct call *call)
{
    const size_t *n = call->dims.extent;
    const struct tensor *x = &call->tensor[STREAM_X], *y = &call->tensor[STREAM_Y];
    if (n[OUT] == 1) {
        double sum = 0;
        for (size_t i = 0; i < n[IN]; i++)
            sum += real_at(x, i, 0);
        real_put(y, 0, 0, sum);
        return;
    }
    for (size_t i = 0; i < n[OUT]; i++)
        real_put(y, i, 0, real_at(x, n[IN] == 1 ? 0 : i, 0));
}

/* Copies and fills are exact. */
static void bound(const struct call *call, double roundoff)
{
    const size_t *n = call->dims.extent;
    double sum = 0;
    for (size_t i = 0; n[OUT] == 1 && n[IN] > 1 && i < n[IN]; i++)
        sum += fabs(real_at(&call->tensor[STREAM_X], i, 0));
    for (size_t i = 0; i < n[OUT]; i++)
        real_put(&call->tensor[STREAM_Y], i, 0, accumulation_error(n[IN], roundoff) * sum);
}

static double flops(const struct call *call)
{
    return call->dims.extent[OUT] == 1 ? (double)call->dims.extent[IN] : 0;
}

const struct op stream_op = {
    .name = "stream",
    .formula = "OUT=1: y = sum of x; IN=1: y[i] = x[0]; IN=OUT: y = x",
    .probe = true,
    .operands = 2,
    .operand =
        {
            [STREAM_X] = {"x", ROLE_IN, .axes = {IN, AXIS_NONE}},
            [STREAM_Y] = {"y", ROLE_OUT, .axes = {OUT, AXIS_NONE}},
        },
    .reference = reference,
    .bound = bound,
    .flops = flops,
};
