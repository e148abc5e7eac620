#include "harness/data/evaluation.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void evaluation_begin(struct evaluation *e, size_t tasks)
{
    *e = (struct evaluation){.tasks = tasks, .predictions = predictions_of(tasks)};
}

void evaluation_free(struct evaluation *e)
{
    free(e->score);
    free(e->label);
    free(e->user);
    evaluation_begin(e, e->tasks);
}

/* ---- collecting ------------------------------------------------------------------------------ */

/* A larger array of columns; frees the old one. NULL: out of memory, and it stays. */
static void *widen(void *old, size_t element, const struct evaluation *e, size_t columns,
                   size_t room)
{
    char *to = malloc(columns * room * element + 1);
    for (size_t c = 0; c < columns && to && old; c++)
        memcpy(to + c * room * element, (char *)old + c * e->rows_room * element,
               e->rows * element);
    if (to)
        free(old);
    return to;
}

static bool make_room(struct evaluation *e, struct fault *fault)
{
    if (e->rows < e->rows_room)
        return true;
    const size_t room = 2 * e->rows_room + 1024;
    double *score = widen(e->score, sizeof *score, e, e->predictions, room);
    e->score = score ? score : e->score;
    uint8_t *label = widen(e->label, sizeof *label, e, e->predictions, room);
    e->label = label ? label : e->label;
    uint64_t *user = widen(e->user, sizeof *user, e, 1, room);
    e->user = user ? user : e->user;
    if (!score || !label || !user)
        return fault_memory(fault, "the predictions to evaluate");
    e->rows_room = room;
    return true;
}

bool evaluation_add(struct evaluation *e, const double *prediction, const uint8_t *label,
                    uint64_t user, struct fault *fault)
{
    if (!make_room(e, fault))
        return false;
    assert(e->score && e->label && e->user);
    for (size_t p = 0; p < e->predictions; p++) {
        e->score[p * e->rows_room + e->rows] = prediction[p];
        e->label[p * e->rows_room + e->rows] = prediction_label(label, e->tasks, p);
    }
    e->user[e->rows++] = user;
    return true;
}

bool evaluation_add_batch(struct evaluation *e, const struct activations *a, size_t rows,
                          struct fault *fault)
{
    const struct tensor *p = &a->memory.buffer[BUFFER_P];
    double prediction[PREDICTIONS_MAX];
    for (size_t b = 0; b < rows; b++) {
        for (size_t i = 0; i < e->predictions; i++)
            prediction[i] = prediction_of((const float *)p->data + b * p->ld, e->tasks, i);
        if (!evaluation_add(e, prediction, a->label + b * (e->tasks + 1), a->user[b], fault))
            return false;
    }
    return true;
}

/* ---- what came out --------------------------------------------------------------------------- */

/* Labels of rows whose user nobody named are missing to what groups by users. */
static uint8_t *labels_of_users(const struct evaluation *e, const uint8_t *label)
{
    uint8_t *named = malloc(e->rows + 1);
    for (size_t i = 0; i < e->rows && named; i++)
        named[i] = e->user[i] == USER_NONE ? LABEL_MISSING : label[i];
    return named;
}

bool evaluation_measure(const struct evaluation *e, size_t prediction, struct measures *m,
                        struct fault *fault)
{
    const double *score = e->score + prediction * e->rows_room;
    const uint8_t *label = e->label + prediction * e->rows_room;
    size_t *scratch = malloc((2 * e->rows + 1) * sizeof *scratch);
    uint8_t *named = labels_of_users(e, label);
    const bool fine = scratch && named;
    *m = (struct measures){.rows = 0};
    for (size_t i = 0; i < e->rows; i++) {
        m->rows += label[i] != LABEL_MISSING;
        m->positives += label[i] == 1;
    }
    if (fine) {
        m->area = area_under_curve(score, label, e->rows, scratch);
        m->by_user = grouped_area(score, named, e->user, e->rows, scratch);
        m->loss = log_loss(score, label, e->rows);
        m->calibration = calibration_of(score, label, e->rows, CALIBRATION_BINS, scratch);
    }
    free(scratch);
    free(named);
    return fine ? true : fault_memory(fault, "a ranking");
}
