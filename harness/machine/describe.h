/* A machine in words: for people and for the names of folders. */
#ifndef EKTM_HARNESS_MACHINE_DESCRIBE_H
#define EKTM_HARNESS_MACHINE_DESCRIBE_H

#include "harness/machine/topology.h"

#include <stdio.h>

/* Four lines: CPU and instructions; layout; caches and memory; what we may use of it. A synthetic
 * machine has no more than its layout. */
void machine_describe(const struct topology *topology, FILE *out);

/* A name for a folder, of lower-case letters, digits and single dashes: the CPU and how many of its
 * cores are ours, such as "amd-epyc-9654-96c". */
void machine_name(const struct topology *topology, char *name, size_t size);

/* Writes processors by the system's numbers, given in ascending order: "0-7,16,20-28:4" (the last:
 * every fourth). */
void processors_print(const unsigned *os, size_t count, FILE *out);

#endif
