/* Embedding with pooling of narrow tables, whichever format's words the file that includes this has
 * (rows_narrow.h).
 *
 *      bag q         [ . . ]    widened and added up, 64 columns at a time
 *      bag q + 12    [ .        its first row is looked up again (far.h)
 *      bag q + k F   [ . . ]    asked for: the same field's, k rows of the batch later
 *
 * A row is asked for as a whole, with what lies behind its numbers. */
#ifndef EKTM_KERNELS_NEON_EMBEDDING_NARROW_H
#define EKTM_KERNELS_NEON_EMBEDDING_NARROW_H

#include "kernels/neon/rows_narrow.h"

#include "kernels/field.h"
#include "kernels/variant.h"

extern const struct backend neon_backend;

/* The rows of a bag of field `f`, of ids from bag[0] to before bag[1]. */
INLINE struct narrow_rows bag_rows(const struct call *call, size_t f, const int32_t *bag)
{
    const struct tensor *t = call->tensor;
    return (struct narrow_rows){&t[EMBEDDING_TABLE], index_at(&t[EMBEDDING_FIRST], f),
                                (const int32_t *)t[EMBEDDING_IDS].data + bag[0],
                                (size_t)(bag[1] - bag[0])};
}

INLINE void bag_ask(const struct call *call, size_t f, const int32_t *bag)
{
    const struct narrow_rows rows = bag_rows(call, f, bag);
    narrow_far(&rows, 0, rows.count, call->dims.extent[WIDTH]);
}

INLINE void bag_near(const struct call *call, size_t f, const int32_t *bag)
{
    const struct narrow_rows rows = bag_rows(call, f, bag);
    if (rows.count)
        __builtin_prefetch(narrow_address(&rows, 0), 0, 3);
}

static void bag_pool(const struct call *call, size_t f, const int32_t *bag, float *to)
{
    const size_t width = call->dims.extent[WIDTH];
    struct narrow_rows rows = bag_rows(call, f, bag);
    if (rows.count == 0) {
        for (size_t e = 0; e < width; e++)
            to[e] = 0;
    } else if (rows.count == 1) {
        rows.count = 1; /* a constant: neither a loop nor a factor is left */
        sum_narrow(&rows, width, to, 1, false);
    } else {
        const bool mean = call->options.pooling == POOLING_MEAN;
        sum_narrow(&rows, width, to, mean ? 1 / (float)rows.count : 1, false);
    }
}

/* One row of the batch, whose bags begin with `bag`; `far` is where those begin whose rows are
 * asked for, or NULL, and `bags` bags there are from this row's first on. */
static void bags_pool(const struct call *call, const int32_t *bag, const int32_t *far, size_t bags,
                      float *to)
{
    const size_t *n = call->dims.extent;
    size_t near = NEAR % n[FIELDS];
    for (size_t f = 0; f < n[FIELDS]; f++, to += n[WIDTH]) {
        if (far)
            bag_ask(call, f, far + f);
        if (f + NEAR < bags)
            bag_near(call, near, bag + f + NEAR);
        near = near + 1 == n[FIELDS] ? 0 : near + 1;
        bag_pool(call, f, bag + f, to);
    }
}

static void run(const struct call *call)
{
    const size_t *n = call->dims.extent, fields = n[FIELDS];
    const struct tensor *x = &call->tensor[EMBEDDING_X];
    const int32_t *bag = call->tensor[EMBEDDING_BAGS].data;
    float *to = x->data;
    if (n[BATCH] == 0 || fields == 0)
        return;
    const size_t ahead = rows_ahead(narrow_lines(n[WIDTH]), call->options.lines_ahead);
    const size_t later = rows_later(call, ahead);
    for (size_t q = 0; q < later * fields; q++)
        bag_ask(call, q % fields, bag + q);
    for (size_t left = n[BATCH]; left; left--, bag += fields, to += x->ld)
        bags_pool(call, bag, later < left ? bag + later * fields : NULL, left * fields, to);
}

#endif
