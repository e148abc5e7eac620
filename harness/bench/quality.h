/* What narrow formats cost in predictions and in ranking: two models' predictions of the same rows,
 * request by request. */
#ifndef EKTM_HARNESS_BENCH_QUALITY_H
#define EKTM_HARNESS_BENCH_QUALITY_H

#include "harness/model/predictions.h"
#include "reference/operands.h"

/* Of one prediction: pCTR, pCVR or pCTCVR of a task. */
struct quality_of {
    double most, sum; /* of the differences' magnitudes                       */
    double tau;       /* sum over requests that tau tells something of        */
    size_t requests;  /* of those                                             */
};

struct quality {
    size_t tasks, predictions; /* 2 T + 1: pCTR, pCVR of each task, pCTCVR of each */
    size_t rows, rows_room;
    struct quality_of of[PREDICTIONS_MAX];
    double *score[2]; /* [predictions][rows_room]: of the wide model and of the narrow one */
    uint8_t *label;   /* [predictions][rows_room]                                            */
};

/* Begins with no rows. */
void quality_make(struct quality *quality, size_t tasks);
void quality_free(struct quality *quality);

/* Adds a request: `rows` rows of [p_0 .. p_T] as both models predict them, and their labels
 * [click, conv1 .. convT] (activations.h), NULL: there are none. False: no memory. */
bool quality_add(struct quality *quality, const float *wide, const float *narrow,
                 const uint8_t *label, size_t rows, struct fault *fault);

double quality_most(const struct quality *quality, size_t p);
double quality_mean(const struct quality *quality, size_t p);

/* The mean over requests of Kendall's tau between both rankings; NAN: no request tells. */
double quality_tau(const struct quality *quality, size_t p);

/* Against labels (prediction_label). NAN where labels do not tell. */
struct fit {
    double wide, narrow;
};

/* Area under the curve, and log loss, of both. False: no memory. */
bool quality_area(const struct quality *quality, size_t p, struct fit *fit, struct fault *fault);
struct fit quality_loss(const struct quality *quality, size_t p);

/* Whether any label is there. */
bool quality_has_labels(const struct quality *quality);

#endif
