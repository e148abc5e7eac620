/* Shares of a mixture: softmax of a few logits. */
#ifndef EKTM_KERNELS_COMPILER_SHARES_H
#define EKTM_KERNELS_COMPILER_SHARES_H

#include "kernels/compiler/exp.h"

#include <stddef.h>

static inline void shares(float *restrict share, const float *restrict logit, size_t parts)
{
    float most = logit[0], total = 0;
    for (size_t n = 1; n < parts; n++)
        most = logit[n] > most ? logit[n] : most;
    for (size_t n = 0; n < parts; n++)
        share[n] = expf(logit[n] - most);
    for (size_t n = 0; n < parts; n++)
        total += share[n];
    for (size_t n = 0; n < parts; n++)
        share[n] /= total;
}

#endif
