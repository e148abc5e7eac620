/* Machines in the order of what the demand costs on them. */
#ifndef EKTM_HARNESS_CHOOSE_RANKING_H
#define EKTM_HARNESS_CHOOSE_RANKING_H

#include "harness/choose/configurations.h"
#include "harness/choose/prices.h"

/* A machine in its best configuration, at its price. */
struct offer {
    const char *machine;
    const struct configuration *configuration;
    const struct price *price;
    struct cost cost;
    size_t rank; /* 1 + how many are shown to be cheaper: no difference is shown between machines of
                    one rank */
};

struct ranking {
    size_t count;
    struct offer *offer; /* by rank, then the median of the cost, then the name */
};

/* Sets ranks and puts the offers, whose costs are known, in order. The first has the least median,
 * and rank 1. */
void ranking_sort(struct ranking *ranking);

#endif
