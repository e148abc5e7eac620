/* The gather of narrow tables, whatever their format: rows are added up in f32. */
#ifndef EKTM_KERNELS_COMPILER_GATHER_NARROW_H
#define EKTM_KERNELS_COMPILER_GATHER_NARROW_H

#include "kernels/compiler/narrow_rows.h"
#include "reference/op.h"
#include "reference/operands.h"

static void gather_narrow(const struct call *call)
{
    const size_t *n = call->dims.extent;
    const struct tensor *t = call->tensor;
    for (size_t s = 0; s < n[SUMS]; s++) {
        const size_t begin = gather_begin(n, s), count = gather_begin(n, s + 1) - begin;
        pool((float *)t[GATHER_Y].data + s * t[GATHER_Y].ld, &t[GATHER_TABLE], 0,
             (const int32_t *)t[GATHER_IDS].data + begin, count, n[WIDTH], false);
    }
}

#endif
