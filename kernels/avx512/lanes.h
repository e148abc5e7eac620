/* The vector of this instruction set, and loads and stores that stop where an operand stops. */
#ifndef EKTM_KERNELS_AVX512_LANES_H
#define EKTM_KERNELS_AVX512_LANES_H

#include "kernels/unroll.h"

#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>

enum { LANES = 16 }; /* f32 numbers in a vector */

/* The first `count` lanes; all of them from LANES on. */
INLINE __mmask16 lanes_of(size_t count)
{
    return (__mmask16)(count < LANES ? (1u << count) - 1 : 0xffff);
}

#endif
