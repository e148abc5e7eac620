/* What keeps a register tile in registers: code that takes the tile's size as a constant argument
 * is INLINE, and its loops over the tile are UNROLLed whole, so that the arrays of accumulators and
 * the lane numbers dissolve into registers and immediates. */
#ifndef EKTM_KERNELS_NEON_UNROLL_H
#define EKTM_KERNELS_NEON_UNROLL_H

#define INLINE static inline __attribute__((always_inline))

/* Cases of a switch over a size: `statement` with the constant N in its place. */
#define CASE(size, statement)                                                                      \
case size: {                                                                                       \
    enum { N = size };                                                                             \
    statement;                                                                                     \
    break;                                                                                         \
}
#define CASES_TO_4(statement)                                                                      \
    CASE(1, statement) CASE(2, statement) CASE(3, statement) CASE(4, statement)
#define CASES_TO_7(statement)                                                                      \
    CASES_TO_4(statement) CASE(5, statement) CASE(6, statement) CASE(7, statement)

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
