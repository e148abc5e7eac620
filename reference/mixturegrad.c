/* Backward of the softmax gate: with s_n = dy . e_n, dlogit_n = share_n (s_n - sum share s) and
 * de_n = share_n dy. All are added to what is there with options.add; de_n is 0 with activation
 * RELU where e_n is. */
#include "reference/mixture.h"

/* dy . e_n of the row, or the sum of its terms' magnitudes. */
static double product_of(const struct call *call, size_t row, size_t part, bool magnitude)
{
    double sum = 0;
    for (size_t e = 0; e < call->dims.extent[WIDTH]; e++) {
        const double term =
            real_at(&call->tensor[MIXTUREGRAD_DY], row, e) * mixture_part(call, row, part, e);
        sum += magnitude ? fabs(term) : term;
    }
    return sum;
}

/* Stores, or adds. */
static void put(const struct call *call, size_t operand, size_t row, size_t at, double value)
{
    const struct tensor *t = &call->tensor[operand];
    real_put(t, row, at, call->options.add ? real_at(t, row, at) + value : value);
}

/* The error of `value`, and of adding it to what is there. */
static void put_error(const struct call *call, size_t operand, size_t row, size_t at, double value,
                      double error, double roundoff)
{
    const struct tensor *t = &call->tensor[operand];
    const double old = call->options.add ? fabs(real_at(t, row, at)) : 0;
    real_put(t, row, at, error + 2 * roundoff * (call->options.add ? old + fabs(value) : 0));
}

static bool masked(const struct call *call, size_t row, size_t part, size_t e)
{
    return call->options.activation == ACTIVATION_RELU && !(mixture_part(call, row, part, e) > 0);
}

/* Of a part's gradient: the operand, and where in its row. */
static size_t operand_of(const struct call *call, size_t part)
{
    return part < call->dims.extent[OWN] ? MIXTUREGRAD_DOWN : MIXTUREGRAD_DSHARED;
}

static size_t place_of(const struct call *call, size_t part, size_t e)
{
    const size_t own = call->dims.extent[OWN];
    return (part < own ? part : part - own) * call->dims.extent[WIDTH] + e;
}

/* What there was is masked, too. */
static void clear(const struct call *call, size_t row, size_t part, size_t e)
{
    real_put(&call->tensor[operand_of(call, part)], row, place_of(call, part, e), 0);
}

static void reference(const struct call *call)
{
    const size_t *n = call->dims.extent;
    double share[PARTS_MAX], s[PARTS_MAX];
    for (size_t b = 0; b < n[BATCH]; b++) {
        double mean = 0;
        mixture_shares(call, b, share);
        for (size_t p = 0; p < n[VECTORS]; p++) {
            s[p] = product_of(call, b, p, false);
            mean += share[p] * s[p];
        }
        for (size_t p = 0; p < n[VECTORS]; p++) {
            put(call, MIXTUREGRAD_DLOGITS, b, p, share[p] * (s[p] - mean));
            for (size_t e = 0; e < n[WIDTH]; e++)
                if (masked(call, b, p, e))
                    clear(call, b, p, e);
                else
                    put(call, operand_of(call, p), b, place_of(call, p, e),
                        share[p] * real_at(&call->tensor[MIXTUREGRAD_DY], b, e));
        }
    }
}

static void bound(const struct call *call, double roundoff)
{
    const size_t *n = call->dims.extent;
    double share[PARTS_MAX], s[PARTS_MAX];
    for (size_t b = 0; b < n[BATCH]; b++) {
        double mean = 0;
        const double spread = mixture_shares(call, b, share);
        const double relative = mixture_share_error(call, spread, roundoff);
        const double error = 2 * relative + accumulation_error(n[WIDTH], roundoff) +
                             accumulation_error(n[VECTORS], roundoff) + 4 * roundoff;
        for (size_t p = 0; p < n[VECTORS]; p++) {
            s[p] = product_of(call, b, p, true);
            mean += share[p] * s[p];
        }
        for (size_t p = 0; p < n[VECTORS]; p++) {
            const double most = share[p] * (s[p] + mean);
            put_error(call, MIXTUREGRAD_DLOGITS, b, p, most, error * most, roundoff);
            for (size_t e = 0; e < n[WIDTH]; e++) {
                const double de = share[p] * fabs(real_at(&call->tensor[MIXTUREGRAD_DY], b, e));
                if (masked(call, b, p, e))
                    clear(call, b, p, e);
                else
                    put_error(call, operand_of(call, p), b, place_of(call, p, e), de,
                              (relative + 2 * roundoff) * de, roundoff);
            }
        }
    }
}

static double flops(const struct call *call)
{
    const size_t *n = call->dims.extent;
    return (double)(n[BATCH] * n[VECTORS]) * (3.0 * (double)n[WIDTH] + 7);
}

const struct op mixturegrad_op =
    {
        .name = "mixturegrad",
        .formula = "dlogit_n = share_n (dy.e_n - sum_m share_m dy.e_m), de_n = share_n dy",
        .training = true,
        .operands = 7,
        .operand =
            {
                [MIXTURE_LOGITS] = {"logits", ROLE_IN, .axes = {BATCH, VECTORS, AXIS_NONE}},
                [MIXTURE_OWN] = {"own", ROLE_IN, .axes = {BATCH, OWN, WIDTH}},
                [MIXTURE_SHARED] = {"shared", ROLE_IN, .axes = {BATCH, SHARED, WIDTH}},
                [MIXTUREGRAD_DY] = {"dy", ROLE_IN, .axes = {BATCH, WIDTH, AXIS_NONE}},
                [MIXTUREGRAD_DLOGITS] = {"dlogits", ROLE_OUT, .sums = true,
                                         .axes = {BATCH, VECTORS, AXIS_NONE}},
                [MIXTUREGRAD_DOWN] = {"down", ROLE_OUT, .sums = true, .axes = {BATCH, OWN, WIDTH}},
                [MIXTUREGRAD_DSHARED] = {"dshared", ROLE_OUT, .sums = true,
                                         .axes = {BATCH, SHARED, WIDTH}},
            },
        .reference = reference,
        .bound = bound,
        .flops = flops,
};
