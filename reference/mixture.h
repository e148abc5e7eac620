/* Shares of a mixture: softmax of a row's logits. */
#ifndef EKTM_REFERENCE_MIXTURE_H
#define EKTM_REFERENCE_MIXTURE_H

#include "reference/op.h"
#include "reference/operands.h"

/* Fills share[0 .. VECTORS-1] and returns how far the logits spread. */
static inline double mixture_shares(const struct call *call, size_t row, double *share)
{
    const size_t parts = call->dims.extent[VECTORS];
    const struct tensor *logits = &call->tensor[MIXTURE_LOGITS];
    double most = -INFINITY, least = INFINITY, total = 0;
    for (size_t n = 0; n < parts; n++) {
        most = fmax(most, real_at(logits, row, n));
        least = fmin(least, real_at(logits, row, n));
    }
    for (size_t n = 0; n < parts; n++)
        total += share[n] = exp(real_at(logits, row, n) - most);
    for (size_t n = 0; n < parts; n++)
        share[n] /= total;
    return most - least;
}

/* Element `at` of part `n` of the row: of its own ones first, then of the shared ones. */
static inline double mixture_part(const struct call *call, size_t row, size_t n, size_t at)
{
    const size_t own = call->dims.extent[OWN], width = call->dims.extent[WIDTH];
    return n < own ? real_at(&call->tensor[MIXTURE_OWN], row, n * width + at)
                   : real_at(&call->tensor[MIXTURE_SHARED], row, (n - own) * width + at);
}

/* Error allowed to a share, relative to it: the rounding of exp's argument, exp, sum and division.
 */
static inline double mixture_share_error(const struct call *call, double spread, double roundoff)
{
    return (spread + 16) * roundoff + accumulation_error(call->dims.extent[VECTORS], roundoff);
}

#endif
