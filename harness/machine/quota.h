/* How much processor time the control group grants: what no cpuset and no affinity mask tells. */
#ifndef EKTM_HARNESS_MACHINE_QUOTA_H
#define EKTM_HARNESS_MACHINE_QUOTA_H

#include <stdio.h>

/* Processors' worth of time (quota / period) that the CPU controllers of this process's control
 * groups grant: the least from its group up to the root, in either version of the interface. 0: no
 * limit is readable. Every path is taken below `root`; "" for this system. */
double quota_read(const char *root);

/* ns since the groups began that quotas kept their threads waiting: of the group that waited
 * longest, from this process's up to the root. NAN: none tells. */
double quota_throttled(const char *root);

/* The number behind `name` at the beginning of a line, as in cpu.stat; NAN: there is no such line.
 */
double quota_value(FILE *file, const char *name);

#endif
