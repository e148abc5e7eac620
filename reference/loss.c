/* Losses of clicks and conversions, and their gradients. EKTM.md, T2 to T5. */
#include "reference/op.h"
#include "reference/operands.h"

#include <math.h>

static double logistic(double x) { return 1 / (1 + exp(-x)); }

/* BCE of a label and a logit: log(1 + exp(-x)) for 1, log(1 + exp(x)) for 0. */
static double cross_entropy(bool label, double logit)
{
    const double x = label ? -logit : logit;
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

static int label_at(const struct call *call, size_t row, size_t task)
{
    const int32_t *label = call->tensor[LOSS_LABEL].data;
    return label[row * call->dims.extent[HEADS] + task];
}

/* A task's numbers in a row in which it counts. */
struct sample {
    bool label;
    double scale, logit, base; /* base NAN: none */
};

/* What a task adds to a row's loss, and its derivatives. */
struct part {
    double loss, logit, base;
};

/* |y - q|: how far the base head is off, 0 .. 1 */
static double hardness(const struct sample *s) { return logistic(s->label ? -s->base : s->base); }

static struct part part_of(const struct sample *s, const struct options *o)
{
    const double y = s->label, p = logistic(s->logit), q = logistic(s->base);
    const double weight =
        isnan(s->base) ? 1 : 1 + (double)o->hard * pow(hardness(s), (double)o->power);
    struct part part = {weight * cross_entropy(s->label, s->logit), weight * (p - y), 0};
    if (isnan(s->base))
        return part;
    part.loss += cross_entropy(s->label, s->base);
    part.base = q - y;
    if (s->label ? s->base > s->logit : s->logit > s->base) {
        part.loss += (double)o->help * fabs(q - p);
        part.logit += (double)o->help * p * (1 - p) * (s->label ? -1 : 1);
    }
    return part;
}

/* Task 0 counts where it has a label; the others where there is a click, too. */
static bool counts(const struct call *call, size_t row, size_t task)
{
    return label_at(call, row, task) >= 0 && (task == 0 || label_at(call, row, 0) == 1);
}

static struct sample sample_of(const struct call *call, size_t row, size_t task)
{
    const struct tensor *t = call->tensor, *base = &t[LOSS_BASE];
    return (struct sample){label_at(call, row, task) == 1, real_at(&t[LOSS_SCALE], task, 0),
                           real_at(&t[LOSS_LOGIT], row, task),
                           task && base->data ? real_at(base, row, task - 1) : (double)NAN};
}

static void put(const struct call *call, size_t row, size_t task, const struct part *part,
                double scale)
{
    const struct tensor *t = call->tensor;
    real_put(&t[LOSS_DLOGIT], row, task, scale * part->logit);
    if (task && t[LOSS_DBASE].data)
        real_put(&t[LOSS_DBASE], row, task - 1, scale * part->base);
}

static void reference(const struct call *call)
{
    const size_t *n = call->dims.extent;
    for (size_t b = 0; b < n[BATCH]; b++) {
        double loss = 0;
        for (size_t task = 0; task < n[HEADS]; task++) {
            const struct sample s = sample_of(call, b, task);
            struct part part = {0};
            if (counts(call, b, task))
                part = part_of(&s, &call->options);
            put(call, b, task, &part, s.scale);
            loss += s.scale * part.loss;
        }
        real_put(&call->tensor[LOSS_LOSS], b, 0, loss);
    }
}

/* The logistic function is right to a few roundings of 1, a cross entropy to as many of 1 and of
 * its logit; the weight of a hard example passes its own on, which `power` multiplies. Comparing
 * the logits is exact. */
static struct part error_of(const struct sample *s, const struct options *o, double roundoff)
{
    const bool based = !isnan(s->base);
    const double few = 16 * roundoff, power = (double)o->power, hard = based ? (double)o->hard : 0;
    const double weight = 1 + hard, weight_error = few * (1 + hard * (1 + power));
    const double logit = 1 + fabs(s->logit), base = based ? 1 + fabs(s->base) : 0;
    const double help = based ? (double)o->help : 0;
    return (struct part){few * (weight * logit + base + help) + weight_error * logit,
                         few * (weight + help) + weight_error, few};
}

static void bound(const struct call *call, double roundoff)
{
    const size_t *n = call->dims.extent;
    const double sum = accumulation_error(n[HEADS], roundoff);
    for (size_t b = 0; b < n[BATCH]; b++) {
        double loss = 0;
        for (size_t task = 0; task < n[HEADS]; task++) {
            const struct sample s = sample_of(call, b, task);
            struct part error = {0};
            if (counts(call, b, task)) {
                error = error_of(&s, &call->options, roundoff);
                loss += s.scale * (error.loss + sum * part_of(&s, &call->options).loss);
            }
            put(call, b, task, &error, s.scale);
        }
        real_put(&call->tensor[LOSS_LOSS], b, 0, loss);
    }
}

/* Of each task two logistic functions, their logarithms, and what is made of them. */
static double flops(const struct call *call)
{
    return (double)call->dims.extent[BATCH] * (double)call->dims.extent[HEADS] * 24;
}

const struct op loss_op =
    {
        .name = "loss",
        .formula =
            "BCE of clicks; of conversions weighed by hardness, of base heads, and T4; gradients",
        .training = true,
        .operands = 7,
        .operand =
            {
                [LOSS_LOGIT] = {"logit", ROLE_IN, .axes = {BATCH, HEADS, AXIS_NONE}},
                [LOSS_BASE] = {"base", ROLE_IN, .optional = true,
                               .axes = {BATCH, TASKS, AXIS_NONE}},
                [LOSS_LABEL] = {"label", ROLE_IN, .index = true, .axes = {BATCH, HEADS, AXIS_NONE}},
                [LOSS_SCALE] = {"scale", ROLE_IN, .axes = {HEADS, AXIS_NONE}},
                [LOSS_DLOGIT] = {"dlogit", ROLE_OUT, .axes = {BATCH, HEADS, AXIS_NONE}},
                [LOSS_DBASE] = {"dbase", ROLE_OUT, .optional = true,
                                .axes = {BATCH, TASKS, AXIS_NONE}},
                [LOSS_LOSS] = {"loss", ROLE_OUT, .axes = {BATCH, AXIS_NONE}},
            },
        .reference = reference,
        .bound = bound,
        .flops = flops,
};
