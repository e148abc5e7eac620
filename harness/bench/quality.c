#include "harness/bench/quality.h"

#include "harness/measure/ranking.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void quality_make(struct quality *quality, size_t tasks)
{
    *quality = (struct quality){.tasks = tasks, .predictions = predictions_of(tasks)};
}

void quality_free(struct quality *quality)
{
    free(quality->score[0]);
    free(quality->score[1]);
    free(quality->label);
    quality_make(quality, quality->tasks);
}

/* ---- collecting ------------------------------------------------------------------------------ */

/* Moves `predictions` columns of `rows` elements into columns of `room`. */
static void *widen(void *from, size_t element, size_t predictions, size_t rows, size_t old,
                   size_t room)
{
    char *to = calloc(predictions * room, element);
    for (size_t p = 0; p < predictions && to && from; p++)
        memcpy(to + p * room * element, (char *)from + p * old * element, rows * element);
    if (to)
        free(from);
    return to;
}

static bool make_room(struct quality *q, size_t rows, struct fault *fault)
{
    if (rows <= q->rows_room)
        return true;
    const size_t room = 2 * q->rows_room > rows ? 2 * q->rows_room : rows, old = q->rows_room;
    double *wide = widen(q->score[0], sizeof *wide, q->predictions, q->rows, old, room);
    q->score[0] = wide ? wide : q->score[0];
    double *narrow = widen(q->score[1], sizeof *narrow, q->predictions, q->rows, old, room);
    q->score[1] = narrow ? narrow : q->score[1];
    uint8_t *label = widen(q->label, sizeof *label, q->predictions, q->rows, old, room);
    q->label = label ? label : q->label;
    if (!wide || !narrow || !label)
        return fault_memory(fault, "the predictions to compare");
    q->rows_room = room;
    return true;
}

static void add_differences(struct quality_of *of, const double *wide, const double *narrow,
                            size_t rows)
{
    for (size_t i = 0; i < rows; i++) {
        const double difference = fabs(wide[i] - narrow[i]);
        of->most = fmax(of->most, difference);
        of->sum += difference;
    }
}

bool quality_add(struct quality *q, const float *wide, const float *narrow, const uint8_t *label,
                 size_t rows, struct fault *fault)
{
    size_t *scratch = malloc((2 * rows + 1) * sizeof *scratch);
    if (!scratch || !make_room(q, q->rows + rows, fault)) {
        free(scratch);
        return fault_memory(fault, "the predictions to compare");
    }
    for (size_t p = 0; p < q->predictions; p++) {
        const size_t at = p * q->rows_room + q->rows, columns = q->tasks + 1;
        for (size_t i = 0; i < rows; i++) {
            q->score[0][at + i] = prediction_of(wide + i * columns, q->tasks, p);
            q->score[1][at + i] = prediction_of(narrow + i * columns, q->tasks, p);
            q->label[at + i] =
                label ? prediction_label(label + i * columns, q->tasks, p) : LABEL_MISSING;
        }
        add_differences(&q->of[p], &q->score[0][at], &q->score[1][at], rows);
        const double tau = kendall_tau(&q->score[0][at], &q->score[1][at], rows, scratch);
        if (isfinite(tau)) {
            q->of[p].tau += tau;
            q->of[p].requests++;
        }
    }
    q->rows += rows;
    free(scratch);
    return true;
}

/* ---- what came out --------------------------------------------------------------------------- */

double quality_most(const struct quality *quality, size_t p) { return quality->of[p].most; }

double quality_mean(const struct quality *quality, size_t p)
{
    return quality->of[p].sum / (double)quality->rows;
}

double quality_tau(const struct quality *quality, size_t p)
{
    return quality->of[p].tau / (double)quality->of[p].requests;
}

bool quality_has_labels(const struct quality *q)
{
    for (size_t p = 0; p < q->predictions; p++)
        for (size_t i = 0; i < q->rows; i++)
            if (q->label[p * q->rows_room + i] != LABEL_MISSING)
                return true;
    return false;
}

bool quality_area(const struct quality *q, size_t p, struct fit *fit, struct fault *fault)
{
    const size_t at = p * q->rows_room;
    size_t *scratch = malloc((2 * q->rows + 1) * sizeof *scratch);
    if (!scratch)
        return fault_memory(fault, "a ranking");
    fit->wide = area_under_curve(q->score[0] + at, q->label + at, q->rows, scratch);
    fit->narrow = area_under_curve(q->score[1] + at, q->label + at, q->rows, scratch);
    free(scratch);
    return true;
}

struct fit quality_loss(const struct quality *q, size_t p)
{
    const size_t at = p * q->rows_room;
    return (struct fit){log_loss(q->score[0] + at, q->label + at, q->rows),
                        log_loss(q->score[1] + at, q->label + at, q->rows)};
}
