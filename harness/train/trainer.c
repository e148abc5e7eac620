#include "harness/train/trainer.h"

#include "harness/measure/clock.h"
#include "harness/measure/ranking.h"
#include "harness/random.h"
#include "harness/train/checkpoint.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- scores ---------------------------------------------------------------------------------- */

double scores_mean(const struct scores *s)
{
    double sum = 0;
    size_t count = 0;
    for (size_t t = 0; t <= s->tasks; t++)
        if (!isnan(s->auc[t])) {
            sum += s->auc[t];
            count++;
        }
    return count ? sum / (double)count : NAN;
}

/* Predictions and labels of one task, side by side. */
struct column {
    double *p;
    uint8_t *label;
    size_t *scratch;
};

static void score_task(const struct dataset *d, const float *p, size_t task,
                       const struct column *column, struct scores *s)
{
    const size_t labels = d->tasks + 1;
    for (size_t b = 0; b < d->rows; b++) {
        const uint8_t *label = d->label + b * labels;
        column->p[b] = (double)p[b * labels + task];
        column->label[b] = task && label[0] != 1 ? LABEL_MISSING : label[task];
    }
    s->auc[task] = area_under_curve(column->p, column->label, d->rows, column->scratch);
    s->log_loss[task] = log_loss(column->p, column->label, d->rows);
    s->ctcvr[task] = NAN;
    if (task == 0)
        return;
    for (size_t b = 0; b < d->rows; b++) {
        const uint8_t *label = d->label + b * labels;
        column->p[b] = (double)p[b * labels] * (double)p[b * labels + task];
        column->label[b] = label[0] == 0 ? 0 : label[0] == 1 ? label[task] : LABEL_MISSING;
    }
    s->ctcvr[task] = area_under_curve(column->p, column->label, d->rows, column->scratch);
}

bool trainer_predict(struct pass *pass, const struct dataset *d, float *p, struct fault *fault)
{
    const size_t labels = d->tasks + 1, most = pass->batch.activations.rows_max;
    uint32_t *row = malloc(most * sizeof *row);
    bool fine = row != NULL;
    if (!fine)
        fault_memory(fault, "the rows of a batch");
    for (size_t first = 0; first < d->rows && fine; first += most) {
        const size_t count = d->rows - first < most ? d->rows - first : most;
        for (size_t i = 0; i < count; i++)
            row[i] = (uint32_t)(first + i);
        fine = pass_gather(pass, d, row, count, fault) && pass_forward(pass, fault);
        if (fine)
            pass_predictions(pass, p + first * labels);
    }
    free(row);
    return fine;
}

bool trainer_score(struct pass *pass, const struct dataset *d, struct scores *scores,
                   struct fault *fault)
{
    float *p = malloc(d->rows * (d->tasks + 1) * sizeof *p);
    struct column column = {malloc((d->rows + 1) * sizeof(double)), malloc(d->rows + 1),
                            malloc((2 * d->rows + 1) * sizeof(size_t))};
    bool fine = p && column.p && column.label && column.scratch;
    if (!fine)
        fault_memory(fault, "the predictions of the rows");
    fine = fine && trainer_predict(pass, d, p, fault);
    scores->tasks = d->tasks;
    for (size_t t = 0; t <= d->tasks && fine; t++)
        score_task(d, p, t, &column, scores);
    free(column.p);
    free(column.label);
    free(column.scratch);
    free(p);
    return fine;
}

/* ---- epochs ---------------------------------------------------------------------------------- */

struct trainer {
    struct pass *pass;
    const struct dataset *train, *validation;
    const struct training *training;
    struct progress *progress;
    uint32_t *order; /* of the rows in this epoch */
    float *best;
    char identity[IDENTITY_BYTES];
};

/* The order of an epoch follows from seed and epoch alone. */
static void shuffle(const struct trainer *t)
{
    struct random r = random_stream(t->training->seed, (UINT64_C(1) << 40) + t->progress->epoch);
    for (size_t i = 0; i < t->train->rows; i++) {
        const size_t j = random_below(&r, i + 1);
        t->order[i] = t->order[j];
        t->order[j] = (uint32_t)i;
    }
}

/* Each task begins with what is always right on the average: its rate. */
static void expect_rates(const struct trainer *t)
{
    const struct dataset *d = t->train;
    const bool joint = t->pass->network->kind->objective == OBJECTIVE_JOINT;
    for (size_t task = 0; task <= d->tasks; task++) {
        double known = 1, happened = 0.5;
        for (size_t b = 0; b < d->rows; b++) {
            const uint8_t *label = d->label + b * (d->tasks + 1);
            const bool counts = task == 0 || joint || label[0] == 1;
            known += counts && label[task] != LABEL_MISSING;
            happened += counts && label[task] == 1;
        }
        parameters_expect(t->pass->parameters, task, happened / known);
    }
}

static bool write_checkpoint(const struct trainer *t, struct fault *fault)
{
    return !t->training->checkpoint || checkpoint_write(t->training->checkpoint, t->pass, t->best,
                                                        t->progress, t->identity, fault);
}

static size_t steps_of_epoch(const struct trainer *t)
{
    return (t->train->rows + t->training->batch - 1) / t->training->batch;
}

static bool step(const struct trainer *t, struct fault *fault)
{
    struct pass *pass = t->pass;
    const size_t first = t->progress->step * t->training->batch, left = t->train->rows - first;
    const size_t count = left < t->training->batch ? left : t->training->batch;
    pass->losses.total = 0;
    if (!pass_gather(pass, t->train, t->order + first, count, fault) || !pass_step(pass, fault))
        return false;
    t->progress->step++;
    t->progress->loss += pass->losses.total;
    if (!isfinite(pass->losses.total))
        return fault_caller(fault,
                            "epoch %zu, step %zu: the loss is no number any more; a smaller "
                            "--learning-rate may help",
                            t->progress->epoch + 1, t->progress->step);
    return true;
}

/* Whether training was told to give up here. */
static bool stops(const struct trainer *t)
{
    return t->training->stop && t->pass->taken >= t->training->stop;
}

static bool walk_epoch(const struct trainer *t, struct fault *fault)
{
    shuffle(t);
    while (t->progress->step < steps_of_epoch(t) && !stops(t)) {
        if (!step(t, fault))
            return false;
        if (t->training->every && t->pass->taken % t->training->every == 0 &&
            !write_checkpoint(t, fault))
            return false;
    }
    return true;
}

static void tell(const struct trainer *t, const struct scores *s, double seconds)
{
    const struct progress *g = t->progress;
    if (t->training->quiet)
        return;
    fprintf(stderr, "epoch %zu: loss %.5f, %.0f rows/s; validation AUC click %.4f", g->epoch + 1,
            g->loss / (double)steps_of_epoch(t), (double)t->train->rows / seconds, s->auc[0]);
    for (size_t i = 1; i <= s->tasks; i++)
        fprintf(stderr, " conv%zu %.4f", i, s->auc[i]);
    fprintf(stderr, "\n");
}

/* Scores the epoch that has ended, keeps it if it is the best one, and goes on to the next. */
static bool end_epoch(const struct trainer *t, double seconds, struct fault *fault)
{
    struct progress *g = t->progress;
    struct scores scores;
    if (!trainer_score(t->pass, t->validation, &scores, fault))
        return false;
    const double mean = scores_mean(&scores);
    tell(t, &scores, seconds);
    if (!g->best_epoch || mean > g->best) {
        g->best = mean;
        g->best_epoch = g->epoch + 1;
        g->worse = 0;
        parameters_take(t->pass->parameters, t->best);
    } else {
        g->worse++;
    }
    g->epoch++;
    g->step = 0;
    g->loss = 0;
    return write_checkpoint(t, fault);
}

static bool over(const struct trainer *t)
{
    return t->progress->epoch >= t->training->epochs || t->progress->worse > t->training->patience;
}

static bool run_epochs(struct trainer *t, struct fault *fault)
{
    while (!over(t)) {
        const uint64_t begin = clock_now();
        if (!walk_epoch(t, fault))
            return false;
        if (stops(t) && t->progress->step < steps_of_epoch(t))
            return true;
        if (!end_epoch(t, (double)(clock_now() - begin) / 1e9, fault))
            return false;
    }
    parameters_give(t->pass->parameters, t->best);
    t->pass->fresh = true;
    return true;
}

static bool begin(struct trainer *t, struct fault *fault)
{
    bool found = false;
    expect_rates(t);
    parameters_take(t->pass->parameters, t->best);
    checkpoint_identity(t->pass, t->train, t->validation, t->training, t->identity,
                        sizeof t->identity);
    if (t->training->checkpoint && !checkpoint_read(t->training->checkpoint, t->pass, t->best,
                                                    t->progress, t->identity, &found, fault))
        return false;
    if (found && !t->training->quiet)
        fprintf(stderr, "%s: goes on in epoch %zu after %zu steps\n", t->training->checkpoint,
                t->progress->epoch + 1, t->pass->taken);
    return true;
}

bool trainer_run(struct pass *pass, const struct dataset *train, const struct dataset *validation,
                 const struct training *training, struct progress *progress, struct fault *fault)
{
    struct trainer t = {.pass = pass,
                        .train = train,
                        .validation = validation,
                        .training = training,
                        .progress = progress};
    *progress = (struct progress){.epoch = 0};
    pass->rates = training->rates;
    pass->losses.conversions = training->conversions;
    pass->losses.sequential = training->sequential;
    t.order = malloc((train->rows + 1) * sizeof *t.order);
    t.best = malloc(parameters_learned(pass->parameters) * sizeof *t.best);
    bool fine = t.order && t.best;
    if (!fine)
        fault_memory(fault, "what was learned best");
    fine = fine && begin(&t, fault) && run_epochs(&t, fault);
    free(t.order);
    free(t.best);
    return fine;
}
