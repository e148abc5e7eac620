#include "harness/load/layouts.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Processors in the order in which threads take them. */
struct seats {
    const struct topology *topology;
    size_t *order; /* compact: one of each core comes before any second one */
    size_t cores;  /* of them, that the model may use                       */
};

/* The part of the machine that a processor belongs to. */
typedef unsigned part_of(const struct pu *pu);

static unsigned whole(const struct pu *pu)
{
    (void)pu;
    return 0;
}
static unsigned package_of(const struct pu *pu) { return pu->package; }
static unsigned numa_of(const struct pu *pu) { return pu->numa; }
static unsigned l3_of(const struct pu *pu) { return pu->l3; }
static unsigned core_of(const struct pu *pu) { return pu->core; }

static const struct {
    const char *name;
    part_of *part;
} kinds[] = {
    {"all", whole}, {"package", package_of}, {"numa", numa_of}, {"l3", l3_of}, {"core", core_of}};

static const struct pu *pu_at(const struct seats *seats, size_t i)
{
    return &seats->topology->pu[seats->order[i]];
}

/* Seats of one part lie side by side in the compact order: its first one, and how many. */
static size_t run_length(const struct seats *seats, part_of *part, size_t first)
{
    size_t end = first + 1;
    while (end < seats->cores && part(pu_at(seats, end)) == part(pu_at(seats, first)))
        end++;
    return end - first;
}

static bool make_room(struct layout *layout, struct fault *fault)
{
    layout->pu = malloc((layout->instances * layout->threads + 1) * sizeof *layout->pu);
    return layout->pu ? true : fault_memory(fault, "the layouts");
}

/* One instance for each part, of as many threads as the smallest part has cores. */
static bool by_part(struct layout *layout, const struct seats *seats, part_of *part,
                    struct fault *fault)
{
    layout->instances = 0;
    layout->threads = seats->cores;
    for (size_t i = 0; i < seats->cores; i += run_length(seats, part, i)) {
        const size_t length = run_length(seats, part, i);
        layout->threads = length < layout->threads ? length : layout->threads;
        layout->instances++;
    }
    if (!make_room(layout, fault))
        return false;
    size_t *pu = layout->pu;
    for (size_t i = 0; i < seats->cores; i += run_length(seats, part, i)) {
        memcpy(pu, seats->order + i, layout->threads * sizeof *pu);
        pu += layout->threads;
    }
    return true;
}

/* So many instances of so many threads; where cores run out, the first ones are shared. */
static bool by_numbers(struct layout *layout, const struct seats *seats, size_t instances,
                       size_t threads, struct fault *fault)
{
    assert((instances || threads) && seats->cores > 0);
    const size_t fitting = seats->cores / (threads ? threads : instances);
    layout->instances = instances ? instances : fitting ? fitting : 1;
    layout->threads = threads ? threads : fitting ? fitting : 1;
    snprintf(layout->name, sizeof layout->name, "%zux%zu", layout->instances, layout->threads);
    if (!make_room(layout, fault))
        return false;
    for (size_t i = 0; i < layout->instances * layout->threads; i++)
        layout->pu[i] = seats->order[i % seats->cores];
    return true;
}

static bool is_new(const struct layouts *layouts, const struct layout *layout)
{
    for (size_t i = 0; i < layouts->count; i++) {
        const struct layout *l = &layouts->layout[i];
        if (l->instances == layout->instances && l->threads == layout->threads &&
            memcmp(l->pu, layout->pu, l->instances * l->threads * sizeof *l->pu) == 0)
            return false;
    }
    return true;
}

static bool find_all(struct layouts *layouts, const struct seats *seats,
                     const struct layout_wish *wish, struct fault *fault)
{
    if (wish->instances || wish->threads)
        return by_numbers(&layouts->layout[layouts->count++], seats, wish->instances, wish->threads,
                          fault);
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        struct layout *layout = &layouts->layout[layouts->count];
        if (!names_admit(wish->names, kinds[k].name))
            continue;
        if (!by_part(layout, seats, kinds[k].part, fault))
            return false;
        /* Beside neighbours it is not all of the machine that the name says. */
        if (wish->neighbours)
            snprintf(layout->name, sizeof layout->name, "%zux%zu", layout->instances,
                     layout->threads);
        else
            snprintf(layout->name, sizeof layout->name, "%s", kinds[k].name);
        if (is_new(layouts, layout))
            layouts->count++;
        else
            free(layout->pu);
    }
    return true;
}

/* The last cores are the neighbours', those before them the model's. */
static bool divide(struct layouts *layouts, struct seats *seats, size_t neighbours,
                   struct fault *fault)
{
    const struct topology *t = seats->topology;
    const size_t granted = t->quota > 0 ? (size_t)ceil(t->quota) : t->cores;
    const size_t cores = granted < t->cores ? granted : t->cores;
    if (neighbours >= cores)
        return fault_machine(fault,
                             "--antagonist: %zu cores for it leave none for the model; there are "
                             "%zu",
                             neighbours, cores);
    seats->cores = cores - neighbours;
    layouts->neighbours = neighbours;
    layouts->neighbour = malloc((neighbours + 1) * sizeof *layouts->neighbour);
    if (!layouts->neighbour)
        return fault_memory(fault, "the layouts");
    memcpy(layouts->neighbour, seats->order + seats->cores, neighbours * sizeof *seats->order);
    return true;
}

bool layouts_make(struct layouts *layouts, const struct topology *topology,
                  const struct layout_wish *wish, struct fault *fault)
{
    struct seats seats = {topology, malloc(topology->pus * sizeof *seats.order), 0};
    *layouts = (struct layouts){.count = 0};
    if (!seats.order)
        return fault_memory(fault, "the layouts");
    placement_order(topology, PLACEMENT_COMPACT, seats.order);
    const bool fine =
        divide(layouts, &seats, wish->neighbours, fault) && find_all(layouts, &seats, wish, fault);
    free(seats.order);
    if (!fine)
        layouts_free(layouts);
    return fine;
}

void layouts_free(struct layouts *layouts)
{
    for (size_t i = 0; i < layouts->count; i++)
        free(layouts->layout[i].pu);
    free(layouts->neighbour);
    *layouts = (struct layouts){.count = 0};
}
