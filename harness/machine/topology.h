/* What processors there are, which of them we may use, and in which order to use them. */
#ifndef EKTM_HARNESS_MACHINE_TOPOLOGY_H
#define EKTM_HARNESS_MACHINE_TOPOLOGY_H

#include "harness/fault.h"

#include <hwloc.h>
#include <stddef.h>

/* A processor that we may use: neither offline nor withheld by the cgroup or the affinity mask. */
struct pu {
    unsigned os;                      /* the system's number                                   */
    unsigned package, numa, l3, core; /* ordinals within the whole machine, from 0            */
    unsigned smt;                     /* ordinal among the usable processors of its core, from 0 */
};

enum { CACHE_LEVELS = 3 };

struct topology {
    hwloc_topology_t hwloc;
    bool synthetic; /* described by the caller: nothing can be pinned to it                   */
    size_t pus;     /* usable processors                                                      */
    struct pu *pu;  /* in the order of the tree                                               */
    size_t packages, numas, l3s, cores; /* that hold a usable processor. Where no L3 is seen, the
                                           processors of a NUMA node or package, whichever is
                                           smaller, count as one L3                            */
    size_t all_pus;                     /* online or not, ours or not                         */
    double quota; /* processors' worth of time that the cgroup grants; 0: as many as there are */
    size_t cache_bytes[CACHE_LEVELS]; /* L1d, L2, L3 as one core sees them; 0: unknown      */
    size_t memory_bytes;
    char cpu[96]; /* the processor's name as the system gives it */
};

enum placement { PLACEMENT_COMPACT, PLACEMENT_SPREAD, PLACEMENTS };

const char *placement_name(enum placement placement);

enum { PUS_MAX = 4096 }; /* of a synthetic machine */

/* This machine, less what the calling thread's affinity mask withholds; or, with `synthetic`
 * (hwloc's syntax, such as "pack:2 l3:4 core:8 pu:2"; without a NUMA level each package is a node),
 * another. After a failure there is nothing to free. */
bool topology_load(struct topology *topology, const char *synthetic, struct fault *fault);
void topology_free(struct topology *topology);

/* Leaves only the processors in `usable` (system's numbers). Fails where that is none. */
bool topology_restrict(struct topology *topology, hwloc_const_cpuset_t usable, struct fault *fault);

/* Sets `nodes` to the NUMA nodes (system's numbers) that hold a usable processor. */
void topology_nodes(const struct topology *topology, hwloc_nodeset_t nodes);

/* The order in which `placement` uses the processors: indices into `topology->pu`, `pus` of them.
 * The first n are where n threads sit. One thread of each core comes before any second one.
 * compact: core by core within an L3, then the next L3 of the same NUMA node, then the next node.
 * spread: each next thread as far from the others as can be: another package, NUMA node, L3; among
 * those equally far, where the fewest are. */
void placement_order(const struct topology *topology, enum placement placement, size_t *order);

/* The thread counts worth timing: 1, 2, 4, ... and all cores; then, where cores have more than one
 * usable thread, all of those. Limited by the quota, rounded up. Writes at most `max`; returns how
 * many. */
size_t thread_counts(const struct topology *topology, size_t *counts, size_t max);

#endif
