/* Random rows, read and added up: y[s] = sum over k in part s of table[ids[k]]. Whoever includes it
 * has the words of an instruction set and of a table's format (rows.h).
 *
 *      ids   . . . . . . . . . . . .
 *                ^ adding    ^ prefetching
 *          sum, in f32, in registers: a stripe of 128 columns
 *
 * The embedding's inner loop without its bags: what memory gives to a reader that always has
 * far.h's number of lines under way. Sums of one row each are copies. Wider rows take one pass for
 * each stripe. */
#ifndef EKTM_KERNELS_GATHERED_H
#define EKTM_KERNELS_GATHERED_H

#include "kernels/picked.h"
#include "kernels/shares.h"
#include "reference/operands.h"

INLINE void gathered(const struct call *call, size_t column, size_t width, const size_t vectors)
{
    const struct tensor *t = call->tensor;
    const size_t *n = call->dims.extent, count = n[IDS], ld = t[GATHER_TABLE].ld;
    const size_t ahead = rows_ahead(lines_of(vectors), call->options.lines_ahead);
    const int32_t *ids = t[GATHER_IDS].data;
    const cell *table = (const cell *)t[GATHER_TABLE].data + column;
    const row_end tail = row_end_of(&t[GATHER_TABLE], column, width - (vectors - 1) * LANES);
    const size_t reach = reach_of(tail, width);
    if (count == n[SUMS]) {
        picked_all(call, column, reach, lines_of(vectors), vectors, tail);
        return;
    }
    for (size_t k = 0; k < ahead && k < count; k++)
        row_far(table + (size_t)ids[k] * ld, lines_of(vectors), reach);
    struct shares shares = shares_of(count, n[SUMS]);
    for (size_t s = 0, k = 0; s < n[SUMS]; s++) {
        vector sum[STRIPE_VECTORS];
        sum_clear(sum, vectors);
        for (const size_t end = share_end(&shares); k < end; k++) {
            if (k + ahead < count)
                row_far(table + (size_t)ids[k + ahead] * ld, lines_of(vectors), reach);
            if (k + NEAR < count)
                row_near(table + (size_t)ids[k + NEAR] * ld);
            row_add(sum, table + (size_t)ids[k] * ld, vectors, tail);
        }
        sum_store((float *)t[GATHER_Y].data + s * t[GATHER_Y].ld + column, sum, vectors, tail);
    }
}

static void run(const struct call *call)
{
    FOR_EACH_STRIPE(gathered, call, call->dims.extent[WIDTH])
}

#endif
