/* The vector of this instruction set, and loads and stores that stop where an operand stops. */
#ifndef EKTM_KERNELS_AVX512_LANES_H
#define EKTM_KERNELS_AVX512_LANES_H

#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>

/* A body that is written once for several tile sizes: each caller's constants unroll its loops and
 * leave the tile in registers. */
#define INLINE static inline __attribute__((always_inline))

/* Cases of a switch over a size: `statement` with the constant N in its place. */
#define CASE(size, statement)                                                                      \
case size: {                                                                                       \
    enum { N = size };                                                                             \
    statement;                                                                                     \
    break;                                                                                         \
}
#define CASES_TO_3(statement) CASE(1, statement) CASE(2, statement) CASE(3, statement)
#define CASES_TO_4(statement) CASES_TO_3(statement) CASE(4, statement)
#define CASES_TO_5(statement) CASES_TO_4(statement) CASE(5, statement)
#define CASES_TO_8(statement)                                                                      \
    CASES_TO_5(statement) CASE(6, statement) CASE(7, statement) CASE(8, statement)

enum { LANES = 16 }; /* f32 numbers in a vector */

/* The first `count` lanes; all of them from LANES on. */
INLINE __mmask16 lanes_of(size_t count)
{
    return (__mmask16)(count < LANES ? (1u << count) - 1 : 0xffff);
}

#endif
