/* The tables that there are: each appends its layers to a network that has the sizes, and room.
 * False: out of memory. */
#ifndef EKTM_REFERENCE_NETWORK_KINDS_H
#define EKTM_REFERENCE_NETWORK_KINDS_H

#include "reference/network.h"

bool network_build_ektm(struct network *n);
bool network_build_no_router(struct network *n);
bool network_build_no_transmitter(struct network *n);
bool network_build_no_gate(struct network *n);
bool network_build_shared_bottom(struct network *n);
bool network_build_single_task(struct network *n);
bool network_build_esmm(struct network *n);
bool network_build_mmoe(struct network *n);
bool network_build_ple(struct network *n);
bool network_build_aitm(struct network *n);

#endif
