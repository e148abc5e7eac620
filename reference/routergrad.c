/* Gradient of the router by the towers, and by the shares of task vectors. EKTM.md, layer 5. */
#include "reference/gradient.h"
#include "reference/similarity.h"

/* What a row's gradients are made of. */
struct row {
    struct vectors v;
    struct likeness s;
    task_pairs by_share, by_cosine;
    double part; /* 1 / (T+1) */
};

static struct vectors vectors_of(const struct call *call, size_t row)
{
    const bool task = call->options.similarity == SIMILARITY_TASK;
    return (struct vectors){&call->tensor[task ? ROUTERGRAD_U : ROUTERGRAD_F],
                            call->options.similarity, row, call->dims.extent[TASKS],
                            call->dims.extent[WIDTH]};
}

/* dF_i f_j / (T+1), summed up; with `magnitude` of absolute values. */
static double by_share(const struct call *call, size_t row, size_t i, size_t j, bool magnitude)
{
    const size_t *n = call->dims.extent;
    double sum = 0;
    for (size_t e = 0; e < n[WIDTH]; e++) {
        const double term = real_at(&call->tensor[ROUTERGRAD_DY], row, i * n[WIDTH] + e) *
                            real_at(&call->tensor[ROUTERGRAD_F], row, j * n[WIDTH] + e);
        sum += magnitude ? fabs(term) : term;
    }
    return call->options.stop_shares ? 0 : sum / (double)(n[TASKS] + 1);
}

static void row_of(struct row *r, const struct call *call, size_t row, bool magnitude)
{
    const size_t tasks = call->dims.extent[TASKS];
    const double tau = (double)call->options.tau;
    r->v = vectors_of(call, row);
    r->part = 1 / (double)(tasks + 1);
    likeness_of(&r->s, &r->v, tau);
    for (size_t i = 0; i < tasks; i++)
        for (size_t j = 0; j < tasks; j++)
            r->by_share[i][j] = by_share(call, row, i, j, magnitude);
    cosine_gradient(r->by_cosine, &r->s, r->by_share, tasks, tau, magnitude);
}

/* Of element `e` of f_j through the averages: share_ij dF_i / (T+1) of all i, or of j alone. */
static double through_averages(const struct call *call, const struct row *r, size_t j, size_t e,
                               bool magnitude)
{
    const size_t *n = call->dims.extent;
    double sum = 0;
    for (size_t i = 0; i < n[TASKS]; i++) {
        const double dy = real_at(&call->tensor[ROUTERGRAD_DY], r->v.row, i * n[WIDTH] + e);
        if (i == j || !call->options.stop_towers)
            sum += r->s.share[i][j] * (magnitude ? fabs(dy) : dy);
    }
    return sum * r->part;
}

/* Of element `e` of f_0. */
static double of_first(const struct call *call, const struct row *r, size_t e, bool magnitude)
{
    const size_t *n = call->dims.extent;
    double sum = 0;
    for (size_t i = 0; i < n[TASKS] && !call->options.stop_towers; i++) {
        const double dy = real_at(&call->tensor[ROUTERGRAD_DY], r->v.row, i * n[WIDTH] + e);
        sum += magnitude ? fabs(dy) : dy;
    }
    return sum * r->part;
}

static double through_similarities(const struct call *call, struct row *r, size_t j, size_t e,
                                   bool magnitude)
{
    return call->options.similarity == SIMILARITY_TASK
               ? 0
               : vector_gradient(&r->v, &r->s, r->by_cosine, j, e, call->options.stop_towers,
                                 magnitude);
}

static void put_shares(const struct call *call, const struct row *r, double factor)
{
    const size_t tasks = call->dims.extent[TASKS];
    for (size_t i = 0; i < tasks && call->tensor[ROUTERGRAD_DS].data; i++)
        for (size_t j = 0; j < tasks; j++)
            real_put(&call->tensor[ROUTERGRAD_DS], r->v.row, i * tasks + j,
                     factor * r->by_share[i][j]);
}

static void reference(const struct call *call)
{
    const size_t *n = call->dims.extent;
    const struct tensor *t = call->tensor;
    struct row r;
    for (size_t b = 0; b < n[BATCH]; b++) {
        row_of(&r, call, b, false);
        for (size_t e = 0; e < n[WIDTH]; e++) {
            const double sum =
                kept_at(call, &t[ROUTERGRAD_DF0], b, e) + of_first(call, &r, e, false);
            real_put(&t[ROUTERGRAD_DF0], b, e, cut_off(call, &t[ROUTERGRAD_F0], b, e) ? 0 : sum);
        }
        for (size_t j = 0; j < n[TASKS]; j++)
            for (size_t e = 0; e < n[WIDTH]; e++) {
                const size_t at = j * n[WIDTH] + e;
                const double sum = kept_at(call, &t[ROUTERGRAD_DF], b, at) +
                                   through_averages(call, &r, j, e, false) +
                                   through_similarities(call, &r, j, e, false);
                real_put(&t[ROUTERGRAD_DF], b, at,
                         cut_off(call, &t[ROUTERGRAD_F], b, at) ? 0 : sum);
            }
        put_shares(call, &r, 1);
    }
}

/* Every term is a product of shares (twice at most), inner products and cosines, each with an error
 * of its own; the sums add theirs. */
static void bound(const struct call *call, double roundoff)
{
    const size_t *n = call->dims.extent;
    const struct tensor *t = call->tensor;
    const double product = accumulation_error(n[WIDTH], roundoff);
    const double sums = accumulation_error(n[TASKS] + 2, roundoff);
    struct row r;
    for (size_t b = 0; b < n[BATCH]; b++) {
        row_of(&r, call, b, true);
        const double shares = share_error(&r.v, (double)call->options.tau, roundoff);
        const double similar = 3 * shares + 5 * product + 2 * sums;
        for (size_t e = 0; e < n[WIDTH]; e++) {
            const double kept = fabs(kept_at(call, &t[ROUTERGRAD_DF0], b, e));
            const bool off = cut_off(call, &t[ROUTERGRAD_F0], b, e);
            real_put(&t[ROUTERGRAD_DF0], b, e,
                     off ? 0 : sums * (kept + of_first(call, &r, e, true)));
        }
        for (size_t at = 0; at < n[TASKS] * n[WIDTH]; at++) {
            const size_t j = at / n[WIDTH], e = at % n[WIDTH];
            const double kept = fabs(kept_at(call, &t[ROUTERGRAD_DF], b, at));
            const double averages = through_averages(call, &r, j, e, true);
            const double similarities = through_similarities(call, &r, j, e, true);
            const bool off = cut_off(call, &t[ROUTERGRAD_F], b, at);
            real_put(&t[ROUTERGRAD_DF], b, at,
                     off ? 0
                         : sums * (kept + averages + similarities) + shares * averages +
                               similar * similarities);
        }
        put_shares(call, &r, product + 4 * roundoff);
    }
}

/* The averages; of each pair of tasks an inner product, and in mode sample another and a multiple
 * of each vector added to the other's gradient. */
static double flops(const struct call *call)
{
    const double tasks = (double)call->dims.extent[TASKS], width = (double)call->dims.extent[WIDTH];
    const double averages = width * tasks * (2 * tasks + 1);
    const double shares = call->options.stop_shares ? 0 : 2 * tasks * tasks * width;
    const bool sample = call->options.similarity == SIMILARITY_SAMPLE;
    const double gram = tasks * (tasks + 1) * width + tasks * tasks * 6;
    const double cosines = sample && shares > 0 ? tasks * tasks * (2 * width + 6) : 0;
    return (double)call->dims.extent[BATCH] * (averages + shares + (sample ? gram : 0) + cosines);
}

const struct op routergrad_op =
    {
        .name = "routergrad",
        .formula = "of F_i = (f_0 + sum_j s_ij f_j) / (T+1): df_0, df_j, and ds_ij of task vectors",
        .training = true,
        .operands = 7,
        .operand =
            {
                [ROUTERGRAD_F0] = {"f0", ROLE_IN, .axes = {BATCH, WIDTH, AXIS_NONE}},
                [ROUTERGRAD_F] = {"f", ROLE_IN, .axes = {BATCH, TASKS, WIDTH}},
                [ROUTERGRAD_U] = {"u", ROLE_WEIGHT, .optional = true,
                                  .axes = {TASKS, WIDTH, AXIS_NONE}},
                [ROUTERGRAD_DY] = {"dF", ROLE_IN, .axes = {BATCH, TASKS, WIDTH}},
                [ROUTERGRAD_DF0] = {"df0", ROLE_OUT, .sums = true,
                                    .axes = {BATCH, WIDTH, AXIS_NONE}},
                [ROUTERGRAD_DF] = {"df", ROLE_OUT, .sums = true, .axes = {BATCH, TASKS, WIDTH}},
                [ROUTERGRAD_DS] = {"ds", ROLE_OUT, .optional = true, .axes = {BATCH, TASKS, TASKS}},
            },
        .reference = reference,
        .bound = bound,
        .flops = flops,
};
