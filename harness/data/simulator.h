/* A made-up platform: users send requests, each request shows candidates (items), some are clicked,
 * and of those some are converted, in one of two patterns. The true probabilities are known.
 *
 * Who and what. A user is an id and attributes, an item too: the first F/2 fields describe the user
 * (f0 is the user's id), the others the item (f{F/2} is the item's id); the next
 * `bag_fields` of the user's fields hold bags. Ids and attributes follow Zipf's law, users a
 * flatter one. An attribute has at most some thousands of values, so that what is learned of it
 * holds for new ids.
 *
 * Why. There are blocks of hidden factors: one for each group of tasks, which its tasks share, and
 * one for each task alone. In each block a row has a score of variance 1:
 *
 *     S = mains of user and item + interaction of user and item (inner product of factors)
 *         + a weighted sum of the dense features
 *
 * and task t has the logit
 *
 *     bias_t + signal (sqrt(similarity) S_group(t) + sqrt(1 - similarity) S_t)
 *
 * so `similarity` is the correlation of the logits of two tasks of a group; at 0 tasks are
 * unrelated and have nothing to learn from each other, neither weights nor representations. Clicks
 * belong to the first group. Biases are found so that rates over all rows are those asked for.
 *
 * Patterns. Sequential: conv_i needs conv_{i-1} (and conv_1 the click); the logistic function of
 * its logit is the probability of the step. Parallel: each conversion needs the click alone. */
#ifndef EKTM_HARNESS_DATA_SIMULATOR_H
#define EKTM_HARNESS_DATA_SIMULATOR_H

#include "harness/data/dataset.h"
#include "harness/model/inputs.h"
#include "reference/operands.h"

/* What to simulate. */
struct simulation {
    size_t fields, dense, tasks;  /* F >= 2, D, T                                        */
    size_t rows[FIELDS_MAX];      /* ids of a field are below that                       */
    size_t bag_fields, bag_ids;   /* fields with bags, and the mean ids of a bag         */
    enum label_pattern pattern;   /* LABELS_SEQUENTIAL or LABELS_PARALLEL                */
    size_t users, items;          /* at most rows[0] and rows[F/2]                       */
    size_t candidates;            /* mean rows of a request: 1 .. 2 candidates - 1       */
    size_t groups;                /* of tasks, 1 .. T: neighbours are in one             */
    double similarity;            /* 0 .. 1                                              */
    double signal;                /* standard deviation of a logit                       */
    double click;                 /* share of rows that are clicked                      */
    double conversion[TASKS_MAX]; /* [i]: share of rows with conversion i + 1            */
    double missing;               /* share of the conversion labels of clicked rows      */
    double exponent;              /* of Zipf's law                                       */
    uint64_t seed;
};

/* Sizes of the preset; 4 % clicks, conversions from 0.5 % down to 0.1 %, similarity 0.8, one group,
 * no label missing, sequential. */
void simulation_default(struct simulation *simulation, const struct ektm_preset *preset);

/* Users or items. */
struct side {
    size_t count;         /* of them                                        */
    size_t field, fields; /* the first that describes them, and how many    */
    uint32_t *bag;        /* [count * fields + 1]: where each bag begins    */
    int32_t *id;          /* the bags' ids                                  */
    float *profile;       /* [count, blocks, 1 + FACTORS]: main, factors    */
    struct id_field law;  /* which of them comes next                       */
};

enum { SIMULATOR_FACTORS = 4 };

struct simulator {
    struct simulation simulation;
    size_t blocks; /* groups + T + 1                 */
    struct side user, item;
    float *weight; /* [blocks, D] of dense features  */
    double bias[TASKS_MAX + 1];
};

/* A simulation that cannot be (rates, sizes): a fault that says what is allowed. Constant from then
 * on, so any number of threads may ask for requests. */
bool simulator_make(struct simulator *simulator, const struct simulation *simulation,
                    struct fault *fault);
void simulator_free(struct simulator *simulator);

/* Appends the candidates of request `request` with labels and truth to `data`, which was begun with
 * the simulation's sizes. A request depends on the seed and its number alone. Labels are what
 * happens to a candidate if it is shown, whatever else is. */
bool simulator_request(const struct simulator *simulator, uint64_t request, struct dataset *data,
                       struct fault *fault);

/* The item of row `row`. */
size_t simulator_item(const struct simulator *simulator, const struct dataset *data, size_t row);

/* What an advertiser pays for conversion `task` (1 .. T) of an item: log-normal over items, mean 1
 * for the first task; rarer conversions pay more. */
double simulator_bid(const struct simulator *simulator, size_t item, size_t task);

/* Sets the sizes of a model that its rows decide: fields, rows, dense, tasks. */
void simulator_sizes(const struct simulator *simulator, struct ektm_config *config);

#endif
