/* What keeps a register tile in registers: code that takes the tile's size as a constant argument
 * is INLINE, so that each caller's constants unroll its loops, and a switch over the sizes there
 * are picks the caller. */
#ifndef EKTM_KERNELS_UNROLL_H
#define EKTM_KERNELS_UNROLL_H

#define INLINE static inline __attribute__((always_inline))

/* Cases of a switch over a size: `statement` with the constant N in its place. */
#define CASE(size, statement)                                                                      \
case size: {                                                                                       \
    enum { N = size };                                                                             \
    statement;                                                                                     \
    break;                                                                                         \
}
#define CASES_TO_2(statement) CASE(1, statement) CASE(2, statement)
#define CASES_TO_3(statement) CASES_TO_2(statement) CASE(3, statement)
#define CASES_TO_4(statement) CASES_TO_3(statement) CASE(4, statement)
#define CASES_TO_5(statement) CASES_TO_4(statement) CASE(5, statement)
#define CASES_TO_6(statement) CASES_TO_5(statement) CASE(6, statement)
#define CASES_TO_7(statement) CASES_TO_6(statement) CASE(7, statement)
#define CASES_TO_8(statement) CASES_TO_7(statement) CASE(8, statement)
#define CASES_TO_11(statement)                                                                     \
    CASES_TO_8(statement) CASE(9, statement) CASE(10, statement) CASE(11, statement)
#define CASES_TO_14(statement)                                                                     \
    CASES_TO_11(statement) CASE(12, statement) CASE(13, statement) CASE(14, statement)
#define CASES_TO_16(statement) CASES_TO_14(statement) CASE(15, statement) CASE(16, statement)

#endif
