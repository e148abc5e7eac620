/* Embedding with pooling: x[b,f] = sum or mean of table[first[f] + id], id in bag (b,f). Whoever
 * includes it has the words of an instruction set and of a table's format (rows.h).
 *
 *      bags      b     [ . . . ][ . ][ . . ][ ][ . ]      added up in f32, in registers: a stripe
 *                         |                               of 128 columns
 *                b+k   [ . . ][ . ][ . . . ][ . ][ . ]    asked for, the same field's
 *
 * While a bag is added to sums in registers, the rows of the same field's bag some rows of the
 * batch later are asked for: the table and where it begins are the same, so that asking takes
 * little more than a load of the id. Before the first bag those of the first rows are. How many
 * rows of the batch, is as many lines as the memory works on at a time, one at least.
 *
 * Where all bags of a row of the batch are of one id, rows of tables are copied (field.h), with few
 * enough instructions for a row of one line not to wait for them.
 *
 * A bag of one id is a copy; a sum is scaled for the mean as it is stored. An empty bag gives
 * zeros. Wider tables take one pass for each stripe. */
#ifndef EKTM_KERNELS_POOLED_H
#define EKTM_KERNELS_POOLED_H

#include "kernels/field.h"
#include "reference/operands.h"

INLINE void bag_add(vector sum[STRIPE_VECTORS], const struct field *field, const int32_t *bag,
                    const size_t vectors, row_end tail)
{
    const int32_t begin = bag[0], end = bag[1];
    if (begin < end)
        row_set(sum, field->table + (size_t)field->ids[begin] * field->ld, vectors, tail);
    else
        sum_clear(sum, vectors);
    for (int32_t at = begin + 1; at < end; at++)
        row_add(sum, field->table + (size_t)field->ids[at] * field->ld, vectors, tail);
}

/* A row of the batch with any bags; `far` is where the bags are whose rows are asked for, or NULL.
 */
INLINE void bags_pool(const struct call *call, size_t column, float *to, const int32_t *bag,
                      const int32_t *far, size_t reach, const size_t vectors, row_end tail)
{
    const size_t *n = call->dims.extent;
    const bool mean = call->options.pooling == POOLING_MEAN;
    for (size_t f = 0; f < n[FIELDS]; f++, to += n[WIDTH]) {
        const struct field field = field_of(call, f, column);
        vector sum[STRIPE_VECTORS];
        if (far)
            bag_far(&field, far + f, lines_of(vectors), reach);
        bag_add(sum, &field, bag + f, vectors, tail);
        if (mean && bag[f + 1] > bag[f])
            sum_scale(sum, vectors, 1 / (float)(bag[f + 1] - bag[f]));
        sum_store(to, sum, vectors, tail);
    }
}

INLINE void pooled(const struct call *call, size_t column, size_t width, const size_t vectors)
{
    const size_t *n = call->dims.extent, lines = lines_of(vectors);
    const struct tensor *x = &call->tensor[EMBEDDING_X];
    const int32_t *bag = call->tensor[EMBEDDING_BAGS].data;
    const row_end tail =
        row_end_of(&call->tensor[EMBEDDING_TABLE], column, width - (vectors - 1) * LANES);
    const size_t reach = reach_of(tail, width);
    float *to = (float *)x->data + column;
    if (n[BATCH] * n[FIELDS] == 0)
        return;
    const size_t later = rows_later(call, rows_ahead(lines, call->options.lines_ahead));
    for (size_t b = 0; b < later; b++)
        bags_far(call, bag + b * n[FIELDS], column, lines, reach);
    for (size_t left = n[BATCH]; left; left--, bag += n[FIELDS], to += x->ld)
        if (bags_ones(bag, n[FIELDS])) {
            ones_copy(call, bag, left, later, column, reach, to, lines, vectors, tail);
        } else {
            const int32_t *far = later < left ? bag + later * n[FIELDS] : NULL;
            bags_pool(call, column, to, bag, far, reach, vectors, tail);
        }
}

static void run(const struct call *call) { FOR_EACH_STRIPE(pooled, call, call->dims.extent[WIDTH]) }

#endif
