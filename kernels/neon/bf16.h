/* Products of bf16 numbers, f32 sums: the words in which narrow_product.h and the probe are
 * written. i8.h has the same words for integers.
 *
 *                group        an instruction multiplies              into
 *     FMLA       1 term       weights of 4 outputs by a lane of x    4 outputs of a row
 *     BFDOT      2 terms      groups of 4 outputs by a group of x    4 outputs of a row
 *     BFMMLA     4 terms      groups of 2 outputs by those of 2 rows 2 outputs of 2 rows
 *
 *     FMLA, BFDOT:  w | o0 | o1 | o2 | o3 |         BFMMLA:  w |   o0   |   o1   |
 *                       \    \   /    /                            \     X     /
 *                   x   | g0 | g1 | g2 | g3 |  a lane      x | row 0, g | row 1, g |
 *
 * BFDOT and BFMMLA take denormal numbers for 0 and round sums to odd: a sum may be off by twice as
 * much as one that is rounded to nearest. Terms that are dropped so are far below the last bit of
 * any sum of normal ones.
 *
 * FMLA multiplies f32 numbers. A bf16 number with 16 zeros behind it is one, so a shift to twice
 * the width makes one of each number. x is rounded in integer arithmetic there: adding 0x7fff and
 * the last bit that stays carries into that bit just when nearest, ties to even, goes up. */
#ifndef EKTM_KERNELS_NEON_BF16_H
#define EKTM_KERNELS_NEON_BF16_H

#include "kernels/narrow.h"
#include "kernels/neon/lanes.h"

typedef float32x4_t sums;

enum {
    NUMBER = 2, /* bytes                                     */
    OFFSET = 0  /* what is taken off x before it is multiplied */
};

INLINE sums no_sums(void) { return vdupq_n_f32(0); }

/* A number for all lanes. */
INLINE sums sums_of(float number) { return vdupq_n_f32(number); }

/* ---- what is multiplied ---------------------------------------------------------------------- */

#if defined(PRODUCT_BFMMLA)
enum {
    GROUP = PAIR_GROUP, /* bytes                                      */
    SUM_ROWS = 2,       /* rows and outputs that share a vector of sums */
    SUM_OUTS = 2,
    AT_ONCE = 2 /* groups that `inputs` holds */
};
typedef bfloat16x8_t weights;
typedef struct {
    bfloat16x8_t group[AT_ONCE];
} inputs;

INLINE bfloat16x8_t groups_at(const char *from) { return vld1q_bf16((const bfloat16_t *)from); }
INLINE weights weights_at(const char *from) { return groups_at(from); }
INLINE inputs inputs_at(const char *from)
{
    return (inputs){{groups_at(from), groups_at(from + SUM_ROWS * GROUP)}};
}
INLINE inputs group_at(const char *from) { return (inputs){{groups_at(from)}}; }

INLINE sums multiply_add(sums sum, weights w, const inputs *x, const int group)
{
    return vbfmmlaq_f32(sum, x->group[group], w);
}

#elif defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)
enum { GROUP = 4, SUM_ROWS = 1, SUM_OUTS = 4, AT_ONCE = 4 };
typedef bfloat16x8_t weights;
typedef bfloat16x8_t inputs;

INLINE weights weights_at(const char *from) { return vld1q_bf16((const bfloat16_t *)from); }
INLINE inputs inputs_at(const char *from) { return vld1q_bf16((const bfloat16_t *)from); }
INLINE inputs group_at(const char *from)
{
    return vreinterpretq_bf16_u32(vld1q_dup_u32((const uint32_t *)(const void *)from));
}

INLINE sums multiply_add(sums sum, weights w, const inputs *x, const int group)
{
    switch (group) {
    case 0:
        return vbfdotq_laneq_f32(sum, w, *x, 0);
    case 1:
        return vbfdotq_laneq_f32(sum, w, *x, 1);
    case 2:
        return vbfdotq_laneq_f32(sum, w, *x, 2);
    default:
        return vbfdotq_laneq_f32(sum, w, *x, 3);
    }
}

#else
enum { GROUP = 2, SUM_ROWS = 1, SUM_OUTS = 4, AT_ONCE = 4 };
typedef float32x4_t weights;
typedef float32x4_t inputs;

INLINE float32x4_t widened(uint16x4_t numbers)
{
    return vreinterpretq_f32_u32(vshll_n_u16(numbers, 16));
}

INLINE weights weights_at(const char *from)
{
    return widened(vld1_u16((const uint16_t *)(const void *)from));
}
INLINE inputs inputs_at(const char *from) { return weights_at(from); }
INLINE inputs group_at(const char *from)
{
    return widened(vld1_dup_u16((const uint16_t *)(const void *)from));
}

/* As an instruction, since gcc makes one of vfmaq_laneq_f32 too late to count registers well. */
INLINE sums multiply_add(sums sum, weights w, const inputs *x, const int group)
{
#    define FMLA(lane)                                                                             \
        __asm__("fmla %0.4s, %1.4s, %2.s[" #lane "]" : "+w"(sum) : "w"(w), "w"(*x));               \
        return sum
    switch (group) {
    case 0:
        FMLA(0);
    case 1:
        FMLA(1);
    case 2:
        FMLA(2);
    default:
        FMLA(3);
    }
#    undef FMLA
}
#endif

/* Four outputs of one of the rows that share the vectors from `sum` on. */
INLINE sums outputs_of(const sums *sum, const int row)
{
    if (SUM_ROWS == 1)
        return sum[0];
    return row == 0 ? vcombine_f32(vget_low_f32(sum[0]), vget_low_f32(sum[1]))
                    : vcombine_f32(vget_high_f32(sum[0]), vget_high_f32(sum[1]));
}

/* ---- rounding x ------------------------------------------------------------------------------ */

enum { ROUNDED = 8 /* numbers in a vector */ };

#ifdef __ARM_FEATURE_BF16_VECTOR_ARITHMETIC
INLINE uint8x16_t rounded_vector(const float *x, const struct rounding *rounding)
{
    (void)rounding;
    const bfloat16x8_t low = vcvtq_low_bf16_f32(vld1q_f32(x));
    return vreinterpretq_u8_bf16(vcvtq_high_bf16_f32(low, vld1q_f32(x + LANES)));
}
#else
/* Four numbers; a NaN stays one, quiet. */
INLINE uint16x4_t rounded_halves(float32x4_t x)
{
    const uint32x4_t bits = vreinterpretq_u32_f32(x), number = vceqq_f32(x, x);
    const uint32x4_t last = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
    const uint32x4_t up = vandq_u32(vaddq_u32(last, vdupq_n_u32(0x7fff)), number);
    const uint32x4_t quiet = vbicq_u32(vdupq_n_u32(0x400000), number);
    return vaddhn_u32(vorrq_u32(bits, quiet), up);
}

INLINE uint8x16_t rounded_vector(const float *x, const struct rounding *rounding)
{
    (void)rounding;
    return vreinterpretq_u8_u16(
        vcombine_u16(rounded_halves(vld1q_f32(x)), rounded_halves(vld1q_f32(x + LANES))));
}
#endif

/* bf16 needs to know nothing of a row before it is rounded. */
static narrow_range *const range_of_row = NULL;

/* ---- what sums mean -------------------------------------------------------------------------- */

/* What makes numbers of four outputs' sums: nothing. */
struct meaning {
    char nothing;
};

INLINE struct meaning meaning_of(const struct piece *piece, size_t out)
{
    (void)piece;
    (void)out;
    return (struct meaning){0};
}

INLINE float32x4_t added(float32x4_t from, sums sum, const struct meaning *meaning,
                         const struct rounding *rounding)
{
    (void)meaning;
    (void)rounding;
    return vaddq_f32(from, sum);
}

#endif
