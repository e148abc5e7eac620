/* Products of bf16 rows with bf16 weights that were turned to [in, out]: the loop of transposed.h,
 * its numbers widened on their way. */
#ifndef EKTM_KERNELS_COMPILER_BF16_H
#define EKTM_KERNELS_COMPILER_BF16_H

#include "reference/dtype.h"

/* y[b, o] += sum over k of x[b, k] * w[k, o] for a block of rows. Leading dimensions are in
 * elements. One copy for every row, as in transposed.h. */
static __attribute__((noinline)) void accumulate_bf16(float *restrict y, size_t ldy,
                                                      const uint16_t *restrict x, size_t ldx,
                                                      const uint16_t *restrict w, size_t ldw,
                                                      size_t rows, size_t ins, size_t outs)
{
    for (size_t k = 0; k < ins; k++)
        for (size_t b = 0; b < rows; b++)
            for (size_t o = 0; o < outs; o++)
                y[b * ldy + o] += bf16_value(x[b * ldx + k]) * bf16_value(w[k * ldw + o]);
}

#endif
