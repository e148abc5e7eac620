#include "harness/verify/guard.h"

#include <sys/mman.h>
#include <unistd.h>

static size_t page_size(void) { return (size_t)sysconf(_SC_PAGESIZE); }

bool guard_alloc(struct guarded *guarded, size_t bytes, enum side side)
{
    size_t page = page_size(), whole = (bytes + page - 1) / page * page;
    *guarded = (struct guarded){.map_bytes = whole + 2 * page, .bytes = bytes};
    char *map = mmap(NULL, guarded->map_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED)
        return false;
    guarded->map = map;
    guarded->data = map + page + (side == SIDE_END ? whole - bytes : 0);
    if (whole && mprotect(map + page, whole, PROT_READ | PROT_WRITE) != 0) {
        guard_free(guarded);
        return false;
    }
    return true;
}

void guard_free(struct guarded *guarded)
{
    if (guarded->map)
        munmap(guarded->map, guarded->map_bytes);
    *guarded = (struct guarded){0};
}

void guard_read_only(struct guarded *guarded)
{
    size_t page = page_size();
    if (guarded->map_bytes > 2 * page)
        mprotect(guarded->map + page, guarded->map_bytes - 2 * page, PROT_READ);
}

bool guard_holds(const struct guarded *guarded, const void *address)
{
    const char *at = address;
    return guarded->map && at >= guarded->map && at < guarded->map + guarded->map_bytes;
}
