/* What the system tells about itself and its CPU, beyond the topology. */
#ifndef EKTM_HARNESS_MACHINE_HOST_H
#define EKTM_HARNESS_MACHINE_HOST_H

#include <stddef.h>

enum virtualised { VIRTUALISED_NO, VIRTUALISED_YES, VIRTUALISED_UNKNOWN };

struct host {
    char kernel[80]; /* "Linux 6.1.0-18-amd64" */
    enum virtualised virtualised;
    char hypervisor[48]; /* "KVM"; "" where there is none or it does not say */
};

void host_read(struct host *host);

/* The CPU's vector extensions that the system lets programs use, by their names in /proc/cpuinfo
 * ("avx2", "avx512_vnni", "asimddp"), but "neon" for asimd. Writes at most `max`; returns how many.
 */
size_t host_features(const char **names, size_t max);

#endif
