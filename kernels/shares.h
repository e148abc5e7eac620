/* Where the ids of a gather's sums end, one sum after the other. */
#ifndef EKTM_KERNELS_SHARES_H
#define EKTM_KERNELS_SHARES_H

#include "kernels/unroll.h"

#include <stdbool.h>
#include <stddef.h>

/* Walks gather_begin (reference/operands.h) without its division. */
struct shares {
    size_t sums, whole, rest, end, part;
};

INLINE struct shares shares_of(size_t ids, size_t sums)
{
    return sums ? (struct shares){sums, ids / sums, ids % sums, 0, 0} : (struct shares){0};
}

INLINE size_t share_end(struct shares *s)
{
    s->end += s->whole;
    s->part += s->rest;
    const bool more = s->part >= s->sums;
    s->part -= more ? s->sums : 0;
    return s->end += more;
}

#endif
