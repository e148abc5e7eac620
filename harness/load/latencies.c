#include "harness/load/latencies.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BATCHES = 30 };

/* Of the normal distribution, and of Student's with BATCHES - 1 degrees of freedom: 95 % lie
 * within. */
#define NORMAL_95  1.959964
#define STUDENT_95 2.045230

bool latencies_extend(struct latencies *l, size_t more, struct fault *fault)
{
    if (l->count + more > l->room) {
        const size_t room = 2 * l->room > l->count + more ? 2 * l->room : l->count + more;
        double *ns = realloc(l->ns, room * sizeof *ns);
        if (!ns)
            return fault_memory(fault, "the latencies");
        l->ns = ns;
        l->room = room;
    }
    for (size_t i = 0; i < more; i++)
        l->ns[l->count + i] = NAN;
    l->count += more;
    return true;
}

void latencies_free(struct latencies *l)
{
    free(l->ns);
    *l = (struct latencies){.count = 0};
}

/* ---- percentiles ----------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

size_t latencies_needed(double share)
{
    return (size_t)ceil(NORMAL_95 * NORMAL_95 * share / (1 - share));
}

/* How much more the share of latencies above `quantile` varies from one stretch of neighbours to
 * the next than that of independent ones would; at least 1. */
static double dependence(const struct latencies *l, double quantile, double share)
{
    const size_t each = l->count / BATCHES;
    double sum = 0, squares = 0;
    if (each == 0)
        return 1;
    for (size_t b = 0; b < BATCHES; b++) {
        double above = 0;
        for (size_t i = 0; i < each; i++)
            above += l->ns[b * each + i] > quantile;
        sum += above / (double)each;
        squares += above / (double)each * above / (double)each;
    }
    const double variance = (squares - sum * sum / BATCHES) / (BATCHES - 1);
    return fmax(1, variance * (double)each / (share * (1 - share)));
}

/* The latency of that rank, from 1; INFINITY beyond the last. */
static double at_rank(const double *sorted, size_t count, double rank)
{
    return rank > (double)count ? INFINITY : sorted[(size_t)fmax(rank, 1) - 1];
}

struct estimate latencies_quantile(const struct latencies *l, double share)
{
    const struct estimate unknown = {NAN, NAN, NAN};
    double *sorted = malloc((l->count + 1) * sizeof *sorted);
    if (!sorted || !l->count) {
        free(sorted);
        return unknown;
    }
    memcpy(sorted, l->ns, l->count * sizeof *sorted);
    qsort(sorted, l->count, sizeof *sorted, compare);
    const double n = (double)l->count;
    struct estimate e = {.median = at_rank(sorted, l->count, ceil(share * n))};
    const double more = dependence(l, e.median, share);
    const double z = more > 1 ? STUDENT_95 : NORMAL_95;
    const double half = z * sqrt(more * share * (1 - share) * n);
    e.low = at_rank(sorted, l->count, floor(share * n - half));
    e.high = at_rank(sorted, l->count, ceil(share * n + half));
    free(sorted);
    return e;
}

double latencies_mean(const struct latencies *l)
{
    double sum = 0;
    for (size_t i = 0; i < l->count; i++)
        sum += isfinite(l->ns[i]) ? l->ns[i] : 0;
    return sum / (double)(l->count - l->shed);
}

/* ---- histogram ------------------------------------------------------------------------------- */

double histogram_bound(size_t class) { return pow(10, (double)class / 10); }

static size_t class_of(double ns)
{
    const double class = ceil(10 * log10(fmax(ns, 1)) - 1e-9);
    return class < HISTOGRAM_CLASSES - 1 ? (size_t) class : HISTOGRAM_CLASSES - 1;
}

void latencies_histogram(const struct latencies *l, size_t count[HISTOGRAM_CLASSES])
{
    memset(count, 0, HISTOGRAM_CLASSES * sizeof *count);
    for (size_t i = 0; i < l->count; i++)
        if (isfinite(l->ns[i]))
            count[class_of(l->ns[i])]++;
}
