/* What a model predicts, 2 T + 1 numbers a row: pCTR, pCVR of each task, pCTCVR of each. EKTM.md,
 * "Rows on disk": as a file, and against labels. */
#ifndef EKTM_HARNESS_MODEL_PREDICTIONS_H
#define EKTM_HARNESS_MODEL_PREDICTIONS_H

#include "harness/model/activations.h"
#include "harness/model/lines.h"
#include "reference/operands.h"

enum { PREDICTIONS_MAX = 2 * TASKS_MAX + 1 };

static inline size_t predictions_of(size_t tasks) { return 2 * tasks + 1; }

/* "pctr", "pcvr1", "pctcvr1": the name of prediction `p`. */
void prediction_name(size_t tasks, size_t p, char *name, size_t size);

/* Prediction `p` of a row of BUFFER_P: [p_0 .. p_T]. */
double prediction_of(const float *row, size_t tasks, size_t p);

/* What a row's labels [click, conv1 .. convT] say of prediction `p`: pCTR is of all impressions,
 * pCVR of those that were clicked, pCTCVR of all, with no conversion where there was no click. */
uint8_t prediction_label(const uint8_t *row, size_t tasks, size_t p);

/* The line of names. */
void predictions_write_names(FILE *file, size_t tasks);

/* A file of predictions. */
struct prediction_file {
    struct lines lines;
    size_t tasks;
};

/* Opens it and reads the line of names, which says how many tasks there are. */
bool predictions_open(struct prediction_file *file, const char *path, struct fault *fault);

/* Reads a row of predictions_of(tasks) numbers; `*end`: there is none. What is no probability is a
 * fault that names file, line and column. */
bool predictions_read(struct prediction_file *file, double *row, bool *end, struct fault *fault);

void predictions_close(struct prediction_file *file);

#endif
