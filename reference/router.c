/* Router: each CVR task's average of all towers, weighted by task similarity. EKTM.md, layer 5. */
#include "reference/op.h"
#include "reference/operands.h"

#include <assert.h>
#include <math.h>

/* One of the vectors that similarity compares: f_i of the row, or u_i. */
static double vector_at(const struct call *call, size_t row, size_t task, size_t at)
{
    size_t width = call->dims.extent[WIDTH];
    return call->options.similarity == SIMILARITY_TASK
               ? real_at(&call->tensor[ROUTER_U], task, at)
               : real_at(&call->tensor[ROUTER_F], row, task * width + at);
}

static double dot(const struct call *call, size_t row, size_t i, size_t j)
{
    double sum = 0;
    for (size_t e = 0; e < call->dims.extent[WIDTH]; e++)
        sum += vector_at(call, row, i, e) * vector_at(call, row, j, e);
    return sum;
}

/* share[j] = softmax_j(cos(i, j) / tau). The cosine with a zero vector is 0. No score of row i is
 * above its own, s_ii, by more than a rounding, so exp(s_ij - s_ii) stays in range. */
static void softmax_of_similarities(const struct call *call, size_t row, size_t i, double *share)
{
    size_t tasks = call->dims.extent[TASKS];
    double own = dot(call, row, i, i), total = 0;
    for (size_t j = 0; j < tasks; j++) {
        double norms = sqrt(own) * sqrt(dot(call, row, j, j));
        double cosine = norms > 0 ? dot(call, row, i, j) / norms : 0;
        share[j] = exp((cosine - (own > 0 ? 1 : 0)) / (double)call->options.tau);
        total += share[j];
    }
    for (size_t j = 0; j < tasks; j++)
        share[j] /= total;
}

static void reference(const struct call *call)
{
    const size_t *n = call->dims.extent;
    const struct tensor *t = call->tensor;
    double share[TASKS_MAX];
    assert(n[TASKS] <= TASKS_MAX);
    for (size_t b = 0; b < n[BATCH]; b++)
        for (size_t i = 0; i < n[TASKS]; i++) {
            softmax_of_similarities(call, b, i, share);
            for (size_t e = 0; e < n[WIDTH]; e++) {
                double sum = real_at(&t[ROUTER_F0], b, e);
                for (size_t j = 0; j < n[TASKS]; j++)
                    sum += share[j] * real_at(&t[ROUTER_F], b, j * n[WIDTH] + e);
                real_put(&t[ROUTER_Y], b, i * n[WIDTH] + e, sum / (double)(n[TASKS] + 1));
            }
        }
}

/* A cosine errs by its three inner products; a share by twice that over tau, by the rounding of
 * exp's argument (at most 2 / tau) and by exp, sum and division; the average adds its own. */
static void bound(const struct call *call, double roundoff)
{
    const size_t *n = call->dims.extent;
    const struct tensor *t = call->tensor;
    double tau = (double)call->options.tau;
    double cosine = 2 * accumulation_error(n[WIDTH], roundoff) + 4 * roundoff;
    double shares =
        2 * cosine / tau + (2 / tau + 16) * roundoff + accumulation_error(n[TASKS], roundoff);
    double average = accumulation_error(n[TASKS] + 1, roundoff);
    double share[TASKS_MAX];
    for (size_t b = 0; b < n[BATCH]; b++)
        for (size_t i = 0; i < n[TASKS]; i++) {
            softmax_of_similarities(call, b, i, share);
            for (size_t e = 0; e < n[WIDTH]; e++) {
                double sum = 0, f0 = fabs(real_at(&t[ROUTER_F0], b, e));
                for (size_t j = 0; j < n[TASKS]; j++)
                    sum += share[j] * fabs(real_at(&t[ROUTER_F], b, j * n[WIDTH] + e));
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
