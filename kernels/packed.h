/* Memory for what `prepare` makes of the weights. */
#ifndef EKTM_KERNELS_PACKED_H
#define EKTM_KERNELS_PACKED_H

#include <stddef.h>

/* `bytes` of zeros aligned to 64 bytes; large blocks to 2 MiB and, where the system allows it on
 * request, on huge pages, because a pass over weights touches every page of them. NULL: out of
 * memory. Released with free(). */
void *packed_alloc(size_t bytes);

#endif
