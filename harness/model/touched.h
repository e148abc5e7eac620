/* Which rows of the tables a batch names, and which of its bags name each: an embedding's batch as
 * its backward pass wants it. */
#ifndef EKTM_HARNESS_MODEL_TOUCHED_H
#define EKTM_HARNESS_MODEL_TOUCHED_H

#include "harness/fault.h"
#include "reference/op.h"

/* Operands of `adagrad` (operands.h). Rows ascend, and so do the bags of a row; a bag that names a
 * row twice is there twice. */
struct touched {
    size_t rows, ids; /* different rows, ids of the batch  */
    size_t ids_most;  /* what there is room for            */
    int32_t *row;     /* [rows]                            */
    int32_t *begin;   /* [rows] + 1                        */
    int32_t *bag;     /* [ids]                             */
    uint64_t *key[2]; /* [ids]: work in progress           */
};

/* Room for batches of at most so many ids. */
bool touched_make(struct touched *touched, size_t ids_most, struct fault *fault);
void touched_free(struct touched *touched);

/* Groups the ids of an `embedding` call, of at most ids_most ids. */
void touched_group(struct touched *touched, const struct call *embedding);

/* Sets operands and sizes of an `adagrad` call to what was grouped. */
void touched_bind(const struct touched *touched, struct call *adagrad);

#endif
