#include "harness/measure/statistics.h"

#include "harness/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RESAMPLES = 1000 };

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void sort(double *x, size_t count)
{
    if (count > 1)
        qsort(x, count, sizeof *x, compare);
}

/* At fraction `p` of the sorted numbers, linear between neighbours. */
static double quantile(const double *sorted, size_t count, double p)
{
    double at = p * (double)(count - 1);
    size_t below = (size_t)at;
    if (below + 1 >= count)
        return sorted[count - 1];
    return sorted[below] + (at - (double)below) * (sorted[below + 1] - sorted[below]);
}

double median_of(double *x, size_t count)
{
    sort(x, count);
    return count ? quantile(x, count, 0.5) : NAN;
}

/* The number at `rank` (from 0) of a resample, which is given by how often it drew each of the
 * sorted samples. */
static double at_rank(const double *sorted, const unsigned *drawn, size_t rank)
{
    size_t seen = 0, i = 0;
    while ((seen += drawn[i]) <= rank)
        i++;
    return sorted[i];
}

/* Draws as many as there are, with replacement, and returns the median of those. Counting draws
 * saves sorting each resample; `drawn` has room for `count`. */
static double resampled_median(const double *sorted, size_t count, unsigned *drawn,
                               struct random *random)
{
    memset(drawn, 0, count * sizeof *drawn);
    for (size_t i = 0; i < count; i++)
        drawn[random_below(random, count)]++;
    double upper = at_rank(sorted, drawn, count / 2);
    return count % 2 ? upper : (at_rank(sorted, drawn, count / 2 - 1) + upper) / 2;
}

/* The middle 95 % of the resampled statistics. */
static struct estimate interval_of(double median, double resampled[RESAMPLES])
{
    sort(resampled, RESAMPLES);
    return (struct estimate){median, quantile(resampled, RESAMPLES, 0.025),
                             quantile(resampled, RESAMPLES, 0.975)};
}

struct estimate median_estimate(double *x, size_t count, uint64_t seed)
{
    double median = median_of(x, count), resampled[RESAMPLES];
    unsigned *drawn = count > 1 ? malloc(count * sizeof *drawn) : NULL;
    if (!drawn)
        return (struct estimate){median, median, median};
    struct random random = random_stream(seed, 0);
    for (size_t i = 0; i < RESAMPLES; i++)
        resampled[i] = resampled_median(x, count, drawn, &random);
    free(drawn);
    return interval_of(median, resampled);
}

struct estimate ratio_estimate(double *x, size_t x_count, double *y, size_t y_count, uint64_t seed)
{
    double ratio = median_of(x, x_count) / median_of(y, y_count), resampled[RESAMPLES];
    size_t most = x_count > y_count ? x_count : y_count;
    unsigned *drawn = x_count && y_count && most > 1 ? malloc(most * sizeof *drawn) : NULL;
    if (!drawn)
        return (struct estimate){ratio, ratio, ratio};
    struct random of_x = random_stream(seed, 0), of_y = random_stream(seed, 1);
    for (size_t i = 0; i < RESAMPLES; i++) {
        double numerator = resampled_median(x, x_count, drawn, &of_x);
        resampled[i] = numerator / resampled_median(y, y_count, drawn, &of_y);
    }
    free(drawn);
    return interval_of(ratio, resampled);
}

size_t outliers_of(double *x, size_t count)
{
    sort(x, count);
    if (count < 4) /* quartiles of so few mean nothing */
        return 0;
    double first = quantile(x, count, 0.25), third = quantile(x, count, 0.75);
    double reach = 1.5 * (third - first);
    size_t outliers = 0;
    for (size_t i = 0; i < count; i++)
        outliers += x[i] < first - reach || x[i] > third + reach;
    return outliers;
}

double estimate_spread(const struct estimate *estimate)
{
    return (estimate->high - estimate->low) / 2 / estimate->median;
}
