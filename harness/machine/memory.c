#include "harness/machine/memory.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { HUGE = 2 << 20 };

static size_t round_up(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

/* What is mapped for a block: whole pages; whole huge ones from that size on. */
static size_t mapped(size_t bytes)
{
    size_t unit = bytes >= HUGE ? HUGE : (size_t)sysconf(_SC_PAGESIZE);
    return bytes ? round_up(bytes, unit) : unit;
}

void *memory_alloc(size_t bytes)
{
    if (bytes > SIZE_MAX / 2)
        return NULL;
    size_t length = mapped(bytes);
    size_t slack = bytes >= HUGE ? HUGE - (size_t)sysconf(_SC_PAGESIZE) : 0;
    char *base =
        mmap(NULL, length + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED)
        return NULL;
    if (slack) {
        size_t before = round_up((uintptr_t)base, HUGE) - (uintptr_t)base;
        if (before)
            munmap(base, before);
        if (slack - before)
            munmap(base + before + length, slack - before);
        base += before;
        madvise(base, length, MADV_HUGEPAGE); /* refused where there are none: small pages do */
    }
    return base;
}

void *memory_interleaved(const struct topology *topology, size_t bytes)
{
    void *block = memory_alloc(bytes);
    hwloc_bitmap_t nodes = block && topology->numas > 1 ? hwloc_bitmap_alloc() : NULL;
    if (nodes && !topology->synthetic) {
        topology_nodes(topology, nodes);
        hwloc_set_area_membind(topology->hwloc, block, mapped(bytes), nodes,
                               HWLOC_MEMBIND_INTERLEAVE, HWLOC_MEMBIND_BYNODESET);
    }
    hwloc_bitmap_free(nodes);
    return block;
}

void memory_free(void *block, size_t bytes)
{
    if (block)
        munmap(block, mapped(bytes));
}

const char *memory_pages(void)
{
    char text[64] = "[never]";
    FILE *file = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "r");
    if (file) {
        if (!fgets(text, sizeof text, file))
            snprintf(text, sizeof text, "[never]");
        fclose(file);
    }
    if (!strstr(text, "[never]"))
        return "thp";
    switch (sysconf(_SC_PAGESIZE)) {
    case 16 << 10:
        return "16k";
    case 64 << 10:
        return "64k";
    default:
        return "4k";
    }
}
