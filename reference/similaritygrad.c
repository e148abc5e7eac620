/* Gradient of the router by the task vectors. EKTM.md, layer 5, mode task. */
#include "reference/gradient.h"
#include "reference/similarity.h"

static struct vectors vectors_of(const struct call *call)
{
    return (struct vectors){&call->tensor[SIMILARITYGRAD_U], SIMILARITY_TASK, 0,
                            call->dims.extent[TASKS], call->dims.extent[WIDTH]};
}

/* The shares' derivatives, summed over the batch; with `magnitude` of absolute values. */
static void add_up(task_pairs by_share, const struct call *call, bool magnitude)
{
    const size_t *n = call->dims.extent;
    for (size_t i = 0; i < n[TASKS]; i++)
        for (size_t j = 0; j < n[TASKS]; j++) {
            by_share[i][j] = 0;
            for (size_t b = 0; b < n[BATCH]; b++) {
                const double ds = real_at(&call->tensor[SIMILARITYGRAD_DS], b, i * n[TASKS] + j);
                by_share[i][j] += magnitude ? fabs(ds) : ds;
            }
        }
}

static void reference(const struct call *call)
{
    const size_t *n = call->dims.extent;
    const struct tensor *du = &call->tensor[SIMILARITYGRAD_DU];
    const struct vectors v = vectors_of(call);
    struct likeness s;
    task_pairs by_share, by_cosine;
    add_up(by_share, call, false);
    likeness_of(&s, &v, (double)call->options.tau);
    cosine_gradient(by_cosine, &s, by_share, n[TASKS], (double)call->options.tau, false);
    for (size_t i = 0; i < n[TASKS]; i++)
        for (size_t e = 0; e < n[WIDTH]; e++)
            real_put(du, i, e,
                     kept_at(call, du, i, e) +
                         vector_gradient(&v, &s, by_cosine, i, e, false, false));
}

/* Sums over the batch, shares (twice at most), cosines, and the sum over tasks. */
static void bound(const struct call *call, double roundoff)
{
    const size_t *n = call->dims.extent;
    const struct tensor *du = &call->tensor[SIMILARITYGRAD_DU];
    const struct vectors v = vectors_of(call);
    const double tau = (double)call->options.tau, sums = accumulation_error(n[TASKS] + 2, roundoff);
    const double error = accumulation_error(n[BATCH], roundoff) +
                         3 * share_error(&v, tau, roundoff) +
                         4 * accumulation_error(n[WIDTH], roundoff) + 3 * sums;
    struct likeness s;
    task_pairs by_share, by_cosine;
    add_up(by_share, call, true);
    likeness_of(&s, &v, tau);
    cosine_gradient(by_cosine, &s, by_share, n[TASKS], tau, true);
    for (size_t i = 0; i < n[TASKS]; i++)
        for (size_t e = 0; e < n[WIDTH]; e++)
            real_put(du, i, e,
                     sums * fabs(kept_at(call, du, i, e)) +
                         error * vector_gradient(&v, &s, by_cosine, i, e, false, true));
}

static double flops(const struct call *call)
{
    const double tasks = (double)call->dims.extent[TASKS], width = (double)call->dims.extent[WIDTH];
    const double gram = tasks * (tasks + 1) * width;
    return tasks * tasks * ((double)call->dims.extent[BATCH] + 2 * width + 12) + gram;
}

const struct op similaritygrad_op = {
    .name = "similaritygrad",
    .formula = "of s_i = softmax_j(cos(u_i, u_j) / tau): du, from ds summed over the batch",
    .training = true,
    .split = AXIS_NONE,
    .operands = 3,
    .operand =
        {
            [SIMILARITYGRAD_U] = {"u", ROLE_WEIGHT, .axes = {TASKS, WIDTH, AXIS_NONE}},
            [SIMILARITYGRAD_DS] = {"ds", ROLE_IN, .axes = {BATCH, TASKS, TASKS}},
            [SIMILARITYGRAD_DU] = {"du", ROLE_OUT, .sums = true, .axes = {TASKS, WIDTH, AXIS_NONE}},
        },
    .reference = reference,
    .bound = bound,
    .flops = flops,
};
