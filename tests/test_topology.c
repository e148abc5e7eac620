#include "harness/machine/topology.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEATS = 24 };

/* ---- machines written out by hand ------------------------------------------------------------ */

struct machine {
    const char *name, *text;
    const char *usable;           /* processors that are left, as hwloc lists them; NULL: all    */
    const char *counts;           /* of processors, packages, NUMA nodes, L3s, cores             */
    const char *compact, *spread; /* the system's numbers of the processors, in this order       */
};

/* hwloc numbers the processors of a synthetic machine from 0 along the tree: with SMT of 2, core c
 * has 2c and 2c+1. */
static const struct machine machines[] = {
    {"one processor", "pack:1 core:1 pu:1", NULL, "1 1 1 1 1", "0", "0"},
    {"no levels but processors", "pu:3", NULL, "3 1 1 1 3", "0 1 2", "0 1 2"},
    {"SMT", "pack:1 l3:1 core:3 pu:2", NULL, "6 1 1 1 3", "0 2 4 1 3 5", "0 2 4 1 3 5"},
    {"two sockets, no L3 seen", "pack:2 core:3 pu:1", NULL, "6 2 2 2 6", "0 1 2 3 4 5",
     "0 3 1 4 2 5"},
    {"two sockets, SMT", "pack:2 l3:1 core:2 pu:2", NULL, "8 2 2 2 4", "0 2 4 6 1 3 5 7",
     "0 4 2 6 1 5 3 7"},
    {"several L3s", "pack:1 l3:3 core:2 pu:1", NULL, "6 1 1 3 6", "0 1 2 3 4 5", "0 2 4 1 3 5"},
    {"two sockets of two L3s, SMT", "pack:2 l3:2 core:2 pu:2", NULL, "16 2 2 4 8",
     "0 2 4 6 8 10 12 14 1 3 5 7 9 11 13 15", "0 8 4 12 2 10 6 14 1 9 5 13 3 11 7 15"},
    {"two nodes in each socket, two L3s in each node", "pack:2 numa:2 l3:2 core:2 pu:1", NULL,
     "16 2 4 8 16", "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15",
     "0 8 4 12 2 10 6 14 1 9 5 13 3 11 7 15"},
    {"nodes, no L3 seen: each node counts as one", "pack:1 numa:2 core:2 pu:1", NULL, "4 1 2 2 4",
     "0 1 2 3", "0 2 1 3"},
    {"sockets within a node, no L3 seen: each socket counts as one", "numa:1 pack:2 core:2 pu:1",
     NULL, "4 2 1 2 4", "0 1 2 3", "0 2 1 3"},
    {"one L3 over two nodes", "pack:1 l3:1 numa:2 core:2 pu:1", NULL, "4 1 2 1 4", "0 1 2 3",
     "0 2 1 3"},
    {"numbered cores first", "pack:2 core:2 pu:2(indexes=core:pack)", NULL, "8 2 2 2 4",
     "0 1 2 3 4 5 6 7", "0 2 1 3 4 6 5 7"},
    /* Left-overs. */
    {"one core's first thread is gone", "pack:1 l3:1 core:3 pu:2", "0-1,3-5", "5 1 1 1 3",
     "0 3 4 1 5", "0 3 4 1 5"},
    {"second socket only", "pack:2 l3:2 core:2 pu:1", "4-7", "4 1 1 2 4", "4 5 6 7", "4 6 5 7"},
    {"three cores of one socket, one of the other", "pack:2 l3:2 core:2 pu:1", "0-2,7", "4 2 2 3 4",
     "0 1 2 7", "0 7 2 1"},
    {"a socket with one whole L3, a socket with a core in each of three", "pack:2 l3:3 core:3 pu:1",
     "0-2,9,12,15", "6 2 2 4 6", "0 1 2 9 12 15", "0 9 12 15 1 2"},
    {"threads of one core", "pack:2 l3:2 core:2 pu:2", "10-11", "2 1 1 1 1", "10 11", "10 11"},
};

static void load(struct topology *topology, const struct machine *machine)
{
    struct fault fault;
    cr_assert(topology_load(topology, machine->text, &fault), "%s: %s", machine->name, fault.text);
    if (machine->usable) {
        hwloc_bitmap_t usable = hwloc_bitmap_alloc();
        hwloc_bitmap_list_sscanf(usable, machine->usable);
        cr_assert(topology_restrict(topology, usable, &fault), "%s: %s", machine->name, fault.text);
        hwloc_bitmap_free(usable);
    }
}

ParameterizedTestParameters(topology, sees_the_machine)
{
    static size_t index[sizeof machines / sizeof *machines];
    for (size_t i = 0; i < sizeof index / sizeof *index; i++)
        index[i] = i;
    return cr_make_param_array(size_t, index, sizeof index / sizeof *index);
}

ParameterizedTest(size_t *index, topology, sees_the_machine)
{
    const struct machine *m = &machines[*index];
    struct topology t;
    char counts[64], seats[8 * SEATS];
    load(&t, m);
    cr_expect(t.synthetic && t.quota == 0);
    snprintf(counts, sizeof counts, "%zu %zu %zu %zu %zu", t.pus, t.packages, t.numas, t.l3s,
             t.cores);
    cr_expect_str_eq(counts, m->counts, "%s", m->name);
    for (enum placement p = 0; p < PLACEMENTS; p++) {
        size_t order[SEATS], length = 0;
        cr_assert_leq(t.pus, SEATS);
        placement_order(&t, p, order);
        for (size_t i = 0; i < t.pus; i++)
            length += (size_t)snprintf(seats + length, sizeof seats - length, "%s%u", i ? " " : "",
                                       t.pu[order[i]].os);
        cr_expect_str_eq(seats, p == PLACEMENT_COMPACT ? m->compact : m->spread, "%s, %s: %s",
                         m->name, placement_name(p), seats);
    }
    topology_free(&t);
}

/* A restriction leaves what the machine has: only what we may use gets less. */
Test(topology, restriction_keeps_the_total)
{
    struct topology t;
    load(&t, &machines[12]);
    cr_expect_eq(t.all_pus, 6);
    cr_expect_eq(t.pu[2].os, 3);
    cr_expect_eq(t.pu[2].smt, 0, "the first usable thread of its core");
    topology_free(&t);
}

Test(topology, nothing_left_is_a_fault)
{
    struct topology t;
    struct fault fault;
    cr_assert(topology_load(&t, "pack:1 core:2 pu:1", &fault));
    hwloc_bitmap_t other = hwloc_bitmap_alloc();
    hwloc_bitmap_set(other, 77);
    cr_expect_not(topology_restrict(&t, other, &fault));
    cr_expect_eq(fault.status, STATUS_MACHINE);
    hwloc_bitmap_free(other);
    topology_free(&t);
}

/* Orders of a large machine: each processor once, cores first, and spread within one of even. */
Test(topology, orders_of_a_large_machine)
{
    struct topology t;
    struct fault fault;
    cr_assert(topology_load(&t, "pack:2 numa:4 l3:4 core:8 pu:2", &fault), "%s", fault.text);
    cr_assert_eq(t.pus, 512);
    cr_assert_eq(t.l3s, 32);
    for (enum placement p = 0; p < PLACEMENTS; p++) {
        size_t order[512], packages[2] = {0}, l3s[32] = {0};
        bool used[512] = {0};
        placement_order(&t, p, order);
        for (size_t i = 0; i < t.pus; i++) {
            const struct pu *pu = &t.pu[order[i]];
            cr_assert_not(used[order[i]], "processor %u twice", pu->os);
            used[order[i]] = true;
            cr_assert_eq(pu->smt, i < t.cores ? 0 : 1);
            packages[pu->package]++;
            l3s[pu->l3]++;
            if (p == PLACEMENT_COMPACT) {
                cr_assert_eq(pu->l3, i % t.cores / 8);
                continue;
            }
            cr_assert_eq(packages[i % 2], i / 2 + 1, "thread %zu", i);
            cr_assert_leq(l3s[pu->l3], i / 32 + 1, "thread %zu", i);
        }
    }
    topology_free(&t);
}

Test(topology, memory_nodes)
{
    struct topology t;
    load(&t, &machines[13]);
    hwloc_bitmap_t nodes = hwloc_bitmap_alloc();
    topology_nodes(&t, nodes);
    cr_expect(hwloc_bitmap_weight(nodes) == 1 && hwloc_bitmap_isset(nodes, 1));
    hwloc_bitmap_free(nodes);
    topology_free(&t);
}

/* ---- bad text -------------------------------------------------------------------------------- */

Test(topology, bad_text_is_the_callers_mistake)
{
    const char *const texts[] = {"garbage",
                                 "",
                                 " ",
                                 "pack:2 core:4",
                                 "pack:0 pu:2",
                                 "pack:2 core:-1 pu:2",
                                 "pack: pu:2",
                                 "pack:2 core:99999 pu:99999",
                                 "pu:4097",
                                 "pack:9999999999999999999999 pu:2",
                                 "pu:2 core:2",
                                 "pack:2 l3:4 core:8 pu:2 %s%n",
                                 "pack:2 (l3:4 pu:2"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct topology t;
        struct fault fault = {0};
        cr_expect_not(topology_load(&t, texts[i], &fault), "'%s' was accepted", texts[i]);
        cr_expect_eq(fault.status, STATUS_CALLER, "'%s'", texts[i]);
        cr_expect(strstr(fault.text, "--topology") && strstr(fault.text, texts[i]), "'%s'",
                  fault.text);
    }
    char text[5000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct topology t;
    struct fault fault;
    cr_expect_not(topology_load(&t, text, &fault));
    cr_expect_eq(fault.status, STATUS_CALLER);
}

/* ---- thread counts --------------------------------------------------------------------------- */

struct counts {
    const char *text;
    double quota;
    size_t counts[8]; /* ended by 0 */
};

static const struct counts counts[] = {
    {"core:1 pu:1", 0, {1}},
    {"core:1 pu:2", 0, {1, 2}},
    {"core:2 pu:1", 0, {1, 2}},
    {"core:3 pu:1", 0, {1, 2, 3}},
    {"core:6 pu:2", 0, {1, 2, 4, 6, 12}},
    {"pack:2 core:8 pu:2", 0, {1, 2, 4, 8, 16, 32}},
    {"core:8 pu:4", 0, {1, 2, 4, 8, 32}},
    {"core:6 pu:2", 100, {1, 2, 4, 6, 12}},
    {"core:6 pu:2", 0.5, {1}},
    {"core:6 pu:2", 1, {1}},
    {"core:6 pu:2", 2.5, {1, 2, 3}},
    {"core:6 pu:2", 6, {1, 2, 4, 6}},
    {"core:6 pu:2", 6.5, {1, 2, 4, 6, 7}},
    {"core:6 pu:2", 11.5, {1, 2, 4, 6, 12}},
};

Test(topology, counts_worth_timing)
{
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct topology t;
        struct fault fault;
        size_t found[8] = {0}, expected = 0;
        cr_assert(topology_load(&t, counts[i].text, &fault), "%s", fault.text);
        t.quota = counts[i].quota;
        while (counts[i].counts[expected])
            expected++;
        cr_expect_eq(thread_counts(&t, found, 8), expected, "%s, quota %g", counts[i].text,
                     counts[i].quota);
        for (size_t c = 0; c < expected; c++)
            cr_expect_eq(found[c], counts[i].counts[c], "%s, quota %g: %zu, not %zu",
                         counts[i].text, counts[i].quota, found[c], counts[i].counts[c]);
        size_t two[3] = {0, 0, 77};
        cr_expect_leq(thread_counts(&t, two, 2), 2);
        cr_expect_eq(two[2], 77, "no more than `max` are written");
        topology_free(&t);
    }
}

/* ---- this machine ---------------------------------------------------------------------------- */

Test(topology, obeys_the_affinity_mask)
{
    struct topology whole, part;
    struct fault fault;
    cr_assert(topology_load(&whole, NULL, &fault), "%s", fault.text);
    cr_expect(!whole.synthetic && whole.pus >= 1 && whole.pus <= whole.all_pus);
    cr_expect(whole.memory_bytes > 0 && whole.cpu[0]);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(whole.pu[whole.pus - 1].os, &one);
    cr_assert_eq(sched_setaffinity(0, sizeof one, &one), 0);
    cr_assert(topology_load(&part, NULL, &fault), "%s", fault.text);
    cr_expect_eq(part.pus, 1);
    cr_expect_eq(part.pu[0].os, whole.pu[whole.pus - 1].os);
    cr_expect_eq(part.all_pus, whole.all_pus);
    topology_free(&part);
    topology_free(&whole);
}
