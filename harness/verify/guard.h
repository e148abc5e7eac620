/* Memory that ends, or begins, exactly where a page begins that nobody may touch. */
#ifndef EKTM_HARNESS_VERIFY_GUARD_H
#define EKTM_HARNESS_VERIFY_GUARD_H

#include <stdbool.h>
#include <stddef.h>

enum side {
    SIDE_END,   /* the last byte lies before the guard page behind */
    SIDE_START, /* the first byte lies after the guard page before */
    SIDES
};

struct guarded {
    char *map; /* guard page, pages with the data, guard page */
    size_t map_bytes;
    char *data;
    size_t bytes;
};

/* False: out of memory. The memory is zero, and writable. */
bool guard_alloc(struct guarded *guarded, size_t bytes, enum side side);
void guard_free(struct guarded *guarded);

/* From now on a write to the data is a fault, too. */
void guard_read_only(struct guarded *guarded);

/* Whether `address` lies in the block or in one of its guard pages. */
bool guard_holds(const struct guarded *guarded, const void *address);

#endif
