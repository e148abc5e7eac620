/* One step of Adam (Kingma and Ba, arXiv 1412.6980), with L2. */
#include "reference/op.h"
#include "reference/operands.h"

#include <math.h>

/* A weight's numbers before the step, and after it where they are `m`, `v` and `change`. */
struct moments {
    double w, h, m, v;
    double root;   /* sqrt(v / (1 - beta2^step)) + epsilon */
    double change; /* of w */
};

/* Learning rate over 1 - beta1^step. */
static double rate_of(const struct options *o)
{
    return (double)o->rate / (1 - pow((double)o->beta1, (double)o->step));
}

static double correction_of(const struct options *o)
{
    return 1 / (1 - pow((double)o->beta2, (double)o->step));
}

static struct moments step_of(const struct call *call, size_t at)
{
    const struct options *o = &call->options;
    const struct tensor *t = call->tensor;
    const double beta1 = (double)o->beta1, beta2 = (double)o->beta2;
    struct moments s = {.w = real_at(&t[ADAM_W], at, 0)};
    s.h = real_at(&t[ADAM_G], at, 0) + (double)o->decay * s.w;
    s.m = beta1 * real_at(&t[ADAM_M], at, 0) + (1 - beta1) * s.h;
    s.v = beta2 * real_at(&t[ADAM_V], at, 0) + (1 - beta2) * s.h * s.h;
    s.root = sqrt(s.v * correction_of(o)) + (double)o->epsilon;
    s.change = -rate_of(o) * s.m / s.root;
    return s;
}

static void reference(const struct call *call)
{
    for (size_t i = 0; i < call->dims.extent[IN]; i++) {
        const struct moments s = step_of(call, i);
        real_put(&call->tensor[ADAM_W], i, 0, s.w + s.change);
        real_put(&call->tensor[ADAM_M], i, 0, s.m);
        real_put(&call->tensor[ADAM_V], i, 0, s.v);
    }
}

/* Errors of h, m and v to first order, twice; that of the root through its derivative, or, where v
 * is nearly nothing, at most the root of v's. 1 - beta, 1 - beta^step and the rate are rounded,
 * too. */
static void bound(const struct call *call, double roundoff)
{
    const struct options *o = &call->options;
    const struct tensor *t = call->tensor;
    const double beta1 = (double)o->beta1, beta2 = (double)o->beta2, few = 4 * roundoff;
    for (size_t i = 0; i < call->dims.extent[IN]; i++) {
        const struct moments s = step_of(call, i);
        const double g = fabs(real_at(&t[ADAM_G], i, 0)), m0 = fabs(real_at(&t[ADAM_M], i, 0));
        const double h = few * (g + (double)o->decay * fabs(s.w));
        const double m = few * (beta1 * m0 + (1 - beta1) * fabs(s.h)) + 2 * (1 - beta1) * h;
        const double v = few * s.v + 2 * (1 - beta2) * (2 * fabs(s.h) + h) * h;
        const double variance = s.v * correction_of(o), error = v * correction_of(o);
        const double root = fmin(error / sqrt(variance), sqrt(error)) + few * s.root;
        real_put(&t[ADAM_W], i, 0,
                 roundoff * (fabs(s.w) + fabs(s.change)) +
                     fabs(s.change) * (2 * root / s.root + 2 * few) + 2 * rate_of(o) * m / s.root);
        real_put(&t[ADAM_M], i, 0, m);
        real_put(&t[ADAM_V], i, 0, v);
    }
}

static double flops(const struct call *call) { return (double)call->dims.extent[IN] * 15; }

/* The gradient read; the states read and written. */
static double bytes(const struct call *call)
{
    return (double)call->dims.extent[IN] *
           (double)(dtype_bytes(call->tensor[ADAM_G].dtype) +
                    2 * 3 * dtype_bytes(call->tensor[ADAM_W].dtype));
}

const struct op adam_op = {
    .name = "adam",
    .formula = "h = g + decay w, m and v its means, w -= rate m' / (sqrt(v') + epsilon)",
    .training = true,
    .split = IN,
    .operands = 4,
    .operand =
        {
            [ADAM_G] = {"g", ROLE_IN, .axes = {IN, AXIS_NONE}},
            [ADAM_W] = {"w", ROLE_STATE, .axes = {IN, AXIS_NONE}},
            [ADAM_M] = {"m", ROLE_STATE, .axes = {IN, AXIS_NONE}},
            [ADAM_V] = {"v", ROLE_STATE, .axes = {IN, AXIS_NONE}},
        },
    .reference = reference,
    .bound = bound,
    .flops = flops,
    .bytes = bytes,
};
