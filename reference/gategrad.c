/* Gradient of an enhanced module's gate. EKTM.md, layer 7. */
#include "reference/gradient.h"
#include "reference/operands.h"

static void reference(const struct call *call)
{
    const size_t *n = call->dims.extent;
    const struct tensor *t = call->tensor;
    for (size_t b = 0; b < n[BATCH]; b++)
        for (size_t e = 0; e < n[WIDTH]; e++) {
            const double dz = real_at(&t[GATEGRAD_DZ], b, e), g = real_at(&t[GATEGRAD_G], b, e);
            real_put(&t[GATEGRAD_DS], b, e, dz * real_at(&t[GATEGRAD_M], b, e) * g * (1 - g));
            real_put(&t[GATEGRAD_DM], b, e, dz * g);
            real_put(&t[GATEGRAD_DF], b, e, kept_at(call, &t[GATEGRAD_DF], b, e) + dz);
        }
}

/* A few roundings of products; of a sum one. A copy is exact. */
static void bound(const struct call *call, double roundoff)
{
    const size_t *n = call->dims.extent;
    const struct tensor *t = call->tensor;
    for (size_t b = 0; b < n[BATCH]; b++)
        for (size_t e = 0; e < n[WIDTH]; e++) {
            const double dz = real_at(&t[GATEGRAD_DZ], b, e), g = real_at(&t[GATEGRAD_G], b, e);
            const double ds = dz * real_at(&t[GATEGRAD_M], b, e) * g * (1 - g);
            const double kept = fabs(kept_at(call, &t[GATEGRAD_DF], b, e));
            real_put(&t[GATEGRAD_DS], b, e, 8 * roundoff * fabs(ds));
            real_put(&t[GATEGRAD_DM], b, e, 2 * roundoff * fabs(dz * g));
            real_put(&t[GATEGRAD_DF], b, e,
                     call->options.add ? 2 * roundoff * (kept + fabs(dz)) : 0);
        }
}

static double flops(const struct call *call)
{
    return (double)call->dims.extent[BATCH] * (double)call->dims.extent[WIDTH] *
           (call->options.add ? 5 : 4);
}

const struct op gategrad_op = {
    .name = "gategrad",
    .formula = "of z = f + g m: ds = dz m g (1 - g), dm = dz g, df = dz",
    .training = true,
    .operands = 6,
    .operand =
        {
            [GATEGRAD_DZ] = {"dz", ROLE_IN, .axes = {BATCH, WIDTH, AXIS_NONE}},
            [GATEGRAD_M] = {"m", ROLE_IN, .axes = {BATCH, WIDTH, AXIS_NONE}},
            [GATEGRAD_G] = {"g", ROLE_IN, .axes = {BATCH, WIDTH, AXIS_NONE}},
            [GATEGRAD_DS] = {"ds", ROLE_OUT, .axes = {BATCH, WIDTH, AXIS_NONE}},
            [GATEGRAD_DM] = {"dm", ROLE_OUT, .axes = {BATCH, WIDTH, AXIS_NONE}},
            [GATEGRAD_DF] = {"df", ROLE_OUT, .sums = true, .axes = {BATCH, WIDTH, AXIS_NONE}},
        },
    .reference = reference,
    .bound = bound,
    .flops = flops,
};
