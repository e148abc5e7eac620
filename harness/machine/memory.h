/* Memory for tensors and buffers, placed where it will be used. */
#ifndef EKTM_HARNESS_MACHINE_MEMORY_H
#define EKTM_HARNESS_MACHINE_MEMORY_H

#include "harness/machine/topology.h"

#include <stdint.h>
#include <stdio.h>

/* What a large block (2 MiB or more) is asked to lie on. */
enum pages {
    PAGES_SMALL, /* "4k": the system's small pages, whatever their size      */
    PAGES_THP,   /* "thp": transparent huge pages where the system has them  */
    PAGES_HUGE,  /* "huge": reserved huge pages of 2 MiB, or else PAGES_THP  */
    PAGES_KINDS
};

const char *pages_name(enum pages pages);

/* Fresh zero pages, aligned to a page (2 MiB for large blocks). They lie on the NUMA node of the
 * thread that first writes them. NULL: out of memory. */
void *memory_alloc(size_t bytes, enum pages pages);

/* The same, but the pages go round the NUMA nodes that we use: for tables that every thread reads
 * at random. On one node, or where the system does not let us choose, the same as memory_alloc. */
void *memory_interleaved(const struct topology *topology, size_t bytes, enum pages pages);

/* Gives back a block of either kind, allocated with the same `bytes`. NULL is nothing to do. */
void memory_free(void *block, size_t bytes);

/* The pages that large blocks lie on: "thp" (transparent huge pages, on request or always), or the
 * system's page size where it never grants those: "4k", on arm64 also "16k" or "64k". */
const char *memory_pages(void);

/* What most of the pages lie on that were touched of the mapping that holds `block`: "huge", "thp",
 * or the size of small pages. "unavailable" where the system does not tell. */
const char *memory_obtained(const void *block);

/* The same, from the text of a file like /proc/PID/smaps, for the mapping that holds `address`. */
const char *memory_obtained_in(FILE *smaps, uintptr_t address);

/* From now on no memory of this process lies on transparent huge pages, that of libraries
 * included. False: the system refuses. */
bool memory_refuse_thp(void);

#endif
