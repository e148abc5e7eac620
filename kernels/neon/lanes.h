/* The vector of this instruction set, and the end of a row: what is left when a width is no
 * multiple of four lanes. Memory behind the row belongs to somebody else and is neither read nor
 * written. */
#ifndef EKTM_KERNELS_NEON_LANES_H
#define EKTM_KERNELS_NEON_LANES_H

#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>

enum { LANES = 4 }; /* f32 numbers in a vector */

/* The first `count` (0 .. 3) numbers at `from`, zeros in the other lanes. */
static inline float32x4_t load_tail(const float *from, size_t count)
{
    float32x4_t lanes = vdupq_n_f32(0);
    if (count & 1)
        lanes = vld1q_lane_f32(from + (count & 2), lanes, 0);
    if (count & 2)
        lanes = vcombine_f32(vld1_f32(from), vget_low_f32(lanes));
    return lanes;
}

/* Writes the first `count` (0 .. 3) lanes to `to`. */
static inline void store_tail(float *to, float32x4_t lanes, size_t count)
{
    if (count & 2) {
        vst1_f32(to, vget_low_f32(lanes));
        lanes = vcombine_f32(vget_high_f32(lanes), vget_high_f32(lanes));
    }
    if (count & 1)
        vst1q_lane_f32(to + (count & 2), lanes, 0);
}

/* `load_tail` and `store_tail` for `count` of 0 .. 4. */
static inline float32x4_t load_up_to(const float *from, size_t count)
{
    return count == LANES ? vld1q_f32(from) : load_tail(from, count);
}

static inline void store_up_to(float *to, float32x4_t lanes, size_t count)
{
    if (count == LANES)
        vst1q_f32(to, lanes);
    else
        store_tail(to, lanes, count);
}

/* All bits set in the lanes that stand for columns below `count`, where lane 0 is column `first`.
 */
static inline uint32x4_t lanes_below(size_t first, size_t count)
{
    static const uint32_t lane[LANES] = {0, 1, 2, 3};
    return vcltq_u32(vaddq_u32(vld1q_u32(lane), vdupq_n_u32((uint32_t)first)),
                     vdupq_n_u32((uint32_t)count));
}

/* The numbers under the mask, zero elsewhere. */
static inline float32x4_t keep(float32x4_t numbers, uint32x4_t mask)
{
    return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(numbers), mask));
}

/* The sums over the lanes of four vectors: each (lane 0 + lane 1) + (lane 2 + lane 3). */
static inline float32x4_t sums4(float32x4_t a, float32x4_t b, float32x4_t c, float32x4_t d)
{
    return vpaddq_f32(vpaddq_f32(a, b), vpaddq_f32(c, d));
}

#endif
