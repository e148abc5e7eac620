/* The table of what this machine can do at best: multiply-adds of each instruction set, sequential
 * memory and random rows at every level, by row size and kind of pages. */
#ifndef EKTM_HARNESS_BENCH_CEILINGS_H
#define EKTM_HARNESS_BENCH_CEILINGS_H

#include "harness/bench/probe.h"

/* Measures every probe with every kernel that runs here but the reference, with the job's seating,
 * and writes a line for each. Kernels are held against ceilings of their own (roof.h), taken beside
 * them; these are for comparing machines. */
bool ceilings_measure(struct run *run, const struct job *job, struct fault *fault);

#endif
