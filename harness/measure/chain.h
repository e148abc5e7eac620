/* The clock that the core really runs at, told without counters: so many additions that each wait
 * for the one before take so many cycles. */
#ifndef EKTM_HARNESS_MEASURE_CHAIN_H
#define EKTM_HARNESS_MEASURE_CHAIN_H

#include <stddef.h>

/* Cycles per ns, so GHz, of the calling thread's core over `additions` additions (rounded up to a
 * whole number of 64). Whatever interrupts the chain makes it read less. */
double chain_clock(size_t additions);

#endif
