/* What a model does under load, in tables for people, read off the records. */
#ifndef EKTM_HARNESS_LOAD_REPORT_H
#define EKTM_HARNESS_LOAD_REPORT_H

#include "harness/bench/run.h"

/* One row for each number format and layout: alone, at most, and the highest rate that keeps to the
 * objective; which layout to take; single rates that were asked for; what neighbours take. Nothing
 * where there are no such records of the preset. */
void report_load(const struct run *run, const char *preset);

#endif
