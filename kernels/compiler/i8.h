/* Products of rows of integers, 0 to 255, with 8-bit weights, both with their terms side by side.
 *
 * Two terms of 16 bits each are multiplied and added up by one instruction of every set, which is
 * why rows come in 16 bits: of 8-bit numbers without sign the compiler makes products of 16 bits,
 * and widens each. */
#ifndef EKTM_KERNELS_COMPILER_I8_H
#define EKTM_KERNELS_COMPILER_I8_H

#include <stddef.h>
#include <stdint.h>

/* y[b, o] = sum over k of x[b, k] * w[o, k] for a block of rows. Leading dimensions are in
 * elements. Integers add up to the same in any order. */
static __attribute__((noinline)) void multiply_integers(int32_t *restrict y, size_t ldy,
                                                        const int16_t *restrict x, size_t ldx,
                                                        const int8_t *restrict w, size_t ldw,
                                                        size_t rows, size_t ins, size_t outs)
{
    for (size_t o = 0; o < outs; o++)
        for (size_t b = 0; b < rows; b++) {
            int32_t sum = 0;
            for (size_t k = 0; k < ins; k++)
                sum += x[b * ldx + k] * w[o * ldw + k];
            y[b * ldy + o] = sum;
        }
}

#endif
