/* The machine in words, and its memory. */
#include "harness/machine/describe.h"
#include "harness/machine/host.h"
#include "harness/machine/memory.h"
#include "kernels/cpu.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

Test(machine, names_of_folders)
{
    static const struct {
        const char *cpu;
        size_t cores;
        const char *name;
    } machines[] = {
        {"AMD EPYC", 2, "amd-epyc-2c"},
        {"AMD EPYC 9654 96-Core Processor", 96, "amd-epyc-9654-96c"},
        {"Intel(R) Xeon(R) Platinum 8488C", 24, "intel-xeon-platinum-8488c-24c"},
        {"Intel(R) Xeon(R) CPU @ 2.20GHz", 4, "intel-xeon-4c"},
        {"Intel(R) Xeon(R) CPU E5-2686 v4 @ 2.30GHz", 8, "intel-xeon-e5-2686-v4-8c"},
        {"Arm Neoverse-V2", 64, "arm-neoverse-v2-64c"},
        {"  odd__name/../x ", 1, "odd-name-x-1c"},
        {"", 3, "3c"},
    };
    for (size_t i = 0; i < sizeof machines / sizeof *machines; i++) {
        struct topology t = {.cores = machines[i].cores};
        char name[128], small[16], cores[16];
        snprintf(t.cpu, sizeof t.cpu, "%s", machines[i].cpu);
        machine_name(&t, name, sizeof name);
        cr_expect_str_eq(name, machines[i].name, "'%s'", name);
        /* Where it does not fit, the CPU's name is cut. */
        machine_name(&t, small, sizeof small);
        snprintf(cores, sizeof cores, "%zuc", machines[i].cores);
        cr_expect_str_eq(small + strlen(small) - strlen(cores), cores, "'%s'", small);
    }
}

Test(machine, ranges_of_processors)
{
    static const struct {
        unsigned os[12];
        size_t count;
        const char *text;
    } lists[] = {
        {{0}, 1, "0"},
        {{0, 1}, 2, "0-1"},
        {{0, 2}, 2, "0,2"},
        {{0, 2, 4}, 3, "0-4:2"},
        {{0, 1, 2, 3, 8, 9}, 6, "0-3,8-9"},
        {{0, 16, 32, 48, 49}, 5, "0-48:16,49"},
        {{0, 2, 3, 4, 9}, 5, "0,2-4,9"},
        {{0, 1, 2, 3, 4, 5, 6, 7, 16, 20, 24, 28}, 12, "0-7,16-28:4"},
        {{1, 5, 6, 100}, 4, "1,5-6,100"},
    };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);
        processors_print(lists[i].os, lists[i].count, out);
        fclose(out);
        cr_expect_str_eq(text, lists[i].text, "%s", text);
        free(text);
    }
}

/* How many lines `machine_describe` writes for the machine. */
static size_t lines(const struct topology *t, char **text)
{
    size_t size = 0, count = 0;
    FILE *out = open_memstream(text, &size);
    machine_describe(t, out);
    fclose(out);
    for (const char *at = *text; (at = strchr(at, '\n')); at++)
        count++;
    return count;
}

Test(machine, four_lines)
{
    struct topology t;
    struct fault fault;
    char *text;
    cr_assert(topology_load(&t, NULL, &fault), "%s", fault.text);
    t.quota = 1.5;
    t.all_pus = t.pus + 7;
    cr_expect_eq(lines(&t, &text), 4, "%s", text);
    cr_expect(strstr(text, t.cpu) && strstr(text, "time of 1.5"), "%s", text);
    cr_expect(strstr(text, ", 7 offline") || strstr(text, " withheld"), "%s", text);
    free(text);
    t.quota = 0;
    cr_expect_eq(lines(&t, &text), 4, "%s", text);
    cr_expect(strstr(text, "no CPU quota"), "%s", text);
    free(text);
    topology_free(&t);
}

Test(machine, one_line_of_a_synthetic_machine)
{
    struct topology t;
    struct fault fault;
    char *text;
    cr_assert(topology_load(&t, "pack:2 core:3 pu:2", &fault), "%s", fault.text);
    cr_expect_eq(lines(&t, &text), 1, "%s", text);
    cr_expect(strstr(text, "2 packages, 2 NUMA nodes, 2 L3s (not seen"), "%s", text);
    cr_expect(strstr(text, "6 cores, 12 hardware threads"), "%s", text);
    free(text);
    topology_free(&t);
}

/* Features agree with the levels that the kernels are guarded by, which are probed otherwise. */
Test(machine, features_match_the_levels)
{
    static const struct {
        enum isa isa;
        const char *feature;
    } levels[] = {{ISA_AVX2, "avx2"}, {ISA_AVX512, "avx512vl"}, {ISA_NEON, "neon"}};
    const char *names[64];
    size_t count = host_features(names, 64);
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        char reason[128];
        bool listed = false;
        for (size_t f = 0; f < count; f++)
            listed = listed || strcmp(names[f], levels[i].feature) == 0;
        if (isa_usable(levels[i].isa, reason, sizeof reason))
            cr_expect(listed, "%s", levels[i].feature);
        else if (levels[i].isa != ISA_AVX512) /* which needs others, too */
            cr_expect_not(listed, "%s, but %s", levels[i].feature, reason);
    }
    cr_expect_leq(host_features(names, 1), 1);
}

Test(machine, knows_its_kernel)
{
    struct host host;
    host_read(&host);
    cr_expect_eq(strncmp(host.kernel, "Linux ", 6), 0, "%s", host.kernel);
    if (host.virtualised == VIRTUALISED_NO)
        cr_expect_str_empty(host.hypervisor);
}

Test(memory, blocks_are_zero_aligned_and_whole)
{
    const size_t sizes[] = {0, 1, 4096, 4097, (2 << 20) - 1, 2 << 20, (6 << 20) + 5};
    struct topology t;
    struct fault fault;
    cr_assert(topology_load(&t, NULL, &fault), "%s", fault.text);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t kind = 0; kind <= PAGES_KINDS; kind++) {
            size_t alignment = sizes[i] >= 2 << 20 ? 2 << 20 : (size_t)sysconf(_SC_PAGESIZE);
            unsigned char *block = kind < PAGES_KINDS ? memory_alloc(sizes[i], (enum pages)kind)
                                                      : memory_interleaved(&t, sizes[i], PAGES_THP);
            cr_assert(block);
            cr_expect_eq((uintptr_t)block % alignment, 0, "%zu bytes at %p", sizes[i],
                         (void *)block);
            for (size_t b = 0; b < sizes[i]; b++)
                cr_assert_eq(block[b], 0);
            memset(block, 0xff, sizes[i]);
            memory_free(block, sizes[i]);
        }
    topology_free(&t);
}

/* Pages of address space that the process has mapped. */
static long mapped_pages(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    cr_assert(file && fscanf(file, "%ld", &pages) == 1);
    fclose(file);
    return pages;
}

Test(memory, nothing_stays_mapped)
{
    const size_t sizes[] = {1, 5000, (2 << 20) + 1, (64 << 20) + 4096};
    long before = mapped_pages();
    for (size_t round = 0; round < 1000; round++) {
        void *block = memory_alloc(sizes[round % 4], (enum pages)(round % PAGES_KINDS));
        cr_assert(block, "round %zu", round);
        memory_free(block, sizes[round % 4]);
    }
    memory_free(NULL, 1);
    cr_expect_leq(mapped_pages() - before, 100, "%ld pages stay", mapped_pages() - before);
}

Test(memory, too_much_is_refused)
{
    cr_expect_null(memory_alloc(SIZE_MAX, PAGES_THP));
    cr_expect_null(memory_alloc(SIZE_MAX / 2, PAGES_HUGE));
}

Test(memory, pages_have_a_name)
{
    const char *pages = memory_pages();
    cr_expect(strcmp(pages, "thp") == 0 || strcmp(pages, "4k") == 0 || strcmp(pages, "16k") == 0 ||
              strcmp(pages, "64k") == 0);
}

Test(memory, obtained_pages_are_read_from_the_mapping_that_holds_the_block)
{
    char text[] =
        "10000000-10400000 rw-p 00000000 00:00 0 \n"
        "Rss:                4096 kB\nAnonHugePages:      4096 kB\nKernelPageSize:        4 kB\n"
        "20000000-20400000 rw-p 00000000 00:00 0 \n"
        "KernelPageSize:     2048 kB\nRss:                   0 kB\n"
        "30000000-30400000 rw-p 00000000 00:00 0 \n"
        "KernelPageSize:        4 kB\nRss:                4096 kB\nAnonHugePages:      2048 kB\n";
    const struct {
        uintptr_t address;
        const char *pages;
    } cases[] = {{0x10000000, "thp"},
                 {0x103fffff, "thp"},
                 {0x20000010, "huge"},
                 {0x30000000, "4k"},
                 {0x10400000, "unavailable"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        FILE *smaps = fmemopen(text, sizeof text - 1, "r");
        const char *pages = memory_obtained_in(smaps, cases[i].address);
        fclose(smaps);
        bool small = strcmp(cases[i].pages, "4k") == 0 && sysconf(_SC_PAGESIZE) != 4096;
        cr_expect(small || strcmp(pages, cases[i].pages) == 0, "%zx: %s", (size_t)cases[i].address,
                  pages);
    }
}

Test(memory, what_is_asked_for_is_told_apart)
{
    enum { BYTES = 8 << 20 };
    unsigned char *small = memory_alloc(BYTES, PAGES_SMALL);
    cr_assert(small);
    memset(small, 1, BYTES);
    const char *pages = memory_obtained(small);
    cr_expect(strcmp(pages, "thp") != 0 && strcmp(pages, "huge") != 0, "%s", pages);
    memory_free(small, BYTES);
}
