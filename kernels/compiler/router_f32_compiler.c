/* Router: F_i = (f_0 + sum_j softmax_j(cos_ij / tau) f_j) / (T+1), for each row of the batch.
 *
 * The scores of a row are inner products, one vector against four at a time; the weighted sums are
 * a product of the T x T shares with the row's T x d towers, which already lie as `accumulate`
 * wants its weights. Everything of a row stays in L1. Bound by reading the towers from L1. */
#include "kernels/compiler/similarity.h"
#include "kernels/compiler/transposed.h"
#include "kernels/variant.h"

#include <stdlib.h>

extern const struct backend compiler_backend;

/* share[i * tasks + j] = softmax_j(cos_ij / tau) / (T+1). */
static __attribute__((noinline)) void shares(float *restrict share, const float *vector, size_t ld,
                                             size_t tasks, size_t width, float tau)
{
    const struct vectors v = {vector, ld, tasks, width, tau};
    float inverse[TASKS_MAX];
    gram(share, &v);
    cosines(share, inverse, tasks);
    softmax(share, share, inverse, &v, 1 / (float)(tasks + 1));
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
