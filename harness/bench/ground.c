#include "harness/bench/ground.h"

#include "harness/machine/memory.h"

#include <stdlib.h>

enum { PAGE = 4096, SLICE_LEAST = 1 << 20, UNKNOWN_L3 = 64 << 20 };

/* How many of the team's threads sit on the L3 that most of them share, and how many L3s they use.
 */
static bool count_l3s(const struct run *run, size_t *most, size_t *used)
{
    const struct topology *t = &run->topology;
    size_t threads = run->seating.threads;
    size_t *order = calloc(t->pus, sizeof *order), *on = calloc(t->pus + 1, sizeof *on);
    *most = 1;
    *used = 0;
    bool fine = order && on;
    if (fine)
        placement_order(t, run->seating.placement, order);
    for (size_t i = 0; i < threads && fine; i++) {
        size_t *here = &on[t->pu[order[i % t->pus]].l3 % (t->pus + 1)];
        *used += *here == 0;
        *most = ++*here > *most ? *here : *most;
    }
    free(order);
    free(on);
    return fine;
}

static size_t whole_pages(size_t bytes) { return (bytes + PAGE - 1) / PAGE * PAGE; }

static size_t ids_bytes(const struct ground *ground)
{
    size_t rows = ground->slice / 64;
    return whole_pages((rows > IDS_LEAST ? rows : IDS_LEAST) * sizeof(int32_t));
}

/* Bytes from one member's part of the block to the next. */
static size_t stride(const struct ground *ground)
{
    return ground->slice + ids_bytes(ground) + OUTPUT_BYTES;
}

float *ground_data(const struct ground *ground, size_t member)
{
    return (float *)(void *)(ground->block + member * stride(ground));
}

int32_t *ground_ids(const struct ground *ground, size_t member)
{
    return (int32_t *)(void *)(ground->block + member * stride(ground) + ground->slice);
}

float *ground_output(const struct ground *ground, size_t member)
{
    return (float *)(void *)(ground->block + (member + 1) * stride(ground) - OUTPUT_BYTES);
}

static void fill(void *argument, size_t member, size_t members)
{
    (void)members;
    const struct ground *ground = argument;
    float *data = ground_data(ground, member);
    for (size_t i = 0; i < ground->slice / sizeof *data; i++)
        data[i] = probe_datum(i);
    int32_t *ids = ground_ids(ground, member);
    for (size_t i = 0; i < ids_bytes(ground) / sizeof *ids; i++)
        ids[i] = 0;
}

bool ground_make(struct ground *ground, const struct run *run, enum pages pages,
                 struct fault *fault)
{
    const struct topology *t = &run->topology;
    size_t most, used, threads = run->seating.threads;
    if (!count_l3s(run, &most, &used))
        return fault_memory(fault, "the probes");
    size_t l3 = t->cache_bytes[LEVEL_L3] ? t->cache_bytes[LEVEL_L3] : UNKNOWN_L3;
    size_t room = t->memory_bytes / 4, all = 4 * l3 * used;
    if (room && all > room)
        all = room;
    *ground = (struct ground){
        .members = threads,
        .slice = whole_pages(all / threads > SLICE_LEAST ? all / threads : SLICE_LEAST),
        .l3_share = t->cache_bytes[LEVEL_L3] / most,
        .core_share = (threads + t->cores - 1) / t->cores,
    };
    ground->block_bytes = threads * stride(ground);
    ground->block = memory_alloc(ground->block_bytes, pages);
    if (!ground->block)
        return fault_memory(fault, "the probes");
    team_run(run->team, fill, ground);
    return true;
}

void ground_free(struct ground *ground)
{
    memory_free(ground->block, ground->block_bytes);
    ground->block = NULL;
}

size_t ground_bytes(const struct ground *ground, const struct topology *topology, enum level level)
{
    if (level == LEVEL_MEMORY)
        return ground->slice;
    size_t own =
        level == LEVEL_L3 ? ground->l3_share : topology->cache_bytes[level] / ground->core_share;
    size_t nearer = level == LEVEL_L1 ? 0 : topology->cache_bytes[level - 1];
    /* Large enough to be driven out of the nearer one, small enough for a cache that others use. */
    size_t bytes = nearer && 4 * nearer < own / 2 ? 4 * nearer : own / 2;
    bytes = bytes / PAGE * PAGE;
    return bytes > nearer && bytes <= ground->slice ? bytes : 0;
}
