#include "kernels/scratch.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { LINE = 64 };

/* Flags of different processors lie on lines of their own. */
struct flag {
    _Alignas(LINE) atomic_flag taken;
};

struct scratch {
    size_t shares, bytes; /* of each share: whole lines */
    struct flag *flag;
    char *memory;
};

struct scratch *scratch_make(size_t bytes)
{
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);
    struct scratch *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->shares = processors > 1 ? (size_t)processors : 1;
    s->bytes = (bytes / LINE + 1) * LINE;
    s->flag = aligned_alloc(LINE, s->shares * sizeof *s->flag);
    s->memory = aligned_alloc(LINE, s->shares * s->bytes);
    if (!s->flag || !s->memory) {
        scratch_free(s);
        return NULL;
    }
    for (size_t i = 0; i < s->shares; i++)
        atomic_flag_clear(&s->flag[i].taken);
    return s;
}

void scratch_free(struct scratch *scratch)
{
    if (!scratch)
        return;
    free(scratch->flag);
    free(scratch->memory);
    free(scratch);
}

void *scratch_borrow(struct scratch *scratch)
{
    const int processor = sched_getcpu();
    for (size_t i = processor > 0 ? (size_t)processor : 0, tried = 1;; i++, tried++) {
        const size_t share = i % scratch->shares;
        if (!atomic_flag_test_and_set_explicit(&scratch->flag[share].taken, memory_order_acquire))
            return scratch->memory + share * scratch->bytes;
        if (tried % scratch->shares == 0)
            sched_yield();
    }
}

void scratch_give_back(struct scratch *scratch, void *share)
{
    const size_t i = (size_t)((char *)share - scratch->memory) / scratch->bytes;
    atomic_flag_clear_explicit(&scratch->flag[i].taken, memory_order_release);
}
