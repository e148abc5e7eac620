/* Samples of competitors' running times, taken side by side so that whatever drifts meanwhile
 * meets all of them. */
#ifndef EKTM_HARNESS_MEASURE_SAMPLE_H
#define EKTM_HARNESS_MEASURE_SAMPLE_H

#include "harness/fault.h"
#include "harness/measure/clock.h"

#include <signal.h>
#include <stddef.h>

struct competitor {
    void (*run)(void *argument); /* what is timed */
    void *argument;
    size_t calls;           /* in one sample: 0 until calibrated                       */
    double span;            /* ns that one sample takes, its untimed call included     */
    size_t count;           /* samples taken                                           */
    double *ns;             /* of one call, in the order in which they were taken      */
    double wall, processor; /* ns that its samples took, and that this process had on processors */
};

struct sampling {
    const struct clock_quality *clock;
    double budget;      /* ns for all competitors together                             */
    double sample;      /* ns that one sample takes at least; never under clock_shortest */
    double warm_up;     /* ns of untimed calls of each before its first sample         */
    size_t least, most; /* samples of each                                             */
    const volatile sig_atomic_t *stop; /* nonzero: take no more samples; may be NULL     */
    void (*evict)(void *argument); /* drives everything out of the caches before each sample, which
                                      is then of one call; NULL: caches are warm          */
    void *evict_argument;
};

/* Takes samples of all competitors in turns, each round starting with another one. One untimed call
 * before each sample brings back what the others drove out of the caches. A competitor whose
 * samples take long sits rounds out, evenly, so that each gets its share of the budget but never
 * fewer than `least` samples. Competitors that have samples get more of them. False: no memory. */
bool sample_interleaved(const struct sampling *sampling, struct competitor *competitors,
                        size_t count, struct fault *fault);

/* Frees the samples. */
void competitor_free(struct competitor *competitor);

#endif
