/* What `prepare` makes of weights that a kernel keeps in several blocks. */
#ifndef EKTM_KERNELS_PARTS_H
#define EKTM_KERNELS_PARTS_H

#include <stddef.h>

struct parts {
    size_t count;
    void *part[]; /* each from aligned_alloc or the like */
};

/* Room for `count` blocks, which are not there yet. NULL: out of memory. */
struct parts *parts_alloc(size_t count);

/* The parts if all of them are there; else they are released, and it is NULL. */
struct parts *parts_whole(struct parts *parts);

/* Releases the blocks and what holds them; a kernel's `release`. */
void parts_free(void *parts);

#endif
