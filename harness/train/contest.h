/* Networks against each other: each of some kinds, with as many learned numbers outside its tables
 * as EKTM has, tuned in the same way, trained from several seeds on the same rows. */
#ifndef EKTM_HARNESS_TRAIN_CONTEST_H
#define EKTM_HARNESS_TRAIN_CONTEST_H

#include "harness/machine/team.h"
#include "harness/train/abtest.h"
#include "harness/train/trainer.h"

enum { KINDS_MAX = 16, SEEDS_MAX = 64, SETTINGS_MAX = 8 };

/* What is tuned: Adam's learning rate, and the weight of the conversions' losses beside the
 * clicks'. */
struct setting {
    double rate, conversions;
};

/* What to do. */
struct contest_plan {
    const char *name; /* of the data, such as "correlated tasks" */
    struct simulation simulation;
    struct ektm_config config; /* EKTM's widths; sizes are the simulation's                       */
    size_t train, validation, test, requests; /* rows; requests of the A/B test                   */
    size_t kinds;
    const struct network_kind *kind[KINDS_MAX]; /* EKTM first                                     */
    size_t seeds, settings;
    struct setting setting[SETTINGS_MAX]; /* tried once for each kind, with a seed of its own */
    size_t batch, epochs, patience;
    uint64_t seed;
};

/* One training. */
struct contest_run {
    struct scores scores;
    double conversions; /* mean AUC of the conversions */
    struct earnings earnings;
    size_t best_epoch;
    double validation; /* the best mean AUC on the validation rows */
};

struct contest {
    const struct contest_plan *plan;
    struct simulator simulator;
    struct dataset train, validation, test;
    struct abtest abtest;
    size_t parameters[KINDS_MAX], table_rows[KINDS_MAX];
    struct setting chosen[KINDS_MAX];
    struct contest_run tuning[KINDS_MAX][SETTINGS_MAX], run[KINDS_MAX][SEEDS_MAX];
    double seconds;
};

/* Simulates, tunes, trains and plays, as many trainings at a time as the team has members. False:
 * nothing is left to be freed. */
bool contest_run(struct contest *contest, const struct contest_plan *plan,
                 const struct backend *backend, enum isa isa, struct team *team,
                 struct fault *fault);
void contest_free(struct contest *contest);

/* Writes what it came to, as tables that people read. */
void contest_report(const struct contest *contest, FILE *out);

#endif
