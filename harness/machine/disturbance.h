/* What else happened on the machine while something was measured. */
#ifndef EKTM_HARNESS_MACHINE_DISTURBANCE_H
#define EKTM_HARNESS_MACHINE_DISTURBANCE_H

#include "harness/machine/topology.h"

#include <stdio.h>

/* Totals since some moment; NAN where the system does not tell. */
struct totals {
    double wall;       /* ns                                                                 */
    double own;        /* ns that this process had on processors                             */
    double busy;       /* ns that anybody had on the processors that we may use              */
    double stolen;     /* ns that the hypervisor had them for others                         */
    double throttled;  /* ns that the control group's quota kept us waiting                  */
    double migrations; /* of this process's threads from one processor to another            */
};

/* What a span of time saw. NAN: not known; so are steal and load of a span that is too short for
 * the system's ticks. */
struct disturbance {
    double steal;      /* share of our processors' time, 0 to 1              */
    double load;       /* processors' worth of other processes' work on ours */
    double throttled;  /* share of the time, 0 to 1                          */
    double migrations; /* how many                                           */
    double own;        /* processors' worth of this process's work           */
};

/* Reads them all, a fraction of a millisecond. */
void totals_read(struct totals *totals, const struct topology *topology);

struct disturbance disturbance_between(const struct totals *before, const struct totals *after,
                                       const struct topology *topology);

/* Parts of totals_read. Adds up the lines of the topology's processors in a file like /proc/stat,
 * in ticks of `tick` ns; false, and NAN, where there are none. */
bool totals_parse_stat(struct totals *totals, FILE *stat, const struct topology *topology,
                       double tick);

#endif
