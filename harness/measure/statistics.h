/* What samples say: medians with intervals, and how many samples lie far out. Nothing is ever
 * dropped. */
#ifndef EKTM_HARNESS_MEASURE_STATISTICS_H
#define EKTM_HARNESS_MEASURE_STATISTICS_H

#include <stddef.h>
#include <stdint.h>

/* A value and its 95 % confidence interval. */
struct estimate {
    double median, low, high;
};

/* The median of `count` numbers, which it sorts; the mean of the middle two where count is even.
 * NaN for none. */
double median_of(double *x, size_t count);

/* The median and its percentile-bootstrap interval, a function of the samples and the seed alone.
 * One sample: the interval is that sample. None: NaN. Sorts the samples. */
struct estimate median_estimate(double *x, size_t count, uint64_t seed);

/* The ratio of medians, x over y, of independent samples. Sorts both. */
struct estimate ratio_estimate(double *x, size_t x_count, double *y, size_t y_count, uint64_t seed);

/* How many of `count` samples lie beyond Tukey's fences: 1.5 interquartile ranges below the first
 * or above the third quartile. Sorts them. */
size_t outliers_of(double *x, size_t count);

/* Half the interval's width as a fraction of the median. */
double estimate_spread(const struct estimate *estimate);

#endif
