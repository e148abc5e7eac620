/* The gradient of a gate in vectors (words.h). */
#ifndef EKTM_KERNELS_GATEGRAD_WORDS_H
#define EKTM_KERNELS_GATEGRAD_WORDS_H

#include "kernels/words.h"
#include "reference/op.h"
#include "reference/operands.h"

/* Some columns of a row. */
INLINE void gategrad_some(const struct tensor *t, size_t row, size_t e, size_t count,
                          const bool add)
{
#define AT(operand) ((float *)t[operand].data + row * t[operand].ld + e)
    const vector dz = load_some(AT(GATEGRAD_DZ), count), g = load_some(AT(GATEGRAD_G), count);
    const vector dm = times(dz, g), closed = minus(all_of(1), g);
    store_some(AT(GATEGRAD_DS), times(times(dm, load_some(AT(GATEGRAD_M), count)), closed), count);
    store_some(AT(GATEGRAD_DM), dm, count);
    store_some(AT(GATEGRAD_DF), add ? plus(load_some(AT(GATEGRAD_DF), count), dz) : dz, count);
#undef AT
}

INLINE void gategrad_rows(const struct call *call, const bool add)
{
    const size_t width = call->dims.extent[WIDTH];
    for (size_t b = 0; b < call->dims.extent[BATCH]; b++) {
        size_t e = 0;
        for (; e + LANES <= width; e += LANES)
            gategrad_some(call->tensor, b, e, LANES, add);
        if (e < width)
            gategrad_some(call->tensor, b, e, width - e, add);
    }
}

INLINE void gategrad(const struct call *call)
{
    if (call->options.add)
        gategrad_rows(call, true);
    else
        gategrad_rows(call, false);
}

#endif
