/* The processor's own counters, and the energy it used, where the system lets us read them. */
#ifndef EKTM_HARNESS_MEASURE_COUNTERS_H
#define EKTM_HARNESS_MEASURE_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>

enum counter {
    COUNTER_CYCLES,
    COUNTER_INSTRUCTIONS,
    COUNTER_CACHE_MISSES,
    COUNTER_TLB_MISSES,
    COUNTERS
};

/* "cycles", "instructions", "cache_misses", "tlb_misses": the last two are the last-level cache's
 * and the data TLB's on loads. */
const char *counter_name(enum counter counter);

/* Open counters, of this process in user space and of the threads that it starts later. */
struct counters {
    int file[COUNTERS]; /* -1: not to be had here */
    bool any;
};

void counters_open(struct counters *counters);
void counters_close(struct counters *counters);

/* Totals since counters_open, scaled up where counters took turns; NAN for those not to be had. */
void counters_read(const struct counters *counters, double total[COUNTERS]);

/* Joules that all packages used since some moment, from a tree like /sys/class/powercap; NAN: it
 * has none that we may read. Goes back to 0 from `*range` (J) on. */
double energy_read(const char *powercap, double *range);

/* Joules from one reading to a later one, less than a range apart. */
double energy_between(double before, double after, double range);

#endif
