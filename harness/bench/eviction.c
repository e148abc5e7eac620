#include "harness/bench/eviction.h"

#include "harness/machine/memory.h"

#include <string.h>

enum { LINE = 64 };

/* Reads a byte of each line. Writing what was read elsewhere keeps the compiler from leaving it. */
static void read_all(void *argument, size_t member, size_t members)
{
    (void)members;
    const struct eviction *eviction = argument;
    unsigned sum = 0;
    for (size_t i = 0; i < eviction->bytes; i += LINE)
        sum += (unsigned char)eviction->block[i];
    volatile char *const mark = &eviction->block[eviction->bytes + member * LINE];
    *mark = (char)sum;
}

static void evict(void *argument)
{
    struct eviction *eviction = argument;
    team_run(eviction->team, read_all, eviction);
}

static size_t block_bytes(const struct eviction *eviction)
{
    return eviction->bytes + team_members(eviction->team) * LINE;
}

bool eviction_make(struct eviction *eviction, const struct run *run, struct sampling *sampling,
                   struct fault *fault)
{
    *eviction = (struct eviction){.team = run->team, .bytes = run->plan.rotation};
    if (run->plan.cache != CACHE_COLD)
        return true;
    eviction->block = memory_alloc(block_bytes(eviction), PAGES_THP);
    if (!eviction->block)
        return fault_memory(fault, "what fills the caches");
    memset(eviction->block, 1,
           block_bytes(eviction)); /* zero pages would all be one and the same */
    sampling->evict = evict;
    sampling->evict_argument = eviction;
    return true;
}

void eviction_free(struct eviction *eviction)
{
    if (eviction->block)
        memory_free(eviction->block, block_bytes(eviction));
    eviction->block = NULL;
}
