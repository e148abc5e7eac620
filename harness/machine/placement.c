#include "harness/machine/topology.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

const char *placement_name(enum placement placement)
{
    static const char *const names[PLACEMENTS] = {"compact", "spread"};
    return names[placement];
}

/* Ordinals go up along the tree, so sorting by them walks it. */
static int compare_compact(const struct pu *a, const struct pu *b)
{
    const unsigned of_a[] = {a->smt, a->package, a->numa, a->l3, a->core};
    const unsigned of_b[] = {b->smt, b->package, b->numa, b->l3, b->core};
    for (size_t i = 0; i < sizeof of_a / sizeof *of_a; i++)
        if (of_a[i] != of_b[i])
            return of_a[i] < of_b[i] ? -1 : 1;
    return 0;
}

static int compare_index(const void *a, const void *b, void *pus)
{
    const struct pu *pu = pus;
    return compare_compact(&pu[*(const size_t *)a], &pu[*(const size_t *)b]);
}

/* How many threads sit in each part of the machine. */
struct used {
    unsigned *package, *numa, *l3;
};

/* Whether `a` is the better seat for the next thread: first a part that nobody sits in, the larger
 * the better; then where the fewest sit. Equal ones keep the compact order. */
static bool farther(const struct used *used, const struct pu *a, const struct pu *b)
{
    const unsigned of_a[] = {used->package[a->package], used->numa[a->numa], used->l3[a->l3]};
    const unsigned of_b[] = {used->package[b->package], used->numa[b->numa], used->l3[b->l3]};
    if (a->smt != b->smt)
        return a->smt < b->smt;
    for (size_t i = 0; i < 3; i++)
        if ((of_a[i] == 0) != (of_b[i] == 0))
            return of_a[i] == 0;
    for (size_t i = 0; i < 3; i++)
        if (of_a[i] != of_b[i])
            return of_a[i] < of_b[i];
    return false;
}

/* `order` holds the compact one. Without memory for the counts it stays that. */
static void spread(const struct topology *t, size_t *order)
{
    unsigned *counts = calloc(t->packages + t->numas + t->l3s, sizeof *counts);
    if (!counts)
        return;
    struct used used = {counts, counts + t->packages, counts + t->packages + t->numas};
    for (size_t next = 0; next < t->pus; next++) {
        size_t best = next;
        for (size_t i = next + 1; i < t->pus; i++)
            if (farther(&used, &t->pu[order[i]], &t->pu[order[best]]))
                best = i;
        size_t chosen = order[best];
        memmove(&order[next + 1], &order[next], (best - next) * sizeof *order);
        order[next] = chosen;
        used.package[t->pu[chosen].package]++;
        used.numa[t->pu[chosen].numa]++;
        used.l3[t->pu[chosen].l3]++;
    }
    free(counts);
}

void placement_order(const struct topology *topology, enum placement placement, size_t *order)
{
    for (size_t i = 0; i < topology->pus; i++)
        order[i] = i;
    qsort_r(order, topology->pus, sizeof *order, compare_index, topology->pu);
    if (placement == PLACEMENT_SPREAD)
        spread(topology, order);
}

size_t thread_counts(const struct topology *topology, size_t *counts, size_t max)
{
    size_t limit = topology->quota > 0 && topology->quota < (double)topology->pus
                       ? (size_t)ceil(topology->quota)
                       : topology->pus;
    size_t cores = topology->cores < limit ? topology->cores : limit, written = 0;
    for (size_t n = 1; n < cores && written < max; n *= 2)
        counts[written++] = n;
    if (written < max)
        counts[written++] = cores;
    if (limit > cores && written < max)
        counts[written++] = limit;
    return written;
}
