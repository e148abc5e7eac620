/* Products of 8-bit integers, 32-bit sums: the words in which narrow_product.h and the probe are
 * written. bf16.h has the same words for bf16 numbers.
 *
 *                group        an instruction multiplies              into
 *     SMULL      16 terms     8 terms of an output by those of x     partial sums of an output
 *     SDOT       4 terms      groups of 4 outputs by a group of x    4 outputs of a row
 *     USMMLA     8 terms      groups of 2 outputs by those of 2 rows 2 outputs of 2 rows
 *
 *     SMULL:  w | k0 .. k15 |    SDOT:  w | o0 | o1 | o2 | o3 |    USMMLA:  w |   o0   |   o1   |
 *                 |       |                 \    \   /    /                       \     X     /
 *             x | k0 .. k15 |           x | g0 | g1 | g2 | g3 | a lane    x | row 0, g | row 1, g |
 *
 * SMULL's products have 16 bits. SADALP adds them up in pairs to 32 bits at once, since two of
 * -128 * -128 are already more than 16 bits hold; four partial sums of an output become one in the
 * end, by pairs.
 *
 * SMULL and SDOT multiply signed numbers only: they get q - 128, and 128 times the sum of the
 * weights is added to their sums, in integers. USMMLA takes q as it is. All sums are exact. */
#ifndef EKTM_KERNELS_NEON_I8_H
#define EKTM_KERNELS_NEON_I8_H

#include "kernels/narrow.h"
#include "kernels/neon/lanes.h"

#include <float.h>
#include <math.h>

typedef int32x4_t sums;

enum { NUMBER = 1 /* bytes */ };

INLINE sums no_sums(void) { return vdupq_n_s32(0); }

/* A number for all lanes. */
INLINE sums sums_of(float number) { return vdupq_n_s32((int32_t)number); }

typedef int8x16_t weights;

INLINE weights weights_at(const char *from) { return vld1q_s8((const int8_t *)from); }

/* ---- what is multiplied ---------------------------------------------------------------------- */

#if defined(__ARM_FEATURE_MATMUL_INT8)
enum {
    GROUP = PAIR_GROUP, /* bytes                                      */
    SUM_ROWS = 2,       /* rows and outputs that share a vector of sums */
    SUM_OUTS = 2,
    AT_ONCE = 2, /* groups that `inputs` holds               */
    OFFSET = 0   /* what is taken off q before it is multiplied */
};
typedef struct {
    uint8x16_t group[AT_ONCE];
} inputs;

INLINE uint8x16_t groups_at(const char *from) { return vld1q_u8((const uint8_t *)from); }
INLINE inputs inputs_at(const char *from)
{
    return (inputs){{groups_at(from), groups_at(from + SUM_ROWS * GROUP)}};
}
INLINE inputs group_at(const char *from) { return (inputs){{groups_at(from)}}; }

INLINE sums multiply_add(sums sum, weights w, const inputs *x, const int group)
{
    return vusmmlaq_s32(sum, x->group[group], w);
}

#elif defined(__ARM_FEATURE_DOTPROD)
enum { GROUP = 4, SUM_ROWS = 1, SUM_OUTS = 4, AT_ONCE = 4, OFFSET = 128 };
typedef int8x16_t inputs;

INLINE inputs inputs_at(const char *from) { return vld1q_s8((const int8_t *)from); }
INLINE inputs group_at(const char *from)
{
    return vreinterpretq_s8_u32(vld1q_dup_u32((const uint32_t *)(const void *)from));
}

INLINE sums multiply_add(sums sum, weights w, const inputs *x, const int group)
{
    switch (group) {
    case 0:
        return vdotq_laneq_s32(sum, w, *x, 0);
    case 1:
        return vdotq_laneq_s32(sum, w, *x, 1);
    case 2:
        return vdotq_laneq_s32(sum, w, *x, 2);
    default:
        return vdotq_laneq_s32(sum, w, *x, 3);
    }
}

#else
enum { GROUP = 16, SUM_ROWS = 1, SUM_OUTS = 1, AT_ONCE = 1, OFFSET = 128 };
typedef int8x16_t inputs;

INLINE inputs inputs_at(const char *from) { return vld1q_s8((const int8_t *)from); }
INLINE inputs group_at(const char *from) { return inputs_at(from); }

INLINE sums multiply_add(sums sum, weights w, const inputs *x, const int group)
{
    (void)group;
    sum = vpadalq_s16(sum, vmull_s8(vget_low_s8(w), vget_low_s8(*x)));
    return vpadalq_s16(sum, vmull_high_s8(w, *x));
}
#endif

/* Four outputs of one of the rows that share the vectors from `sum` on. */
INLINE sums outputs_of(const sums *sum, const int row)
{
    if (SUM_OUTS == 4)
        return sum[0];
    if (SUM_OUTS == 1)
        return vpaddq_s32(vpaddq_s32(sum[0], sum[1]), vpaddq_s32(sum[2], sum[3]));
    return row == 0 ? vcombine_s32(vget_low_s32(sum[0]), vget_low_s32(sum[1]))
                    : vcombine_s32(vget_high_s32(sum[0]), vget_high_s32(sum[1]));
}

/* ---- rounding x, by the very steps of reference/quantize.h ----------------------------------- */

INLINE struct rounding rounding_between(float low, float high)
{
    const float spread = high - low; /* NaN, too, where one of them is */
    const bool finite = spread <= FLT_MAX, spreads = finite && spread >= SPREAD_LEAST;
    return (struct rounding){.dtype = DTYPE_I8,
                             .low = low,
                             .scale = spreads  ? spread / 255
                                      : finite ? 0
                                               : NAN,
                             .inverse = spreads ? 255 / spread : 0};
}

/* narrow_range: how a row of x is rounded. FMIN and FMAX keep a NaN. */
static inline struct rounding range_of_row(const float *x, size_t terms)
{
    if (terms == 0)
        return (struct rounding){.dtype = DTYPE_I8};
    float32x4_t low = vld1q_dup_f32(x), high = low, low2 = low, high2 = low;
    size_t k = 0;
    for (; k + 2 * LANES <= terms; k += 2 * LANES) {
        const float32x4_t a = vld1q_f32(x + k), b = vld1q_f32(x + k + LANES);
        low = vminq_f32(low, a);
        low2 = vminq_f32(low2, b);
        high = vmaxq_f32(high, a);
        high2 = vmaxq_f32(high2, b);
    }
    for (; k < terms; k++) {
        const float32x4_t one = vld1q_dup_f32(x + k);
        low = vminq_f32(low, one);
        high = vmaxq_f32(high, one);
    }
    return rounding_between(vminvq_f32(vminq_f32(low, low2)), vmaxvq_f32(vmaxq_f32(high, high2)));
}

enum { ROUNDED = 16 /* numbers in a vector */ };

/* Four numbers as integers, in 32 bits yet. */
INLINE uint16x8_t steps_of(const float *x, float32x4_t low, float32x4_t inverse)
{
    return vreinterpretq_u16_u32(vcvtnq_u32_f32(vmulq_f32(vsubq_f32(vld1q_f32(x), low), inverse)));
}

INLINE uint8x16_t rounded_vector(const float *x, const struct rounding *rounding)
{
    const float32x4_t low = vdupq_n_f32(rounding->low), inverse = vdupq_n_f32(rounding->inverse);
    const uint16x8_t first =
        vuzp1q_u16(steps_of(x, low, inverse), steps_of(x + LANES, low, inverse));
    const uint16x8_t second =
        vuzp1q_u16(steps_of(x + 2 * LANES, low, inverse), steps_of(x + 3 * LANES, low, inverse));
    return veorq_u8(vuzp1q_u8(vreinterpretq_u8_u16(first), vreinterpretq_u8_u16(second)),
                    vdupq_n_u8(OFFSET));
}

/* ---- what sums mean -------------------------------------------------------------------------- */

/* What makes numbers of four outputs' sums: x = low + scale q gives w x = s scale (v q) + low (s
 * sum of v). */
struct meaning {
    float32x4_t scale, total; /* s, and s times the sum of v */
    int32x4_t sum;            /* of v */
};

INLINE struct meaning meaning_of(const struct piece *piece, size_t out)
{
    return (struct meaning){vld1q_f32(piece->scale + out), vld1q_f32(piece->total + out),
                            vld1q_s32(piece->sum + out)};
}

INLINE float32x4_t added(float32x4_t from, sums sum, const struct meaning *meaning,
                         const struct rounding *rounding)
{
    const int32x4_t exact = OFFSET ? vmlaq_n_s32(sum, meaning->sum, OFFSET) : sum;
    const float32x4_t low = vfmaq_n_f32(from, meaning->total, rounding->low);
    const float32x4_t step = vmulq_n_f32(meaning->scale, rounding->scale);
    return vfmaq_f32(low, vcvtq_f32_s32(exact), step);
}

#endif
