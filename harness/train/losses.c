#include "harness/train/losses.h"

#include <math.h>
#include <stdlib.h>

bool losses_make(struct losses *l, const struct network *network, const struct kernel *kernel,
                 size_t rows_max, struct fault *fault)
{
    *l =
        (struct losses){.network = network, .kernel = kernel, .conversions = 1, .sequential = true};
    l->label = malloc(rows_max * (network->config.tasks + 1) * sizeof *l->label);
    l->row = malloc(rows_max * sizeof *l->row);
    if (l->label && l->row)
        return true;
    losses_free(l);
    return fault_memory(fault, "the labels of a batch");
}

void losses_free(struct losses *l)
{
    free(l->label);
    free(l->row);
    *l = (struct losses){.network = NULL};
}

/* ---- labels ---------------------------------------------------------------------------------- */

/* Over all impressions no click is no conversion either. */
static int32_t label_of(const struct losses *l, const uint8_t *label, size_t task)
{
    const bool everywhere = l->network->kind->objective != OBJECTIVE_CONDITIONAL;
    if (everywhere && task && label[0] == 0)
        return 0;
    return label[task] == LABEL_MISSING ? -1 : label[task];
}

void losses_label(struct losses *l, const uint8_t *label, size_t rows)
{
    const size_t labels = l->network->config.tasks + 1;
    const bool clicked = l->network->kind->objective == OBJECTIVE_CONDITIONAL;
    size_t count[TASKS_MAX + 1] = {0};
    for (size_t b = 0; b < rows; b++)
        for (size_t t = 0; t < labels; t++) {
            const uint8_t *of = label + b * labels;
            const int32_t y = label_of(l, of, t);
            l->label[b * labels + t] = y;
            count[t] += y >= 0 && (t == 0 || !clicked || of[0] == 1);
        }
    for (size_t t = 0; t < labels; t++)
        l->scale[t] = count[t] ? (t ? (float)l->conversions : 1) / (float)count[t] : 0;
}

/* ---- over all impressions -------------------------------------------------------------------- */

static double logistic(double x) { return 1 / (1 + exp(-x)); }

/* log(1 + exp(x)) */
static double softplus(double x) { return fmax(x, 0) + log1p(exp(-fabs(x))); }

/* One row's logits and labels, and where their gradients go. */
struct row {
    const float *logit;
    const int32_t *label;
    float *gradient;
};

/* BCE of the label and the logit; its derivative is added. */
static double cross_entropy(const struct row *row, size_t t, double scale)
{
    const double x = (double)row->logit[t], y = row->label[t];
    row->gradient[t] += (float)(scale * (logistic(x) - y));
    return scale * (y > 0 ? softplus(-x) : softplus(x));
}

/* BCE of the label and p_0 p_i: with y = 0, d/dx_j of -log(1 - P) is P (1 - p_j) / (1 - P). */
static double product_loss(const struct row *row, size_t t, double scale)
{
    const double a = (double)row->logit[0], b = (double)row->logit[t];
    const double p = logistic(a), q = logistic(b);
    if (row->label[t]) {
        row->gradient[0] -= (float)(scale * (1 - p));
        row->gradient[t] -= (float)(scale * (1 - q));
        return scale * (softplus(-a) + softplus(-b));
    }
    /* 1 - p q = (1 - p) + p (1 - q), without cancellation */
    const double rest = logistic(-a) + p * logistic(-b);
    row->gradient[0] += (float)(scale * p * q * logistic(-a) / rest);
    row->gradient[t] += (float)(scale * p * q * logistic(-b) / rest);
    return -scale * log(rest);
}

/* A later event is no more probable than the one that it needs: max(p_i - p_before, 0). */
static double calibrator(const struct row *row, size_t t, size_t before, double scale)
{
    const double p = logistic((double)row->logit[t]), q = logistic((double)row->logit[before]);
    if (p <= q)
        return 0;
    row->gradient[t] += (float)(scale * LOSS_CALIBRATOR * p * (1 - p));
    row->gradient[before] -= (float)(scale * LOSS_CALIBRATOR * q * (1 - q));
    return scale * LOSS_CALIBRATOR * (p - q);
}

static double row_loss(const struct losses *l, const struct row *row)
{
    const size_t labels = l->network->config.tasks + 1;
    const bool product = l->network->kind->objective == OBJECTIVE_PRODUCT;
    for (size_t t = 0; t < labels; t++)
        row->gradient[t] = 0;
    double loss = row->label[0] < 0 ? 0 : cross_entropy(row, 0, (double)l->scale[0]);
    for (size_t t = 1; t < labels; t++) {
        if (row->label[t] < 0)
            continue;
        const double scale = (double)l->scale[t];
        loss += product ? product_loss(row, t, scale)
                        : cross_entropy(row, t, scale) +
                              calibrator(row, t, l->sequential ? t - 1 : 0, scale);
    }
    return loss;
}

static void all_impressions(const struct losses *l, const struct tensor *buffer, size_t first,
                            size_t count)
{
    const struct network *n = l->network;
    const struct tensor *logit = &buffer[n->logits], *gradient = &buffer[n->buffers + n->logits];
    for (size_t b = first; b < first + count; b++) {
        const struct row row = {(const float *)logit->data + b * logit->ld,
                                l->label + b * (n->config.tasks + 1),
                                (float *)gradient->data + b * gradient->ld};
        l->row[b] = (float)row_loss(l, &row);
    }
}

/* ---- over clicks ----------------------------------------------------------------------------- */

static struct call call_of(const struct losses *l, const struct tensor *buffer, size_t rows)
{
    const struct network *n = l->network;
    const size_t labels = n->config.tasks + 1;
    struct call call = {
        .dims.extent = {[BATCH] = rows, [TASKS] = n->config.tasks, [HEADS] = labels},
        .options = {.hard = n->kind->hard ? LOSS_BETA : 0,
                    .power = LOSS_GAMMA,
                    .help = n->kind->transfer ? LOSS_ALPHA : 0},
    };
    call.tensor[LOSS_LOGIT] = buffer[n->logits];
    call.tensor[LOSS_DLOGIT] = buffer[n->buffers + n->logits];
    if (n->base) {
        call.tensor[LOSS_BASE] = buffer[n->base];
        call.tensor[LOSS_DBASE] = buffer[n->buffers + n->base];
    }
    call.tensor[LOSS_LABEL] = (struct tensor){l->label, labels, DTYPE_I32};
    call.tensor[LOSS_SCALE] = (struct tensor){(void *)(uintptr_t)l->scale, 1, DTYPE_F32};
    call.tensor[LOSS_LOSS] = (struct tensor){l->row, 1, DTYPE_F32};
    return call;
}

void losses_rows(const struct losses *l, const struct tensor *buffer, size_t first, size_t count)
{
    if (l->network->kind->objective != OBJECTIVE_CONDITIONAL) {
        all_impressions(l, buffer, first, count);
        return;
    }
    const struct call call = call_of(l, buffer, first + count);
    const struct call part = call_part(l->kernel->op, &call, first, count);
    l->kernel->run(&part);
}

void losses_add(struct losses *l, size_t rows)
{
    for (size_t b = 0; b < rows; b++)
        l->total += (double)l->row[b];
    l->batches++;
}
