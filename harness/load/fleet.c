#include "harness/load/fleet.h"

#include <assert.h>
#include <stdlib.h>

struct instance {
    struct topology topology; /* its processors alone */
    bool has_topology;
    unsigned numa;
    struct team *team;
    struct composed own;            /* packed by the first instance of a node      */
    const struct composed *weights; /* its own, or those of its node's first one  */
    struct activations activations;
    struct forward forward;
    size_t row; /* whose ids the next pass takes first */
    const struct subject *subject;
    bool failed;
    struct fault fault;
};

/* ---- computing ------------------------------------------------------------------------------- */

/* One pass, with other ids than the one before. */
static bool pass(const struct fleet *fleet, struct instance *i, size_t rows)
{
    if (!forward_bind(&i->forward, i->weights, &i->activations, &fleet->contender->schedule, rows,
                      team_members(i->team), i->team, &i->fault))
        return false;
    i->row = i->row + rows <= INPUT_ROWS ? i->row : 0;
    forward_turn(&i->forward, i->row);
    i->row += rows;
    team_run(i->team, forward_run, &i->forward);
    return true;
}

static double compute(void *argument, size_t instance, size_t rows)
{
    const struct fleet *fleet = argument;
    struct instance *i = &fleet->instance[instance];
    while (rows && !i->failed) {
        const size_t count = rows < PASS_ROWS ? rows : PASS_ROWS;
        i->failed = !pass(fleet, i, count);
        rows -= count;
    }
    return 0;
}

bool fleet_failed(const struct fleet *fleet, struct fault *fault)
{
    for (size_t i = 0; i < fleet->layout->instances; i++)
        if (fleet->instance[i].failed) {
            *fault = fleet->instance[i].fault;
            return true;
        }
    return false;
}

/* ---- starting -------------------------------------------------------------------------------- */

/* The instance's view of the machine. */
static bool restrict_topology(struct instance *instance, const struct run *run,
                              const struct layout *layout, size_t index, struct fault *fault)
{
    hwloc_bitmap_t usable = hwloc_bitmap_alloc();
    if (!usable)
        return fault_memory(fault, "an instance's processors");
    for (size_t t = 0; t < layout->threads; t++)
        hwloc_bitmap_set(usable, run->topology.pu[layout->pu[index * layout->threads + t]].os);
    instance->has_topology = topology_load(&instance->topology, NULL, fault);
    const bool fine =
        instance->has_topology && topology_restrict(&instance->topology, usable, fault);
    hwloc_bitmap_free(usable);
    return fine;
}

static bool fill_inputs(struct instance *i, const struct run *run, size_t index)
{
    const struct id_law *law = &run->plan.law;
    const struct ektm_preset *preset = i->subject->preset;
    if (law->kind == IDS_FILE)
        return inputs_recorded(&i->activations, &preset->config, law->path, INPUT_ROWS, &i->fault);
    inputs_random(&i->activations, preset, law, INPUT_ROWS, run->arguments->seed + index);
    return true;
}

/* Where nodes have weights of their own, the first instance of a node packs them there. */
static bool packs(const struct fleet *fleet, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (fleet->instance[i].numa == fleet->instance[index].numa)
            return false;
    return fleet->run->topology.numas > 1;
}

/* A team_work: threads, weights and inputs, on the processors that will use them. */
static void start_instance(void *argument, size_t index, size_t instances)
{
    struct fleet *fleet = argument;
    struct instance *i = &fleet->instance[index];
    const struct contender *c = fleet->contender;
    const struct model *model = &i->subject->model;
    const size_t ids = INPUT_ROWS * inputs_ids_per_row(i->subject->preset);
    (void)instances;
    i->team = team_start(&i->topology, PLACEMENT_COMPACT, fleet->layout->threads, &i->fault);
    i->failed = !i->team ||
                (packs(fleet, index) &&
                 !compose_backend(&i->own, model, c->backend, c->isa, &c->formats, &i->fault)) ||
                !activations_make(&i->activations, model, INPUT_ROWS, ids, &i->fault) ||
                !fill_inputs(i, fleet->run, index);
}

/* Its own weights, those of its node, or the only ones. */
static const struct composed *weights_of(const struct fleet *fleet, size_t index)
{
    for (size_t i = 0; i <= index; i++)
        if (fleet->instance[i].own.model && fleet->instance[i].numa == fleet->instance[index].numa)
            return &fleet->instance[i].own;
    return &fleet->contender->composed[0];
}

static bool start_all(struct fleet *fleet, const struct subject *subject, struct fault *fault)
{
    const struct layout *layout = fleet->layout;
    for (size_t i = 0; i < layout->instances; i++) {
        fleet->instance[i].subject = subject;
        fleet->instance[i].numa = fleet->run->topology.pu[layout->pu[i * layout->threads]].numa;
        if (!restrict_topology(&fleet->instance[i], fleet->run, layout, i, fault))
            return false;
    }
    fleet->workers = team_start(&fleet->run->topology, PLACEMENT_COMPACT, layout->instances, fault);
    if (!fleet->workers)
        return false;
    team_run(fleet->workers, start_instance, fleet);
    if (fleet_failed(fleet, fault))
        return false;
    fleet->pinned = true;
    for (size_t i = 0; i < layout->instances; i++) {
        fleet->instance[i].weights = weights_of(fleet, i);
        fleet->pinned = fleet->pinned && team_pinned(fleet->instance[i].team);
    }
    fleet->oversubscribed = layout->instances * layout->threads > fleet->run->topology.pus;
    return true;
}

bool fleet_start(struct fleet *fleet, const struct run *run, const struct subject *subject,
                 const struct contender *contender, const struct layout *layout,
                 struct fault *fault)
{
    assert(!run->team);
    *fleet = (struct fleet){.layout = layout,
                            .contender = contender,
                            .run = run,
                            .instance = calloc(layout->instances, sizeof *fleet->instance)};
    fleet->service = (struct service){fleet, compute};
    if (!fleet->instance)
        return fault_memory(fault, "the instances");
    if (start_all(fleet, subject, fault))
        return true;
    fleet_stop(fleet);
    return false;
}

/* ---- stopping -------------------------------------------------------------------------------- */

/* A team_work: a team is ended by the thread that started it. */
static void stop_instance(void *argument, size_t index, size_t instances)
{
    struct fleet *fleet = argument;
    struct instance *i = &fleet->instance[index];
    (void)instances;
    forward_free(&i->forward);
    activations_free(&i->activations);
    if (i->own.model)
        composed_free(&i->own);
    if (i->team)
        team_stop(i->team);
}

void fleet_stop(struct fleet *fleet)
{
    if (fleet->workers) {
        team_run(fleet->workers, stop_instance, fleet);
        team_stop(fleet->workers);
    }
    for (size_t i = 0; i < fleet->layout->instances; i++)
        if (fleet->instance[i].has_topology)
            topology_free(&fleet->instance[i].topology);
    free(fleet->instance);
    fleet->instance = NULL;
    fleet->workers = NULL;
}
