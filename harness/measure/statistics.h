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
 * One sample: the interval is that sample. None: NaN. */
struct estimate median_estimate(const double *x, size_t count, uint64_t seed);

/* Samples in the order in which they were taken, each in a round, ascending. */
struct series {
    const double *x;
    const size_t *round; /* NULL: of no round that another series has */
    size_t count;
};

/* The ratio of medians, x over y. Where the two share rounds, only samples of those count and
 * rounds are resampled, in runs of neighbours: what drifts from one round to the next meets both,
 * and is no reason to doubt the ratio. Otherwise the samples are independent. */
struct estimate ratio_estimate(const struct series *x, const struct series *y, uint64_t seed);

/* What a ratio of times, theirs over ours, shows about us. */
enum shown { SHOWN_FASTER, SHOWN_SLOWER, SHOWN_NOTHING, SHOWN_UNKNOWN };

/* Copies of the same code differ by so much for ever, by where they and their data lie: what the
 * interval shows beyond that is the code's. */
#define SHOWN_MARGIN 0.01

/* Faster or slower where the whole interval lies beyond 1 by more than SHOWN_MARGIN; unknown: NaN.
 */
enum shown shown_by(const struct estimate *ratio);

/* "faster", "slower", "no difference shown", "unavailable". */
const char *shown_name(enum shown shown);

/* The share `hits` of `trials` with its 95 % interval after Wilson (J. Am. Stat. Assoc. 22, 1927);
 * NaN for no trials. */
struct estimate share_estimate(size_t hits, size_t trials);

/* How many of `count` samples lie beyond Tukey's fences: 1.5 interquartile ranges below the first
 * or above the third quartile. */
size_t outliers_of(const double *x, size_t count);

/* The number below which the fraction `p` of them lies, linear between neighbours; NaN for none. */
double quantile_of(const double *x, size_t count, double p);

/* Half the interval's width as a fraction of the median. */
double estimate_spread(const struct estimate *estimate);

#endif
