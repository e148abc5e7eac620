/* One kernel and a layer's call, ready to be timed. */
#ifndef EKTM_HARNESS_BENCH_ENTRY_H
#define EKTM_HARNESS_BENCH_ENTRY_H

#include "harness/fault.h"
#include "kernels/kernel.h"

/* An embedding takes the ids of other rows in each call, as a server does: the next ones before
 * `end`, then those from `first` on again. All other layers find their inputs in place. */
struct turn {
    size_t row, first, end; /* end == 0: always the first rows */
};

/* One kernel's call of the layer. */
struct entry {
    const struct kernel *kernel;
    struct call call;
    struct call *copy; /* [copies]: with prepared weights of its own each, in turns, where caches
                          rotate; NULL: there is but one                                        */
    size_t copies, next;
    struct turn turn;
    double prepare_ns; /* NAN: it needs no preparation          */
    double error;      /* in units of what is allowed, at most 1 */
};

/* Prepares the call's weights, and says how long that took. */
bool entry_prepare(struct entry *entry, struct fault *fault);

/* A call for each copy of the prepared weights. What reads the model's own weights has one. On a
 * fault nothing stays prepared. */
bool entry_prepare_copies(struct entry *entry, size_t copies, struct fault *fault);

/* Releases what was prepared. */
void entry_release(struct entry *entry);

/* Lets the next call of an embedding take the ids from `row` on. */
void entry_go_to(struct entry *entry, size_t row);

/* Calls the kernel, once. `argument`: the entry. */
void entry_run(void *argument);

#endif
