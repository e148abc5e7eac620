/* Rows of a table that are picked one by one: a gather whose sums are of one row each. */
#ifndef EKTM_KERNELS_PICKED_H
#define EKTM_KERNELS_PICKED_H

#include "kernels/far.h"
#include "reference/op.h"
#include "reference/operands.h"

#include <stdbool.h>

struct picked {
    const cell *table; /* the columns that are copied */
    size_t ld, width;
    const int32_t *ids;
    size_t ahead;
    float *y;
    size_t y_ld;
};

INLINE const cell *picked_row(const struct picked *p, size_t k)
{
    return p->table + (size_t)p->ids[k] * p->ld;
}

/* Copies rows from `begin` to before `end`; asks for others, and looks others up, that exist. */
INLINE void picked_copy(const struct picked *p, size_t begin, size_t end, const size_t lines,
                        const size_t vectors, row_end tail, const bool ask, const bool look)
{
    for (size_t k = begin; k < end; k++) {
        if (ask && k % IDS_OF_LINE == 0)
            ids_far(p->ids + k + p->ahead);
        if (ask)
            row_far(picked_row(p, k + p->ahead), lines, p->width);
        if (look)
            row_near(picked_row(p, k + NEAR));
        row_copy(p->y + k * p->y_ld, picked_row(p, k), vectors, tail);
    }
}

INLINE void picked_all(const struct call *call, size_t column, size_t width, const size_t lines,
                       const size_t vectors, row_end tail)
{
    const struct tensor *t = call->tensor;
    const size_t count = call->dims.extent[IDS];
    const size_t ahead = rows_ahead(lines, call->options.lines_ahead);
    const struct picked p = {.table = (const cell *)t[GATHER_TABLE].data + column,
                             .ld = t[GATHER_TABLE].ld,
                             .width = width,
                             .ids = t[GATHER_IDS].data,
                             .ahead = ahead < count ? ahead : count,
                             .y = (float *)t[GATHER_Y].data + column,
                             .y_ld = t[GATHER_Y].ld};
    const size_t asking = count - p.ahead, looking = count > NEAR ? count - NEAR : 0;
    const size_t both = asking < looking ? asking : looking;
    for (size_t k = 0; k < p.ahead; k++)
        row_far(picked_row(&p, k), lines, width);
    picked_copy(&p, 0, both, lines, vectors, tail, true, true);
    picked_copy(&p, both, asking, lines, vectors, tail, true, false);
    picked_copy(&p, asking > both ? asking : both, looking, lines, vectors, tail, false, true);
    picked_copy(&p, asking > looking ? asking : looking, count, lines, vectors, tail, false, false);
}

#endif
