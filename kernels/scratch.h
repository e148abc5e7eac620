/* Memory that a kernel works in while it runs: as much as its layer needs, allocated when that is
 * prepared, a share for every processor, so that threads may run one kernel at once. */
#ifndef EKTM_KERNELS_SCRATCH_H
#define EKTM_KERNELS_SCRATCH_H

#include <stddef.h>

struct scratch;

/* Shares of `bytes` each, aligned to 64. NULL: out of memory. */
struct scratch *scratch_make(size_t bytes);
void scratch_free(struct scratch *scratch);

/* A share that is nobody else's until it is given back; what is in it, nobody knows. More threads
 * than processors wait for each other. */
void *scratch_borrow(struct scratch *scratch);
void scratch_give_back(struct scratch *scratch, void *share);

#endif
