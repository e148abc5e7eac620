#include "harness/choose/ranking.h"

#include <stdlib.h>
#include <string.h>

static int compare_offers(const void *a, const void *b)
{
    const struct offer *x = a, *y = b;
    const double one = x->cost.per_hour.median, other = y->cost.per_hour.median;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    if (one != other)
        return one < other ? -1 : 1;
    return strcmp(x->machine, y->machine);
}

void ranking_sort(struct ranking *ranking)
{
    for (size_t i = 0; i < ranking->count; i++) {
        struct offer *offer = &ranking->offer[i];
        offer->rank = 1;
        for (size_t j = 0; j < ranking->count; j++)
            offer->rank += shown_below(&ranking->offer[j].cost.per_hour, &offer->cost.per_hour);
    }
    if (ranking->count)
        qsort(ranking->offer, ranking->count, sizeof *ranking->offer, compare_offers);
}
