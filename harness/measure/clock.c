#include "harness/measure/clock.h"

#include "harness/measure/statistics.h"

#include <math.h>

enum { READINGS = 2001, BLOCK = 32 };

struct clock_quality clock_measure(void)
{
    struct clock_quality quality = {.resolution = INFINITY};
    double overhead[READINGS];
    for (int i = 0; i < READINGS; i++) {
        uint64_t begin = clock_now(), last = begin;
        for (int k = 0; k < BLOCK; k++) {
            uint64_t now = clock_now();
            if (now > last)
                quality.resolution = fmin(quality.resolution, (double)(now - last));
            last = now;
        }
        overhead[i] = (double)(last - begin) / BLOCK;
    }
    quality.overhead = median_of(overhead, READINGS);
    if (isinf(quality.resolution)) /* no step in all readings: it is longer than any block */
        quality.resolution = 1e6;
    return quality;
}

double clock_shortest(const struct clock_quality *quality)
{
    return 50 * (quality->overhead + quality->resolution);
}
