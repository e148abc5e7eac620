/* Router: each CVR task's average of all towers, weighted by task similarity. EKTM.md, layer 5. */
#include "reference/similarity.h"

#include <math.h>

static struct vectors vectors_of(const struct call *call, size_t row)
{
    const bool task = call->options.similarity == SIMILARITY_TASK;
    return (struct vectors){&call->tensor[task ? ROUTER_U : ROUTER_F], call->options.similarity,
                            row, call->dims.extent[TASKS], call->dims.extent[WIDTH]};
}

static void reference(const struct call *call)
{
    const size_t *n = call->dims.extent;
    const struct tensor *t = call->tensor;
    struct likeness s;
    for (size_t b = 0; b < n[BATCH]; b++) {
        const struct vectors v = vectors_of(call, b);
        likeness_of(&s, &v, (double)call->options.tau);
        for (size_t i = 0; i < n[TASKS]; i++)
            for (size_t e = 0; e < n[WIDTH]; e++) {
                double sum = real_at(&t[ROUTER_F0], b, e);
                for (size_t j = 0; j < n[TASKS]; j++)
                    sum += s.share[i][j] * real_at(&t[ROUTER_F], b, j * n[WIDTH] + e);
                real_put(&t[ROUTER_Y], b, i * n[WIDTH] + e, sum / (double)(n[TASKS] + 1));
            }
    }
}

/* The errors of the shares, and the average's own. */
static void bound(const struct call *call, double roundoff)
{
    const size_t *n = call->dims.extent;
    const struct tensor *t = call->tensor;
    const double tau = (double)call->options.tau;
    const double average = accumulation_error(n[TASKS] + 1, roundoff);
    struct likeness s;
    for (size_t b = 0; b < n[BATCH]; b++) {
        const struct vectors v = vectors_of(call, b);
        const double shares = share_error(&v, tau, roundoff);
        likeness_of(&s, &v, tau);
        for (size_t i = 0; i < n[TASKS]; i++)
            for (size_t e = 0; e < n[WIDTH]; e++) {
                double sum = 0, f0 = fabs(real_at(&t[ROUTER_F0], b, e));
                for (size_t j = 0; j < n[TASKS]; j++)
                    sum += s.share[i][j] * fabs(real_at(&t[ROUTER_F], b, j * n[WIDTH] + e));
                real_put(&t[ROUTER_Y], b, i * n[WIDTH] + e,
                         (shares * sum + average * (f0 + sum)) / (double)(n[TASKS] + 1));
            }
    }
}

/* Mode sample: the Gram matrix (symmetric: half of it), its softmax, the weighted sums. Mode task:
 * the weights are the same for all rows and are counted nowhere. */
static double flops(const struct call *call)
{
    double tasks = (double)call->dims.extent[TASKS], width = (double)call->dims.extent[WIDTH];
    double average = tasks * width * (2 * tasks + 2);
    double similarity = tasks * (tasks + 1) * width + tasks * tasks * 6;
    bool sample = call->options.similarity == SIMILARITY_SAMPLE;
    return (double)call->dims.extent[BATCH] * (average + (sample ? similarity : 0));
}

const struct op router_op = {
    .name = "router",
    .formula = "F_i = (f_0 + sum_j softmax_j(cos_ij / tau) f_j) / (T+1)",
    .operands = 4,
    .operand =
        {
            [ROUTER_F0] = {"f0", ROLE_IN, .axes = {BATCH, WIDTH, AXIS_NONE}},
            [ROUTER_F] = {"f", ROLE_IN, .axes = {BATCH, TASKS, WIDTH}},
            [ROUTER_U] = {"u", ROLE_WEIGHT, .optional = true, .axes = {TASKS, WIDTH, AXIS_NONE}},
            [ROUTER_Y] = {"F", ROLE_OUT, .axes = {BATCH, TASKS, WIDTH}},
        },
    .reference = reference,
    .bound = bound,
    .flops = flops,
};
