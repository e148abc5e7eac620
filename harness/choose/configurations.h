/* Ways to serve the model that were measured on a machine: what each is, and how many queries a
 * second it serves at the objective. */
#ifndef EKTM_HARNESS_CHOOSE_CONFIGURATIONS_H
#define EKTM_HARNESS_CHOOSE_CONFIGURATIONS_H

#include "harness/choose/cost.h"
#include "harness/choose/evidence.h"
#include "harness/choose/notes.h"
#include "harness/choose/requirement.h"

/* What is to be decided. */
struct question {
    struct objective objective;
    bool antagonist;                       /* by searches beside one, else by those alone */
    const char *preset, *ids, *candidates; /* NULL: the one that all have                 */
    struct requirement requirement;
    struct demand demand;
};

struct configuration {
    const struct search *of; /* the last of its runs                               */
    char label[512];         /* backend, formats, layout, ...: one to a machine    */
    struct estimate highest; /* query/s; of several runs the median of medians, within the least and
                                the greatest end of their intervals                */
    double candidates;       /* of a query: the mean of its runs                   */
    double joules;           /* of a query: the mean of its runs; NaN: unavailable */
    size_t runs;
    bool noisy;  /* one of them is                              */
    bool passes; /* the requirement                             */
    char why_not[256];
    bool best; /* of those of its machine that pass: serves most */
};

struct configurations {
    size_t count;
    struct configuration *configuration; /* by machine and label */
};

/* Those that the question is about. What is invalid, or holds the objective at no rate, is noted in
 * `left_out`. Runs that cannot be compared, of other models, ids or laws of candidates: a fault. */
bool configurations_make(struct configurations *configurations, const struct evidence *evidence,
                         const struct question *question, struct notes *left_out,
                         struct fault *fault);
void configurations_free(struct configurations *configurations);

/* The best one of the machine, or NULL. */
const struct configuration *configurations_best(const struct configurations *configurations,
                                                const char *machine);

#endif
