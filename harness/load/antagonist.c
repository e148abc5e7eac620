#include "harness/load/antagonist.h"

#include "harness/machine/memory.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 1 << 20, LEAST = 64 << 20, LINE = 128 };

struct thief {
    _Alignas(LINE) pthread_t thread;
    struct antagonist *antagonist;
    unsigned os; /* its processor */
    bool started;
};

struct antagonist {
    const struct topology *topology;
    _Atomic bool stop;
    size_t bytes; /* of each thread */
    size_t count;
    struct thief thief[];
};

bool antagonist_parse(size_t *threads, const char *text, struct fault *fault)
{
    static const char stream[] = "stream=";
    char *end = NULL;
    const bool known = text && strncmp(text, stream, strlen(stream)) == 0;
    const char *number = known ? text + strlen(stream) : "0";
    *threads = strtoul(number, &end, 10);
    if (!text || (known && *number >= '1' && *number <= '9' && !*end && *threads <= THREADS_MAX))
        return true;
    return fault_caller(fault,
                        "--antagonist: '%s' is none; stream=N, a number of threads from 1 to "
                        "%d, is",
                        text, THREADS_MAX);
}

static void pin(const struct thief *self)
{
    const struct topology *topology = self->antagonist->topology;
    hwloc_bitmap_t processor = hwloc_bitmap_alloc();
    if (processor && !topology->synthetic) {
        hwloc_bitmap_only(processor, self->os);
        hwloc_set_cpubind(topology->hwloc, processor, HWLOC_CPUBIND_THREAD);
    }
    hwloc_bitmap_free(processor);
}

/* Copies one half of its memory to the other, and back. */
static void *copy(void *argument)
{
    const struct thief *self = argument;
    struct antagonist *antagonist = self->antagonist;
    const size_t half = antagonist->bytes / 2;
    pin(self);
    char *memory = memory_alloc(antagonist->bytes, PAGES_THP);
    if (memory)
        memset(memory, 1, antagonist->bytes);
    for (size_t at = 0; memory && !atomic_load_explicit(&antagonist->stop, memory_order_relaxed);
         at = at + PIECE < antagonist->bytes ? at + PIECE : 0)
        memcpy(memory + (at + half) % antagonist->bytes, memory + at, PIECE);
    memory_free(memory, antagonist->bytes);
    return NULL;
}

struct antagonist *antagonist_start(const struct layouts *layouts, const struct topology *topology,
                                    struct fault *fault)
{
    const size_t count = layouts->neighbours;
    struct antagonist *a = aligned_alloc(LINE, sizeof *a + count * sizeof a->thief[0]);
    if (!a) {
        fault_memory(fault, "the antagonist");
        return NULL;
    }
    memset(a, 0, sizeof *a + count * sizeof a->thief[0]);
    a->topology = topology;
    a->count = count;
    a->bytes = 2 * topology->cache_bytes[CACHE_LEVELS - 1] / PIECE / 2 * PIECE * 2;
    a->bytes = a->bytes > LEAST ? a->bytes : LEAST;
    for (size_t i = 0; i < count; i++) {
        struct thief *t = &a->thief[i];
        t->antagonist = a;
        t->os = topology->pu[layouts->neighbour[i]].os;
        t->started = pthread_create(&t->thread, NULL, copy, t) == 0;
        if (!t->started) {
            fault_machine(fault, "--antagonist: only %zu of %zu threads could be started", i,
                          count);
            antagonist_stop(a);
            return NULL;
        }
    }
    return a;
}

void antagonist_stop(struct antagonist *a)
{
    atomic_store(&a->stop, true);
    for (size_t i = 0; i < a->count; i++)
        if (a->thief[i].started)
            pthread_join(a->thief[i].thread, NULL);
    free(a);
}
