/* A field's table as an embedding reads it, and how far it reads ahead. */
#ifndef EKTM_KERNELS_FIELD_H
#define EKTM_KERNELS_FIELD_H

#include "kernels/unroll.h"
#include "reference/op.h"
#include "reference/operands.h"

/* Some columns of a field's table, and the ids. */
struct field {
    const float *table;
    size_t ld;
    const int32_t *ids;
};

INLINE struct field field_of(const struct call *call, size_t f, size_t column)
{
    const struct tensor *t = call->tensor;
    const size_t ld = t[EMBEDDING_TABLE].ld;
    return (struct field){(const float *)t[EMBEDDING_TABLE].data +
                              index_at(&t[EMBEDDING_FIRST], f) * ld + column,
                          ld, t[EMBEDDING_IDS].data};
}

/* How many rows of the batch later the bags are whose rows are asked for, to be about `rows_ahead`
 * rows of tables in advance. */
INLINE size_t rows_later(const struct call *call, size_t rows_ahead)
{
    const size_t *n = call->dims.extent;
    const int32_t *bag = call->tensor[EMBEDDING_BAGS].data;
    const size_t ids = (size_t)(bag[n[BATCH] * n[FIELDS]] - bag[0]);
    const size_t later = rows_ahead * n[BATCH] / (ids + 1);
    return later < 1 ? 1 : later < n[BATCH] ? later : n[BATCH];
}

#endif
