/* Samples of competitors' running times, taken side by side so that whatever drifts meanwhile
 * meets all of them. */
#ifndef EKTM_HARNESS_MEASURE_SAMPLE_H
#define EKTM_HARNESS_MEASURE_SAMPLE_H

#include "harness/fault.h"
#include "harness/measure/counters.h"
#include "harness/measure/clock.h"
#include "harness/measure/statistics.h"

#include <signal.h>
#include <stddef.h>

struct competitor {
    void (*run)(void *argument); /* what is timed */
    double (*time)(void *argument,
                   size_t calls); /* in its place: ns that so many calls took, told by
                                     the other process in which they ran; or NULL */
    void *argument;
    size_t calls;  /* in one sample: 0 until calibrated                       */
    double span;   /* ns that one sample takes, its untimed call included     */
    size_t count;  /* samples taken                                           */
    double *ns;    /* of one call, in the order in which they were taken      */
    size_t *round; /* in which each was taken: competitors share rounds       */
    double *clock; /* GHz of the calling thread's core right after each       */
    double wall,
        processor;   /* ns that its samples took, and that the calling thread had on processors */
    double switches; /* times that a thread had to make way during its samples  */
    double counted[COUNTERS]; /* by the processor's counters during its samples        */
    bool invalid;             /* the machine got in the way: nothing may be concluded    */
};

struct sampling {
    const struct clock_quality *clock;
    double budget;      /* ns for all competitors together                             */
    double sample;      /* ns that one sample takes at least; never under clock_shortest */
    double warm_up;     /* ns of untimed calls of each before its first sample         */
    double stride;      /* ns of untimed calls before each sample, one at least: what else ran may
                           have left more than one call can bring back                   */
    size_t least, most; /* samples of each                                             */
    const struct counters *counters;   /* NULL: none is read                             */
    const volatile sig_atomic_t *stop; /* nonzero: take no more samples; may be NULL     */
    void (*evict)(void *argument); /* drives everything out of the caches before each sample, which
                                      is then of one call; NULL: caches are warm          */
    void *evict_argument;
};

/* Takes samples of all competitors in turns, each round starting with another one. Untimed
 * calls before each sample bring back what the others drove out of the caches; one that tells its
 * time itself sees to that itself. A competitor whose
 * samples take long sits rounds out, evenly, so that each gets its share of the budget but never
 * fewer than `least` samples. Competitors that have samples get more of them. False: no memory. */
bool sample_interleaved(const struct sampling *sampling, struct competitor *competitors,
                        size_t count, struct fault *fault);

/* The samples as a series whose rounds are the competitor's. */
struct series competitor_series(const struct competitor *competitor);

/* Frees the samples. */
void competitor_free(struct competitor *competitor);

#endif
