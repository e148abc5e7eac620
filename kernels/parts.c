#include "kernels/parts.h"

#include <stdlib.h>

struct parts *parts_alloc(size_t count)
{
    struct parts *parts = calloc(1, sizeof *parts + count * sizeof *parts->part);
    if (parts)
        parts->count = count;
    return parts;
}

struct parts *parts_whole(struct parts *parts)
{
    for (size_t i = 0; i < parts->count; i++)
        if (!parts->part[i]) {
            parts_free(parts);
            return NULL;
        }
    return parts;
}

void parts_free(void *parts)
{
    struct parts *all = parts;
    for (size_t i = 0; i < all->count; i++)
        free(all->part[i]);
    free(all);
}
