/* The gradient of the router, row by row. Whoever includes it has, in the words of its instruction
 * set or of the compiler, before: what similarity.h asks for, `accumulate` and `cut_off_row`
 * (words.h).
 *
 * The inner products dF_i f_j are what reaches the shares; through softmax and cosines they become
 * a T x T matrix, and the gradients of the towers are two products of such matrices with vectors:
 * of the shares with dF, of that matrix with the towers. Everything of a row stays in L1. */
#ifndef EKTM_KERNELS_ROUTERGRAD_H
#define EKTM_KERNELS_ROUTERGRAD_H

#include "kernels/similarity.h"
#include "reference/op.h"

enum { PAIRS = TASKS_MAX * TASKS_MAX };

struct alike {
    float cosine[PAIRS], share[PAIRS], inverse[TASKS_MAX];
};

/* One copy of the loops for every row, so that all have the same bits. */
static __attribute__((noinline)) void alike_of(struct alike *alike, const struct vectors *v)
{
    gram(alike->cosine, v);
    cosines(alike->cosine, alike->inverse, v->tasks);
    softmax(alike->share, alike->cosine, alike->inverse, v, 1);
}

/* A row of the batch. */
struct row {
    const float *f, *dy;
    float *df0, *df;
};

/* by_share[i * T + j] = dF_i f_j / (T+1). */
static void reach_shares(float *restrict by_share, const struct row *row, size_t tasks,
                         size_t width)
{
    for (size_t i = 0; i < tasks; i++)
        dots(by_share + i * tasks, row->dy + i * width, row->f, width, tasks, width);
    for (size_t p = 0; p < tasks * tasks; p++)
        by_share[p] *= 1 / (float)(tasks + 1);
}

/* What reaches the towers and f_0 through the averages. */
static void through_averages(const struct call *call, const struct row *row, const float *share)
{
    const size_t tasks = call->dims.extent[TASKS], width = call->dims.extent[WIDTH];
    const bool stop = call->options.stop_towers;
    const float part = 1 / (float)(tasks + 1);
    float turned[PAIRS], parts[TASKS_MAX];
    for (size_t j = 0; j < tasks; j++) {
        parts[j] = stop ? 0 : part;
        for (size_t i = 0; i < tasks; i++)
            turned[j * tasks + i] = stop && i != j ? 0 : share[i * tasks + j] * part;
    }
    accumulate(row->df0, width, parts, tasks, row->dy, width, 1, tasks, width);
    accumulate(row->df, width, turned, tasks, row->dy, width, tasks, tasks, width);
}

/* And through the similarities of mode sample; `by_share` is used up. */
static void through_similarities(const struct call *call, const struct row *row,
                                 const struct alike *alike, float *by_share)
{
    const size_t tasks = call->dims.extent[TASKS], width = call->dims.extent[WIDTH];
    float by_vector[PAIRS];
    softmax_gradient(by_share, alike->share, tasks, call->options.tau);
    vector_factors(by_vector, by_share, alike->cosine, alike->inverse, tasks,
                   call->options.stop_towers);
    accumulate(row->df, width, by_vector, tasks, row->f, width, tasks, tasks, width);
}

static void zero(float *restrict to, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = 0;
}

static void of_row(const struct call *call, size_t b, const struct alike *alike)
{
    const size_t tasks = call->dims.extent[TASKS], width = call->dims.extent[WIDTH];
    const struct options *o = &call->options;
    const struct tensor *t = call->tensor;
    const struct row row = {f32_row(&t[ROUTERGRAD_F], b), f32_row(&t[ROUTERGRAD_DY], b),
                            f32_row(&t[ROUTERGRAD_DF0], b), f32_row(&t[ROUTERGRAD_DF], b)};
    float own[PAIRS], *put_out = t[ROUTERGRAD_DS].data ? f32_row(&t[ROUTERGRAD_DS], b) : NULL;
    float *by_share = put_out ? put_out : own;
    zero(row.df0, o->add ? 0 : width);
    zero(row.df, o->add ? 0 : tasks * width);
    through_averages(call, &row, alike->share);
    if (o->stop_shares)
        zero(by_share, tasks * tasks);
    else
        reach_shares(by_share, &row, tasks, width);
    if (o->similarity == SIMILARITY_SAMPLE && !o->stop_shares)
        through_similarities(call, &row, alike, by_share);
    if (o->activation == ACTIVATION_RELU) {
        cut_off_row(row.df0, f32_row(&t[ROUTERGRAD_F0], b), width);
        cut_off_row(row.df, row.f, tasks * width);
    }
}

static void routergrad(const struct call *call)
{
    const struct tensor *f = &call->tensor[ROUTERGRAD_F], *u = &call->tensor[ROUTERGRAD_U];
    const bool sample = call->options.similarity == SIMILARITY_SAMPLE;
    struct vectors v = {u->data, u->ld, call->dims.extent[TASKS], call->dims.extent[WIDTH],
                        call->options.tau};
    struct alike alike;
    if (!sample)
        alike_of(&alike, &v);
    for (size_t b = 0; b < call->dims.extent[BATCH]; b++) {
        if (sample) {
            v.at = f32_row(f, b);
            v.ld = v.width;
            alike_of(&alike, &v);
        }
        of_row(call, b, &alike);
    }
}

#endif
