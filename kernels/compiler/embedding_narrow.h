/* The embedding of narrow tables, whatever their format: rows are added up in f32. */
#ifndef EKTM_KERNELS_COMPILER_EMBEDDING_NARROW_H
#define EKTM_KERNELS_COMPILER_EMBEDDING_NARROW_H

#include "kernels/compiler/narrow_rows.h"
#include "reference/op.h"
#include "reference/operands.h"

static void embedding_narrow(const struct call *call)
{
    const size_t *n = call->dims.extent;
    const struct tensor *t = call->tensor;
    const int32_t *ids = t[EMBEDDING_IDS].data, *bag = t[EMBEDDING_BAGS].data;
    for (size_t b = 0; b < n[BATCH]; b++)
        for (size_t f = 0; f < n[FIELDS]; f++, bag++)
            pool((float *)t[EMBEDDING_X].data + b * t[EMBEDDING_X].ld + f * n[WIDTH],
                 &t[EMBEDDING_TABLE], index_at(&t[EMBEDDING_FIRST], f), ids + bag[0],
                 (size_t)(bag[1] - bag[0]), n[WIDTH], call->options.pooling == POOLING_MEAN);
}

#endif
