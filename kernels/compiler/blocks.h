/* How much is computed at a time. */
#ifndef EKTM_KERNELS_COMPILER_BLOCKS_H
#define EKTM_KERNELS_COMPILER_BLOCKS_H

#include <stddef.h>

/* Outputs are computed for blocks of so many rows, which stay in L2 while all weights go past them
 * once. */
enum { BLOCK_ROWS = 32 };

static inline size_t at_most(size_t count, size_t limit) { return count < limit ? count : limit; }

#endif
