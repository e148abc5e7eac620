/* Router: F_i = (f_0 + sum_j softmax_j(cos_ij / tau) f_j) / (T+1), for each row of the batch.
 *
 * The scores of a row are inner products, one vector against four at a time; the weighted sums are
 * a product of the T x T shares with the row's T x d towers, which already lie as `accumulate`
 * wants its weights. Everything of a row stays in L1. Bound by reading the towers from L1. */
#include "kernels/compiler/exp.h"
#include "kernels/compiler/transposed.h"
#include "kernels/variant.h"

#include <stdlib.h>

extern const struct backend compiler_backend;

/* score[j] = a . vector[j] for four vectors `ld` apart: four sums that do not wait for each other.
 * One copy of the loop for every row, as in transposed.h. */

static __attribute__((noinline)) void dot_four(float *restrict score, const float *restrict a,
                                               const float *restrict vector, size_t ld,
                                               size_t width)
{
    const float *v1 = vector + ld, *v2 = v1 + ld, *v3 = v2 + ld;
    float s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    for (size_t e = 0; e < width; e++) {
        s0 += a[e] * vector[e];
        s1 += a[e] * v1[e];
        s2 += a[e] * v2[e];
        s3 += a[e] * v3[e];
    }
    score[0] = s0;
    score[1] = s1;
    score[2] = s2;
    score[3] = s3;
}

static __attribute__((noinline)) float dot(const float *restrict a, const float *restrict v,
                                           size_t width)
{
    float sum = 0;
    for (size_t e = 0; e < width; e++)
        sum += a[e] * v[e];
    return sum;
}

/* score[i * tasks + j] = vector[i] . vector[j]: the lower triangle, mirrored. */
static void gram(float *restrict score, const float *vector, size_t ld, size_t tasks, size_t width)
{
    for (size_t i = 0; i < tasks; i++) {
        const float *a = vector + i * ld;
        size_t j = 0;
        for (; j + 4 <= i + 1; j += 4)
            dot_four(score + i * tasks + j, a, vector + j * ld, ld, width);
        for (; j <= i; j++)
            score[i * tasks + j] = dot(a, vector + j * ld, width);
    }
    for (size_t i = 0; i < tasks; i++)
        for (size_t j = i + 1; j < tasks; j++)
            score[i * tasks + j] = score[j * tasks + i];
}

/* Cosines out of inner products, less each row's own score, over tau. */
static void scale(float *restrict score, size_t tasks, float tau)
{
    float inverse[TASKS_MAX], own[TASKS_MAX];
    for (size_t i = 0; i < tasks; i++) {
        float square = score[i * tasks + i];
        inverse[i] = square > 0 ? 1 / sqrtf(square) : 0;
        own[i] = square > 0 ? 1 : 0;
    }
    for (size_t i = 0; i < tasks; i++)
        for (size_t j = 0; j < tasks; j++) {
            float cosine = score[i * tasks + j] * inverse[i] * inverse[j];
            score[i * tasks + j] = (cosine - own[i]) / tau;
        }
}

static void exponentials(float *restrict score, size_t count)
{
    for (size_t i = 0; i < count; i++)
        score[i] = expf(score[i]);
}

/* share[i * tasks + j] = softmax_j(cos_ij / tau) / (T+1). */
static __attribute__((noinline)) void shares(float *restrict share, const float *vector, size_t ld,
                                             size_t tasks, size_t width, float tau)
{
    gram(share, vector, ld, tasks, width);
    scale(share, tasks, tau);
    exponentials(share, tasks * tasks);
    for (size_t i = 0; i < tasks; i++) {
        float total = 0;
        for (size_t j = 0; j < tasks; j++)
            total += share[i * tasks + j];
        float factor = 1 / (total * (float)(tasks + 1));
        for (size_t j = 0; j < tasks; j++)
            share[i * tasks + j] *= factor;
    }
}

static void fill_scaled(float *restrict y, const float *restrict f0, float factor, size_t outs)
{
    for (size_t o = 0; o < outs; o++)
        y[o] = f0[o] * factor;
}

/* All tasks of one row: y[i] = f0 / (T+1) + sum over j of share[i, j] f[j]. */
static void average(float *y, const float *f0, const float *f, const float *share, size_t tasks,
                    size_t width)
{
    for (size_t i = 0; i < tasks; i++)
        fill_scaled(y + i * width, f0, 1 / (float)(tasks + 1), width);
    accumulate(y, width, share, tasks, f, width, tasks, tasks, width);
}

/* Mode task: the shares, which are the same for all rows. Mode sample has nothing to prepare. */
static void *prepare(const struct call *call)
{
    const struct tensor *u = &call->tensor[ROUTER_U];
    size_t tasks = call->dims.extent[TASKS];
    bool same = call->options.similarity == SIMILARITY_TASK;
    float *share = packed_alloc(same ? tasks * tasks * sizeof *share : 0);
    if (share && same)
        shares(share, u->data, u->ld, tasks, call->dims.extent[WIDTH], call->options.tau);
    return share;
}

static void run(const struct call *call)
{
    const struct tensor *tf0 = &call->tensor[ROUTER_F0], *tf = &call->tensor[ROUTER_F];
    const struct tensor *ty = &call->tensor[ROUTER_Y];
    size_t tasks = call->dims.extent[TASKS], width = call->dims.extent[WIDTH];
    float own[TASKS_MAX * TASKS_MAX];
    bool sample = call->options.similarity == SIMILARITY_SAMPLE;
    const float *share = sample ? own : call->prepared;

    for (size_t b = 0; b < call->dims.extent[BATCH]; b++) {
        const float *f = (const float *)tf->data + b * tf->ld;
        if (sample)
            shares(own, f, width, tasks, width, call->options.tau);
        average((float *)ty->data + b * ty->ld, (const float *)tf0->data + b * tf0->ld, f, share,
                tasks, width);
    }
}

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &router_op,
    .dtype = DTYPE_F32,
    .backend = &compiler_backend,
    .isa = KERNEL_ISA,
    .run = run,
    .prepare = prepare,
    .release = free,
    .about = "plain C: one row at a time, the C library's expf; load-bound",
};
