/* Loops over a register tile are UNROLLed whole, so that the arrays of accumulators and the lane
 * numbers dissolve into registers and immediates. */
#ifndef EKTM_KERNELS_NEON_UNROLL_H
#define EKTM_KERNELS_NEON_UNROLL_H

#include "kernels/unroll.h"

#ifdef __clang__
#    define UNROLL _Pragma("clang loop unroll(full)")
#else
#    define UNROLL _Pragma("GCC unroll 32")
#endif

/* Keeps the compiler from deriving the addresses of a piece of memory from those of another, which
 * would cost a register or an addition for each; with a pointer of its own every load has an
 * immediate offset. */
INLINE const float *pointer_of_its_own(const float *p)
{
    __asm__("" : "+r"(p));
    return p;
}

#endif
