/* `ektm machine`: this machine, or another, as the bench sees it. */
#include "harness/arguments.h"
#include "harness/command.h"
#include "harness/fault.h"
#include "harness/machine/describe.h"
#include "harness/machine/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What bench does not repeat: instruction sets that do not run, extensions, the name. */
static void print_more(const struct topology *topology)
{
    char name[128];
    for (enum isa isa = 0; isa < ISAS; isa++) {
        char reason[128];
        if (!isa_usable(isa, reason, sizeof reason))
            printf("not here  %s: %s\n", isa_name(isa), reason);
    }
    const char *features[64];
    size_t count = host_features(features, sizeof features / sizeof *features);
    printf("features ");
    for (size_t i = 0; i < count; i++)
        printf(" %s", features[i]);
    machine_name(topology, name, sizeof name);
    printf("\nresults   results/%s/\n", name);
}

/* The first `threads` seats of an order. */
struct seats {
    size_t packages, numas, l3s, cores, pus; /* touched */
    unsigned *os;                            /* of the processors, `pus` of them, sorted */
};

static int compare_numbers(const void *a, const void *b)
{
    unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;
    return (x > y) - (x < y);
}

/* How many different ones of `count` numbers; sorts them. */
static size_t different(unsigned *number, size_t count)
{
    size_t found = 0;
    qsort(number, count, sizeof *number, compare_numbers);
    for (size_t i = 0; i < count; i++)
        found += i == 0 || number[i] != number[i - 1];
    return found;
}

static void take_seats(const struct topology *t, const size_t *order, size_t threads,
                       struct seats *seats)
{
    size_t n = threads < t->pus ? threads : t->pus;
    const struct pu *pu = t->pu;
    unsigned *number = seats->os;
#define TOUCHED(part)                                                                              \
    for (size_t i = 0; i < n; i++)                                                                 \
        number[i] = pu[order[i]].part;                                                             \
    seats->part##s = different(number, n);
    TOUCHED(package)
    TOUCHED(numa)
    TOUCHED(l3)
    TOUCHED(core)
#undef TOUCHED
    for (size_t i = 0; i < n; i++)
        number[i] = pu[order[i]].os;
    seats->pus = different(number, n);
}

static void print_row(size_t threads, const char *placement, const struct seats *seats)
{
    printf("%7zu  %-9s  %8zu  %5zu  %4zu  %5zu  ", threads, placement, seats->packages,
           seats->numas, seats->l3s, seats->cores);
    processors_print(seats->os, seats->pus, stdout);
    printf(threads > seats->pus ? ", shared in turn\n" : "\n");
}

static void print_plan(const struct topology *t, const size_t *counts, size_t number,
                       size_t *const order[PLACEMENTS], struct seats seats[PLACEMENTS])
{
    printf("\nWhere the threads sit (\"either\": both placements use the same processors):\n\n"
           "threads  placement  packages  nodes   L3s  cores  processors (first-last:step)\n");
    for (size_t c = 0; c < number; c++) {
        for (enum placement p = 0; p < PLACEMENTS; p++)
            take_seats(t, order[p], counts[c], &seats[p]);
        const struct seats *compact = &seats[PLACEMENT_COMPACT], *other = &seats[PLACEMENT_SPREAD];
        if (memcmp(compact->os, other->os, compact->pus * sizeof *other->os) == 0) {
            print_row(counts[c], "either", compact);
            continue;
        }
        for (enum placement p = 0; p < PLACEMENTS; p++)
            print_row(counts[c], placement_name(p), &seats[p]);
    }
}

static bool plan(const struct topology *t, const struct sizes *asked, struct fault *fault)
{
    size_t *order[PLACEMENTS], worth[OPTION_LIST_MAX];
    struct seats seats[PLACEMENTS];
    bool fits = true;
    for (enum placement p = 0; p < PLACEMENTS; p++) {
        order[p] = malloc(t->pus * sizeof *order[p]);
        seats[p].os = malloc(t->pus * sizeof *seats[p].os);
        fits = fits && order[p] && seats[p].os;
    }
    if (fits) {
        for (enum placement p = 0; p < PLACEMENTS; p++)
            placement_order(t, p, order[p]);
        size_t number = thread_counts(t, worth, OPTION_LIST_MAX);
        print_plan(t, asked->count ? asked->size : worth, asked->count ? asked->count : number,
                   order, seats);
    }
    for (enum placement p = 0; p < PLACEMENTS; p++) {
        free(order[p]);
        free(seats[p].os);
    }
    return fits ? true : fault_memory(fault, "the plan");
}

int machine_command(int argc, char **argv)
{
    struct arguments arguments;
    struct topology topology;
    struct fault fault;
    arguments_parse(&arguments, TAKES(OPTION_TOPOLOGY) | TAKES(OPTION_THREADS),
                    "Shows this machine as the bench sees it, and where the threads of each count "
                    "worth timing would sit.",
                    argc, argv);
    if (!topology_load(&topology, arguments.topology, &fault))
        return fault_print(&fault);
    machine_describe(&topology, stdout);
    if (!topology.synthetic)
        print_more(&topology);
    bool done = plan(&topology, &arguments.threads, &fault);
    topology_free(&topology);
    return done ? STATUS_DONE : fault_print(&fault);
}
