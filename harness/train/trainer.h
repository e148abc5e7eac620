/* Training: epochs over rows in memory, scored on others after each, stopped when those get worse.
 */
#ifndef EKTM_HARNESS_TRAIN_TRAINER_H
#define EKTM_HARNESS_TRAIN_TRAINER_H

#include "harness/train/pass.h"

/* How well a network ranks. */
struct scores {
    size_t tasks;
    double auc[TASKS_MAX + 1];   /* of clicks over all rows, of conversions over clicks; NAN: the
                                    rows do not tell                                            */
    double ctcvr[TASKS_MAX + 1]; /* [i]: of click and conversion i, over all rows               */
    double log_loss[TASKS_MAX + 1]; /* as auc */
};

/* The mean AUC of those tasks that have one, clicks included. */
double scores_mean(const struct scores *scores);

struct training {
    size_t batch, epochs;
    size_t patience; /* epochs that may go by without a better score on the validation rows */
    uint64_t seed;
    struct rates rates;
    double conversions;     /* weight of the conversions' losses beside the clicks'    */
    bool sequential;        /* the pattern of the labels                               */
    const char *checkpoint; /* NULL: none                                              */
    size_t every;           /* steps from one checkpoint to the next; 0: one an epoch  */
    size_t stop;            /* give up after so many steps, as if killed; 0: never     */
    bool quiet;             /* says nothing on stderr                                  */
};

/* Where training is. What is learned best so far is kept. */
struct progress {
    size_t epoch, step; /* the epoch, and how many of its steps are done  */
    size_t worse;       /* epochs since the best one                      */
    size_t best_epoch;  /* counted from 1; 0: none yet                    */
    double best, loss;  /* mean AUC; sum of this epoch's losses           */
};

/* Predicts all rows: pCTR, pCVR_1 .. pCVR_T of each, to `p` [rows, T + 1]. */
bool trainer_predict(struct pass *pass, const struct dataset *data, float *p, struct fault *fault);

/* Predicts all rows and scores them. */
bool trainer_score(struct pass *pass, const struct dataset *data, struct scores *scores,
                   struct fault *fault);

/* Trains, from the checkpoint if there is one, and leaves what scored best on the validation rows.
 * `*progress` is what became of it. */
bool trainer_run(struct pass *pass, const struct dataset *train, const struct dataset *validation,
                 const struct training *training, struct progress *progress, struct fault *fault);

#endif
