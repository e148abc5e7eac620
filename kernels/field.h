/* The fields of an embedding: their tables, and rows of the batch whose bags are of one id each. */
#ifndef EKTM_KERNELS_FIELD_H
#define EKTM_KERNELS_FIELD_H

#include "kernels/far.h"
#include "reference/op.h"
#include "reference/operands.h"

#include <stdbool.h>

/* Some columns of a field's table, and the ids. */
struct field {
    const cell *table;
    size_t ld;
    const int32_t *ids;
};

INLINE struct field field_of(const struct call *call, size_t f, size_t column)
{
    const struct tensor *t = call->tensor;
    const size_t ld = t[EMBEDDING_TABLE].ld;
    return (struct field){(const cell *)t[EMBEDDING_TABLE].data +
                              index_at(&t[EMBEDDING_FIRST], f) * ld + column,
                          ld, t[EMBEDDING_IDS].data};
}

/* Asks for the rows of a bag, of ids from bag[0] to before bag[1]. */
INLINE void bag_far(const struct field *field, const int32_t *bag, const size_t lines, size_t width)
{
    for (int32_t at = bag[0]; at < bag[1]; at++)
        row_far(field->table + (size_t)field->ids[at] * field->ld, lines, width);
}

/* Asks for those of all bags of a row of the batch. */
INLINE void bags_far(const struct call *call, const int32_t *bag, size_t column, const size_t lines,
                     size_t width)
{
    for (size_t f = 0; f < call->dims.extent[FIELDS]; f++) {
        const struct field field = field_of(call, f, column);
        bag_far(&field, bag + f, lines, width);
    }
}

/* How many rows of the batch later the bags are whose rows are asked for, to be about `ahead` rows
 * of tables in advance. */
INLINE size_t rows_later(const struct call *call, size_t ahead)
{
    const size_t *n = call->dims.extent;
    const int32_t *bag = call->tensor[EMBEDDING_BAGS].data;
    const size_t ids = (size_t)(bag[n[BATCH] * n[FIELDS]] - bag[0]);
    const size_t later = ahead * n[BATCH] / (ids + 1);
    return later < 1 ? 1 : later < n[BATCH] ? later : n[BATCH];
}

/* ---- bags of one id -------------------------------------------------------------------------- */

/* A row of the batch all of whose bags are of one id: as many rows of tables as there are fields,
 * which are copied.
 *
 *            b | . . . . . . |     copied
 *          b+1 | . . . . . . |     looked up again, the first ones while b's last are copied
 *            :
 *      b+later | . . . . . . |     asked for
 */
struct ones {
    const cell *table; /* the columns that are copied */
    size_t ld, width, fields;
    const int32_t *first;
    const int32_t *now, *near,
        *far; /* ids of row b, of NEAR rows of tables later, of row b+later */
    const int32_t *near_first;
};

/* Whether the row of the batch that begins with `bag` has as many ids as bags. */
INLINE bool bags_many(const int32_t *bag, size_t fields)
{
    return (size_t)(bag[fields] - bag[0]) == fields;
}

/* Whether all its bags are of one id. */
INLINE bool bags_ones(const int32_t *bag, size_t fields)
{
    int32_t odd = 0;
    for (size_t f = 0; f < fields; f++)
        odd |= bag[f + 1] - bag[f] - 1;
    return odd == 0;
}

INLINE const cell *ones_row(const struct ones *o, const int32_t *first, const int32_t *ids,
                            size_t f)
{
    return o->table + (size_t)(first[f] + ids[f]) * o->ld;
}

/* Copies the fields from `begin` to before `end` to `to`, `step` apart. */
INLINE void ones_some(const struct ones *o, size_t begin, size_t end, float *to, size_t step,
                      const size_t lines, const size_t vectors, row_end tail, const bool ask)
{
    for (size_t f = begin; f < end; f++) {
        if (ask)
            row_far(ones_row(o, o->first, o->far, f), lines, o->width);
        row_near(ones_row(o, o->near_first, o->near, f));
        row_copy(to + f * step, ones_row(o, o->first, o->now, f), vectors, tail);
    }
}

INLINE void ones_whole(struct ones *o, size_t near, float *to, size_t step, const size_t lines,
                       const size_t vectors, row_end tail, const bool ask)
{
    o->near_first = o->first + near;
    ones_some(o, 0, o->fields - near, to, step, lines, vectors, tail, ask);
    o->near_first -= o->fields;
    ones_some(o, o->fields - near, o->fields, to, step, lines, vectors, tail, ask);
}

/* Copies the columns of row b, whose bags begin with `bag`. There are `left` rows from it on, and
 * it is the one `later` rows later whose rows of tables are asked for, should it be like it. */
INLINE void ones_copy(const struct call *call, const int32_t *bag, size_t left, size_t later,
                      size_t column, size_t width, float *to, const size_t lines,
                      const size_t vectors, row_end tail)
{
    const size_t *n = call->dims.extent, fields = n[FIELDS];
    const struct tensor *t = call->tensor, *table = &t[EMBEDDING_TABLE];
    const int32_t *ids = t[EMBEDDING_IDS].data, *far = bag + later * fields;
    const bool next = fields > NEAR && left > 1 && bags_many(bag + fields, fields);
    const size_t near = next ? NEAR : 0;
    struct ones ones = {.table = (const cell *)table->data + column,
                        .ld = table->ld,
                        .width = width,
                        .fields = fields,
                        .first = t[EMBEDDING_FIRST].data,
                        .now = ids + bag[0],
                        .near = ids + bag[0] + near};
    if (later < left && bags_many(far, fields)) {
        ones.far = ids + far[0];
        for (size_t f = 0; f < fields; f += IDS_OF_LINE) {
            ids_far(ones.far + f);
            ids_far(far + f);
        }
        ones_whole(&ones, near, to, n[WIDTH], lines, vectors, tail, true);
        return;
    }
    if (later < left)
        bags_far(call, far, column, lines, width);
    ones_whole(&ones, near, to, n[WIDTH], lines, vectors, tail, false);
}

#endif
