/* The losses of clicks and conversions, and their gradients, row by row: a row's tasks side by
 * side, without a branch; what does not count gets a factor of 0. Whoever includes it has before,
 * in the words of its instruction set or of the compiler, `logistics` and `logarithms` (words.h).
 */
#ifndef EKTM_KERNELS_LOSS_H
#define EKTM_KERNELS_LOSS_H

#include "reference/op.h"
#include "reference/operands.h"

#include <math.h>

enum { HEADS_MAX = TASKS_MAX + 1 };

/* A row's tasks, CTR first; without base heads their logits are 0 and count for nothing. */
struct tasks {
    size_t count;
    float label[HEADS_MAX]; /* 0 or 1                                 */
    float scale[HEADS_MAX]; /* 0 where the task does not count        */
    float based[HEADS_MAX]; /* 1 with a base head, else 0             */
    float base[HEADS_MAX];
};

/* What one kind of heads predicts: p, its BCE, and p - y. */
struct predicted {
    float p[HEADS_MAX], entropy[HEADS_MAX], off[HEADS_MAX];
};

static void read_row(struct tasks *tasks, const struct call *call, size_t row)
{
    const struct tensor *t = call->tensor, *scale = &t[LOSS_SCALE], *base = &t[LOSS_BASE];
    const int32_t *label = (const int32_t *)t[LOSS_LABEL].data + row * tasks->count;
    const float *bases = base->data ? (const float *)base->data + row * base->ld : NULL;
    for (size_t i = 0; i < tasks->count; i++) {
        const bool counts = label[i] >= 0 && (i == 0 || label[0] == 1);
        tasks->label[i] = label[i] == 1;
        tasks->scale[i] = counts ? ((const float *)scale->data)[i * scale->ld] : 0;
        tasks->based[i] = bases && i > 0;
        tasks->base[i] = 0;
    }
    for (size_t i = 1; i < tasks->count && bases; i++)
        tasks->base[i] = bases[i - 1];
}

/* BCE is log(1 + exp(x)), x = -logit for a label of 1 and logit for 0: max(x, 0) and the logarithm
 * of 1 + exp(-|x|), which is -log(sigmoid(|x|)). */
static __attribute__((noinline)) void predict(struct predicted *to, const float *logit,
                                              const struct tasks *tasks)
{
    float sure[HEADS_MAX];
    for (size_t i = 0; i < tasks->count; i++) {
        to->p[i] = logit[i];
        sure[i] = fabsf(logit[i]);
    }
    logistics(to->p, tasks->count);
    logistics(sure, tasks->count);
    logarithms(sure, tasks->count);
    for (size_t i = 0; i < tasks->count; i++) {
        const float x = (1 - 2 * tasks->label[i]) * logit[i];
        to->entropy[i] = (x > 0 ? x : 0) - sure[i];
        to->off[i] = to->p[i] - tasks->label[i];
    }
}

/* 1 + beta |y - q|^gamma where there is a base head. */
static __attribute__((noinline)) void weigh(float *weight, const struct tasks *tasks,
                                            const struct predicted *base, const struct options *o)
{
    for (size_t i = 0; i < tasks->count; i++)
        weight[i] = fabsf(base->off[i]);
    for (size_t i = 0; i < tasks->count && o->power != 1; i++)
        weight[i] = powf(weight[i], o->power);
    for (size_t i = 0; i < tasks->count; i++)
        weight[i] = 1 + tasks->based[i] * o->hard * weight[i];
}

static void of_row(const struct call *call, size_t row, const struct tasks *tasks)
{
    const struct tensor *t = call->tensor;
    const float *logit = f32_row(&t[LOSS_LOGIT], row);
    float *dlogit = f32_row(&t[LOSS_DLOGIT], row), loss = 0;
    float *dbase = t[LOSS_DBASE].data ? f32_row(&t[LOSS_DBASE], row) : NULL;
    struct predicted head, base;
    float weight[HEADS_MAX];
    predict(&head, logit, tasks);
    predict(&base, tasks->base, tasks);
    weigh(weight, tasks, &base, &call->options);
    for (size_t i = 0; i < tasks->count; i++) {
        const float sign = 1 - 2 * tasks->label[i], p = head.p[i];
        const float apart = sign * (logit[i] - tasks->base[i]);
        const float worse = apart > 0 ? call->options.help * tasks->based[i] : 0;
        dlogit[i] = tasks->scale[i] * (weight[i] * head.off[i] + worse * sign * (p * (1 - p)));
        loss += tasks->scale[i] * (weight[i] * head.entropy[i] + tasks->based[i] * base.entropy[i] +
                                   worse * fabsf(base.p[i] - p));
    }
    for (size_t i = 1; i < tasks->count && dbase; i++)
        dbase[i - 1] = tasks->scale[i] * base.off[i];
    *f32_row(&t[LOSS_LOSS], row) = loss;
}

static void losses(const struct call *call)
{
    struct tasks tasks = {.count = call->dims.extent[HEADS]};
    for (size_t b = 0; b < call->dims.extent[BATCH]; b++) {
        read_row(&tasks, call, b);
        of_row(call, b, &tasks);
    }
}

#endif
