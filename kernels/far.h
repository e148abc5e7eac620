/* Rows of tables, read in random order: asked of memory long before they are added up, and looked
 * up again shortly before.
 *
 *         row k        | added up |      waits for nothing
 *         row k + 12   | 1 line   |      asked into the L1: its page and first line are near then
 *            :
 *         row k + n    | all lines|      asked into the L2, which waits for more lines at a time
 *                                        than the L1 does
 *
 * Until a row's turn comes, as many pages as rows pass by, more than the nearest buffer of
 * translations holds. Without the second look a row's first load would find its page's only behind
 * those that are being looked up for rows to come. */
#ifndef EKTM_KERNELS_FAR_H
#define EKTM_KERNELS_FAR_H

#include "kernels/unroll.h"

#include <stddef.h>
#include <stdint.h>

/* A number of such a row: f32, unless whoever includes this has said otherwise. */
#ifndef CELL
#    define CELL float
#endif
typedef CELL cell;

enum { LINE = 64, IDS_OF_LINE = LINE / sizeof(int32_t) };

/* Rows from the one that is added up to the one that is looked up again, the most to the one that
 * is asked for, and ids from there to those that are. */
enum { NEAR = 12, AHEAD_MOST = 256, IDS_AHEAD = 256 };

/* How many rows are asked for in advance: as many lines as keep memory busy, or as the caller wants
 * (0: no wish). */
INLINE size_t rows_ahead(size_t lines, size_t wanted)
{
    enum { LINES_UNDER_WAY = 768 };
    const size_t rows = ((wanted ? wanted : LINES_UNDER_WAY) + lines - 1) / lines;
    return rows < AHEAD_MOST ? rows : AHEAD_MOST;
}

/* Asks for all lines of a row into the L2. Where rows begin within a line there may be one line
 * more. A hint: it never faults. */
INLINE void row_far(const cell *row, const size_t lines, size_t width)
{
    for (size_t i = 0; i < lines; i++)
        __builtin_prefetch((const char *)row + i * LINE, 0, 2);
    if ((uintptr_t)row % LINE + width * sizeof(cell) > lines * LINE)
        __builtin_prefetch(row + width - 1, 0, 2);
}

INLINE void row_near(const cell *row) { __builtin_prefetch(row, 0, 3); }

/* Asks for ids, or for where bags end, that will be read soon. */
INLINE void ids_far(const int32_t *ids) { __builtin_prefetch(ids + IDS_AHEAD, 0, 3); }

#endif
