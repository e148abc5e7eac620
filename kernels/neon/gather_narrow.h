/* Sums of random rows of narrow tables, whichever format's words the file that includes this has
 * (rows_narrow.h).
 *
 *     ids:  ... | 8 rows: being summed |   on their way   | 8 rows: prefetched now | ...
 *
 * The sums of a block are kept in registers, 64 columns at a time, and between blocks in y, so that
 * a row's lines are used together however wide it is. */
#ifndef EKTM_KERNELS_NEON_GATHER_NARROW_H
#define EKTM_KERNELS_NEON_GATHER_NARROW_H

#include "kernels/neon/rows_narrow.h"

#include "kernels/variant.h"

extern const struct backend neon_backend;

enum { BLOCK_IDS = 8 };

/* y[0 .. width) = the rows [begin, end), those `ahead` further on being asked for. */
static void sum_part(const struct narrow_rows *all, size_t begin, size_t end, size_t ahead,
                     size_t width, float *y)
{
    for (size_t e = 0; e < width && begin == end; e++)
        y[e] = 0;
    for (size_t i = begin; i < end; i += BLOCK_IDS) {
        const size_t count = end - i < BLOCK_IDS ? end - i : BLOCK_IDS;
        const struct narrow_rows block = {all->table, all->first, all->ids + i, count};
        narrow_far(all, i + ahead, i + ahead + count, width);
        if (i == begin)
            sum_narrow(&block, width, y, 1, false);
        else
            sum_narrow(&block, width, y, 1, true);
    }
}

static void run(const struct call *call)
{
    const size_t *n = call->dims.extent;
    const struct tensor *t = call->tensor, *y = &t[GATHER_Y];
    const size_t ahead = rows_ahead(narrow_lines(n[WIDTH]), call->options.lines_ahead);
    const struct narrow_rows all = {&t[GATHER_TABLE], 0, t[GATHER_IDS].data, n[IDS]};
    narrow_far(&all, 0, ahead, n[WIDTH]);
    for (size_t s = 0; s < n[SUMS]; s++)
        sum_part(&all, gather_begin(n, s), gather_begin(n, s + 1), ahead, n[WIDTH],
                 (float *)y->data + s * y->ld);
}

#endif
