/* How well predictions rank and fit the labels of a data set, whoever made them. */
#ifndef EKTM_HARNESS_DATA_EVALUATION_H
#define EKTM_HARNESS_DATA_EVALUATION_H

#include "harness/measure/calibration.h"
#include "harness/measure/ranking.h"
#include "harness/model/predictions.h"

/* What is collected, row by row. */
struct evaluation {
    size_t tasks, predictions; /* T, 2 T + 1                                        */
    size_t rows, rows_room;
    double *score;  /* [predictions][rows_room]                                     */
    uint8_t *label; /* [predictions][rows_room]: prediction_label                   */
    uint64_t *user; /* [rows_room]: USER_NONE where nobody said                     */
};

/* Of one prediction. What labels do not tell is NAN. */
struct measures {
    size_t rows, positives; /* with a label; with label 1                           */
    double area;            /* under the ROC curve                                  */
    struct grouped by_user; /* the same within users; rows without one do not count */
    double loss;            /* log loss, nats                                       */
    struct calibration calibration;
};

enum { CALIBRATION_BINS = 20 };

/* Begins with no rows. */
void evaluation_begin(struct evaluation *evaluation, size_t tasks);
void evaluation_free(struct evaluation *evaluation);

/* Adds a row: `prediction` [2 T + 1], `label` [T + 1] as activations have them. */
bool evaluation_add(struct evaluation *evaluation, const double *prediction, const uint8_t *label,
                    uint64_t user, struct fault *fault);

/* Adds the first `rows` rows of a batch that a model has predicted. */
bool evaluation_add_batch(struct evaluation *evaluation, const struct activations *activations,
                          size_t rows, struct fault *fault);

bool evaluation_measure(const struct evaluation *evaluation, size_t prediction,
                        struct measures *measures, struct fault *fault);

#endif
