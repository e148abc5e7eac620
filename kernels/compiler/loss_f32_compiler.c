/* Losses of clicks and conversions, and their gradients by the logits of heads and base heads.
 *
 * A row's tasks side by side, without a branch: what does not count gets a factor of 0. Bound by
 * the logistic functions and the logarithms; all of it is little beside one layer. */
#include "kernels/compiler/exp.h"
#include "kernels/variant.h"

#include <math.h>

extern const struct backend compiler_backend;

#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__)
__attribute__((simd("notinbranch"))) float logf(float);
#endif

enum { HEADS_MAX = TASKS_MAX + 1 };

/* A row's tasks, CTR first; without base heads their logits are 0 and count for nothing. */
struct tasks {
    size_t count;
    float label[HEADS_MAX]; /* 0 or 1                                 */
    float scale[HEADS_MAX]; /* 0 where the task does not count        */
    float based[HEADS_MAX]; /* 1 with a base head, else 0             */
    float base[HEADS_MAX];
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
        tasks->base[i] = bases && i > 0 ? bases[i - 1] : 0;
    }
}

/* log(1 + exp(-x)) for a label of 1, log(1 + exp(x)) for 0. */
static inline float cross_entropy(float label, float logit)
{
    const float x = (1 - 2 * label) * logit;
    return (x > 0 ? x : 0) + logf(1 + expf(-fabsf(x)));
}

/* 1 + beta |y - q|^gamma where there is a base head. One copy of each loop for every row. */
static __attribute__((noinline)) void weights(float *restrict weight, const struct tasks *tasks,
                                              const struct options *options)
{
    for (size_t i = 0; i < tasks->count; i++)
        weight[i] = logistic((1 - 2 * tasks->label[i]) * tasks->base[i]);
    for (size_t i = 0; i < tasks->count && options->power != 1; i++)
        weight[i] = powf(weight[i], options->power);
    for (size_t i = 0; i < tasks->count; i++)
        weight[i] = 1 + tasks->based[i] * options->hard * weight[i];
}

/* Losses and derivatives of the tasks; `loss` holds the weights before. */
static __attribute__((noinline)) void of_tasks(float *restrict loss, float *restrict dlogit,
                                               float *restrict dbase, const float *restrict logit,
                                               const struct tasks *tasks, float help)
{
    for (size_t i = 0; i < tasks->count; i++) {
        const float y = tasks->label[i], base = tasks->base[i], based = tasks->based[i];
        const float p = logistic(logit[i]), q = logistic(base), sign = 1 - 2 * y;
        const float worse = sign * (logit[i] - base) > 0 ? help * based : 0;
        dlogit[i] = tasks->scale[i] * (loss[i] * (p - y) + worse * sign * (p * (1 - p)));
        dbase[i] = tasks->scale[i] * (q - y);
        loss[i] = tasks->scale[i] * (loss[i] * cross_entropy(y, logit[i]) +
                                     based * cross_entropy(y, base) + worse * fabsf(q - p));
    }
}

static void run(const struct call *call)
{
    const struct tensor *t = call->tensor;
    struct tasks tasks = {.count = call->dims.extent[HEADS]};
    for (size_t b = 0; b < call->dims.extent[BATCH]; b++) {
        float loss[HEADS_MAX], dbase[HEADS_MAX], sum = 0;
        read_row(&tasks, call, b);
        weights(loss, &tasks, &call->options);
        of_tasks(loss, (float *)t[LOSS_DLOGIT].data + b * t[LOSS_DLOGIT].ld, dbase,
                 (const float *)t[LOSS_LOGIT].data + b * t[LOSS_LOGIT].ld, &tasks,
                 call->options.help);
        for (size_t i = 0; i < tasks.count; i++)
            sum += loss[i];
        ((float *)t[LOSS_LOSS].data)[b * t[LOSS_LOSS].ld] = sum;
        for (size_t i = 1; i < tasks.count && t[LOSS_DBASE].data; i++)
            ((float *)t[LOSS_DBASE].data)[b * t[LOSS_DBASE].ld + i - 1] = dbase[i];
    }
}

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &loss_op,
    .dtype = DTYPE_F32,
    .backend = &compiler_backend,
    .isa = KERNEL_ISA,
    .run = run,
    .about = "plain C, a row's tasks side by side; bound by logarithms",
};
