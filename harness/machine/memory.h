/* Memory for tensors and buffers, placed where it will be used. */
#ifndef EKTM_HARNESS_MACHINE_MEMORY_H
#define EKTM_HARNESS_MACHINE_MEMORY_H

#include "harness/machine/topology.h"

/* Fresh zero pages, aligned to a page (2 MiB for large blocks, on transparent huge pages where the
 * system grants them on request). They lie on the NUMA node of the thread that first writes them.
 * NULL: out of memory. */
void *memory_alloc(size_t bytes);

/* The same, but the pages go round the NUMA nodes that we use: for tables that every thread reads
 * at random. On one node, or where the system does not let us choose, the same as memory_alloc. */
void *memory_interleaved(const struct topology *topology, size_t bytes);

/* Gives back a block of either kind, allocated with the same `bytes`. NULL is nothing to do. */
void memory_free(void *block, size_t bytes);

/* The pages that large blocks lie on: "thp" (transparent huge pages, on request or always), or the
 * system's page size where it never grants those: "4k", on arm64 also "16k" or "64k". */
const char *memory_pages(void);

#endif
