/* exp of four numbers, within one unit in the last place, and the logistic function, within three.
 */
#ifndef EKTM_KERNELS_NEON_EXP_H
#define EKTM_KERNELS_NEON_EXP_H

#include <arm_neon.h>

/* e^x = 2^n e^r with n the integer nearest to x / ln 2 and abs(r) <= ln 2 / 2.
 *
 *   r    = x - n ln 2, ln 2 being the sum of two floats, so that r is as good as exact
 *   e^r  = 1 + r + r^2 q(r), q of degree 4: the minimax polynomial of the relative error, 2^-28
 *   2^n  = 2^(n/2) 2^(n - n/2): each factor is a normal number although 2^n may not be one, so
 *          the result overflows to infinity and underflows through the subnormals as it should
 *
 * x is first brought to where e^x is 0 or infinite anyway. NaN stays NaN. */
static inline float32x4_t exp4(float32x4_t x)
{
    const float32x4_t log2e = vdupq_n_f32(0x1.715476p+0f);
    const float32x4_t ln2 = vdupq_n_f32(0x1.62e430p-1f), ln2_rest = vdupq_n_f32(-0x1.05c610p-29f);
    x = vminq_f32(vmaxq_f32(x, vdupq_n_f32(-104)), vdupq_n_f32(89));
    float32x4_t n = vrndnq_f32(vmulq_f32(x, log2e));
    float32x4_t r = vfmsq_f32(vfmsq_f32(x, n, ln2), n, ln2_rest);

    float32x4_t q = vdupq_n_f32(0x1.6a23d0p-10f);
    q = vfmaq_f32(vdupq_n_f32(0x1.123a20p-7f), q, r);
    q = vfmaq_f32(vdupq_n_f32(0x1.5558f2p-5f), q, r);
    q = vfmaq_f32(vdupq_n_f32(0x1.555492p-3f), q, r);
    q = vfmaq_f32(vdupq_n_f32(0x1.fffffcp-2f), q, r);
    float32x4_t e = vaddq_f32(vfmaq_f32(r, vmulq_f32(r, r), q), vdupq_n_f32(1));

    const int32x4_t bias = vdupq_n_s32(127);
    int32x4_t power = vcvtq_s32_f32(n), half = vshrq_n_s32(power, 1);
    int32x4_t low = vshlq_n_s32(vaddq_s32(half, bias), 23);
    int32x4_t high = vshlq_n_s32(vaddq_s32(vsubq_s32(power, half), bias), 23);
    return vmulq_f32(vmulq_f32(e, vreinterpretq_f32_s32(low)), vreinterpretq_f32_s32(high));
}

/* 1 / (1 + e^-x), with a true division: the reciprocal estimate would need two steps of Newton's
 * method and end up no faster. */
static inline float32x4_t sigmoid4(float32x4_t x)
{
    const float32x4_t one = vdupq_n_f32(1);
    return vdivq_f32(one, vaddq_f32(one, exp4(vnegq_f32(x))));
}

#endif
