#include "kernels/packed.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { LINE = 64, HUGE_PAGE = 2 << 20 };

void *packed_alloc(size_t bytes)
{
    size_t align = bytes >= HUGE_PAGE / 2 ? HUGE_PAGE : LINE;
    size_t whole = (bytes + align - 1) / align * align;
    void *block = aligned_alloc(align, whole ? whole : align);
    if (!block)
        return NULL;
    if (align == HUGE_PAGE)
        madvise(block, whole, MADV_HUGEPAGE);
    memset(block, 0, whole ? whole : align);
    return block;
}
