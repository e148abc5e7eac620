#include "harness/measure/statistics.h"

#include "harness/random.h"

#include <math.h>
#include <stdbool.h>
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

/* A sorted copy; NULL: no memory. */
static double *sorted_copy(const double *x, size_t count)
{
    double *copy = malloc((count + 1) * sizeof *copy);
    if (copy) {
        memcpy(copy, x, count * sizeof *copy);
        sort(copy, count);
    }
    return copy;
}

struct estimate median_estimate(const double *x, size_t count, uint64_t seed)
{
    double *sorted = sorted_copy(x, count), resampled[RESAMPLES];
    unsigned *drawn = malloc((count + 1) * sizeof *drawn);
    if (!sorted || !drawn || count < 2) {
        double only = sorted && count ? quantile(sorted, count, 0.5) : NAN;
        free(sorted);
        free(drawn);
        return (struct estimate){only, only, only};
    }
    struct random random = random_stream(seed, 0);
    for (size_t i = 0; i < RESAMPLES; i++)
        resampled[i] = resampled_median(sorted, count, drawn, &random);
    struct estimate estimate = interval_of(quantile(sorted, count, 0.5), resampled);
    free(sorted);
    free(drawn);
    return estimate;
}

double quantile_of(const double *x, size_t count, double p)
{
    double *sorted = count ? sorted_copy(x, count) : NULL;
    double value = sorted ? quantile(sorted, count, p) : NAN;
    free(sorted);
    return value;
}

/* ---- ratios ---------------------------------------------------------------------------------- */

/* Samples with their places in the sorted order, so that a resample can be counted instead of
 * sorted. */
struct ranked {
    double *sorted;
    size_t *place; /* of each sample, in the order taken */
    unsigned *drawn;
    size_t count;
};

static void ranked_free(struct ranked *r)
{
    free(r->sorted);
    free(r->place);
    free(r->drawn);
}

static bool rank(struct ranked *r, const double *x, size_t count)
{
    *r = (struct ranked){sorted_copy(x, count), malloc((count + 1) * sizeof *r->place),
                         calloc(count + 1, sizeof *r->drawn), count};
    if (!r->sorted || !r->place || !r->drawn)
        return false;
    for (size_t i = 0; i < count; i++) {
        size_t low = 0, high = count; /* the first that is not less: equal ones share a place */
        while (low < high) {
            size_t middle = (low + high) / 2;
            if (r->sorted[middle] < x[i])
                low = middle + 1;
            else
                high = middle;
        }
        r->place[i] = low;
    }
    return true;
}

/* The median of the drawn samples, `count` in all. */
static double drawn_median(const struct ranked *r)
{
    double upper = at_rank(r->sorted, r->drawn, r->count / 2);
    return r->count % 2 ? upper : (at_rank(r->sorted, r->drawn, r->count / 2 - 1) + upper) / 2;
}

enum { RUN_OF_ROUNDS = 4 };

/* Draws runs of neighbouring pairs until there are as many as there were. */
static void draw_pairs(struct ranked *x, struct ranked *y, struct random *random)
{
    size_t count = x->count, length = count < 4 * RUN_OF_ROUNDS ? 1 : RUN_OF_ROUNDS;
    memset(x->drawn, 0, count * sizeof *x->drawn);
    memset(y->drawn, 0, count * sizeof *y->drawn);
    for (size_t made = 0; made < count;) {
        size_t from = random_below(random, count);
        for (size_t k = 0; k < length && made < count; k++, made++) {
            x->drawn[x->place[(from + k) % count]]++;
            y->drawn[y->place[(from + k) % count]]++;
        }
    }
}

static void draw_alone(struct ranked *r, struct random *random)
{
    memset(r->drawn, 0, r->count * sizeof *r->drawn);
    for (size_t i = 0; i < r->count; i++)
        r->drawn[r->place[random_below(random, r->count)]]++;
}

static struct estimate ratio_of(struct ranked *x, struct ranked *y, bool paired, uint64_t seed)
{
    double resampled[RESAMPLES];
    double ratio = quantile(x->sorted, x->count, 0.5) / quantile(y->sorted, y->count, 0.5);
    struct random of_x = random_stream(seed, 0), of_y = random_stream(seed, 1);
    for (size_t i = 0; i < RESAMPLES; i++) {
        if (paired)
            draw_pairs(x, y, &of_x);
        else {
            draw_alone(x, &of_x);
            draw_alone(y, &of_y);
        }
        resampled[i] = drawn_median(x) / drawn_median(y);
    }
    return interval_of(ratio, resampled);
}

/* Copies the samples of those rounds that both have; returns how many. */
static size_t common(const struct series *x, const struct series *y, double *of_x, double *of_y)
{
    size_t count = 0;
    for (size_t i = 0, k = 0; x->round && y->round && i < x->count && k < y->count;) {
        if (x->round[i] == y->round[k]) {
            of_x[count] = x->x[i];
            of_y[count++] = y->x[k];
        }
        bool next_x = x->round[i] <= y->round[k], next_y = y->round[k] <= x->round[i];
        i += next_x;
        k += next_y;
    }
    return count;
}

struct estimate ratio_estimate(const struct series *x, const struct series *y, uint64_t seed)
{
    enum { PAIRS_LEAST = 5 };
    struct estimate ratio = {NAN, NAN, NAN};
    if (!x->count || !y->count)
        return ratio;
    double *of_x = malloc((x->count + y->count) * sizeof *of_x), *of_y = of_x + x->count;
    if (!of_x)
        return ratio;
    size_t pairs = common(x, y, of_x, of_y);
    bool paired = pairs >= PAIRS_LEAST;
    struct ranked first, second;
    bool fine = rank(&first, paired ? of_x : x->x, paired ? pairs : x->count);
    fine = rank(&second, paired ? of_y : y->x, paired ? pairs : y->count) && fine;
    if (fine)
        ratio = ratio_of(&first, &second, paired, seed);
    ranked_free(&first);
    ranked_free(&second);
    free(of_x);
    return ratio;
}

enum shown shown_by(const struct estimate *ratio)
{
    if (isnan(ratio->low) || isnan(ratio->high))
        return SHOWN_UNKNOWN;
    if (ratio->low > 1 + SHOWN_MARGIN)
        return SHOWN_FASTER;
    return ratio->high < 1 / (1 + SHOWN_MARGIN) ? SHOWN_SLOWER : SHOWN_NOTHING;
}

const char *shown_name(enum shown shown)
{
    static const char *const names[] = {"faster", "slower", "no difference shown", "unavailable"};
    return names[shown];
}

struct estimate share_estimate(size_t hits, size_t trials)
{
    const double z = 1.959964; /* of the normal distribution, 95 % lie within */
    double n = (double)trials, share = (double)hits / n;
    if (!trials)
        return (struct estimate){NAN, NAN, NAN};
    double scale = 1 + z * z / n, middle = (share + z * z / (2 * n)) / scale;
    double half = z / scale * sqrt(share * (1 - share) / n + z * z / (4 * n * n));
    return (struct estimate){share, fmax(middle - half, 0), fmin(middle + half, 1)};
}

/* ---- shape ----------------------------------------------------------------------------------- */

size_t outliers_of(const double *x, size_t count)
{
    double *sorted =
        count >= 4 ? sorted_copy(x, count) : NULL; /* quartiles of fewer mean nothing */
    if (!sorted)
        return 0;
    double first = quantile(sorted, count, 0.25), third = quantile(sorted, count, 0.75);
    double reach = 1.5 * (third - first);
    size_t outliers = 0;
    for (size_t i = 0; i < count; i++)
        outliers += sorted[i] < first - reach || sorted[i] > third + reach;
    free(sorted);
    return outliers;
}

double estimate_spread(const struct estimate *estimate)
{
    return (estimate->high - estimate->low) / 2 / estimate->median;
}
