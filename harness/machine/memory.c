#include "harness/machine/memory.h"

#include <inttypes.h>
#include <linux/mman.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { HUGE = 2 << 20 };

static size_t round_up(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

/* What is mapped for a block: whole pages; whole huge ones from that size on. */
static size_t mapped(size_t bytes)
{
    size_t unit = bytes >= HUGE ? HUGE : (size_t)sysconf(_SC_PAGESIZE);
    return bytes ? round_up(bytes, unit) : unit;
}

const char *pages_name(enum pages pages)
{
    static const char *const names[PAGES_KINDS] = {"4k", "thp", "huge"};
    return names[pages];
}

/* Reserved huge pages, which most systems have none of. */
static void *map_reserved(size_t length)
{
    int two_mebibytes = 21 << MAP_HUGE_SHIFT;
    void *block = mmap(NULL, length, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | two_mebibytes, -1, 0);
    return block == MAP_FAILED ? NULL : block;
}

void *memory_alloc(size_t bytes, enum pages pages)
{
    if (bytes > SIZE_MAX / 2)
        return NULL;
    size_t length = mapped(bytes);
    void *reserved = pages == PAGES_HUGE && bytes >= HUGE ? map_reserved(length) : NULL;
    if (reserved)
        return reserved;
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
        /* Refused where there are none: small pages do. */
        madvise(base, length, pages == PAGES_SMALL ? MADV_NOHUGEPAGE : MADV_HUGEPAGE);
    }
    return base;
}

void *memory_interleaved(const struct topology *topology, size_t bytes, enum pages pages)
{
    void *block = memory_alloc(bytes, pages);
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

static const char *small_pages(void)
{
    switch (sysconf(_SC_PAGESIZE)) {
    case 16 << 10:
        return "16k";
    case 64 << 10:
        return "64k";
    default:
        return "4k";
    }
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
    return strstr(text, "[never]") ? small_pages() : "thp";
}

/* The value of a line such as "Rss:    512 kB"; 0 for any other line. */
static size_t kibibytes(const char *line, const char *name)
{
    size_t length = strlen(name);
    return strncmp(line, name, length) == 0 ? strtoul(line + length, NULL, 10) : 0;
}

const char *memory_obtained_in(FILE *smaps, uintptr_t address)
{
    char line[512];
    bool here = false;
    size_t resident = 0, transparent = 0, page = 0;
    while (fgets(line, sizeof line, smaps)) {
        uintptr_t begin, end;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &begin, &end) == 2)
            here = address >= begin && address < end;
        if (!here)
            continue;
        resident += kibibytes(line, "Rss:");
        transparent += kibibytes(line, "AnonHugePages:");
        page += kibibytes(line, "KernelPageSize:");
    }
    if (page >= HUGE / 1024)
        return "huge";
    return !page ? "unavailable" : 2 * transparent > resident ? "thp" : small_pages();
}

const char *memory_obtained(const void *block)
{
    FILE *smaps = fopen("/proc/self/smaps", "re");
    if (!smaps)
        return "unavailable";
    const char *pages = memory_obtained_in(smaps, (uintptr_t)block);
    fclose(smaps);
    return pages;
}

bool memory_refuse_thp(void) { return prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0; }
