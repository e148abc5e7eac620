/* Time, and how well it can be told. */
#ifndef EKTM_HARNESS_MEASURE_CLOCK_H
#define EKTM_HARNESS_MEASURE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Nanoseconds since some moment; never goes back. */
static inline uint64_t clock_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* What the clock itself adds to a measured span. */
struct clock_quality {
    double overhead;   /* ns of one reading: the median of many         */
    double resolution; /* ns: the smallest step that was seen, above 0  */
};

struct clock_quality clock_measure(void);

/* The shortest span worth timing, in ns: one that the clock's overhead and resolution together
 * distort by less than a fiftieth. */
double clock_shortest(const struct clock_quality *quality);

#endif
