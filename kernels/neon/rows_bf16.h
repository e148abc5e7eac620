/* Rows of bf16 tables, in the words of rows_narrow.h. With 16 zeros behind it a number is the f32
 * one of the same value: a shift to twice the width. */
#ifndef EKTM_KERNELS_NEON_ROWS_BF16_H
#define EKTM_KERNELS_NEON_ROWS_BF16_H

#include "kernels/neon/lanes.h"
#include "kernels/unroll.h"
#include "reference/dtype.h"

enum { BYTES = 2, BEHIND = 0 };

/* A row's numbers are what they are. */
struct meaning {
    char nothing;
};

INLINE struct meaning meaning_of(const struct tensor *table, size_t row)
{
    (void)table;
    (void)row;
    return (struct meaning){0};
}

/* The first `count` (0 .. 4) numbers, zeros in the other lanes. */
INLINE uint16x4_t halves_up_to(const uint16_t *from, size_t count)
{
    if (count == LANES)
        return vld1_u16(from);
    uint16x4_t lanes = vdup_n_u16(0);
    if (count & 1)
        lanes = vld1_lane_u16(from + (count & 2), lanes, 0);
    if (count & 2) {
        const uint64x1_t second = vshl_n_u64(vreinterpret_u64_u16(lanes), 32);
        lanes = vreinterpret_u16_u32(
            vld1_lane_u32((const uint32_t *)(const void *)from, vreinterpret_u32_u64(second), 0));
    }
    return lanes;
}

/* The first `count` (1 .. 8) numbers at `at` in f32. */
INLINE void widen(float32x4_t to[2], const char *at, size_t count, const struct meaning *meaning)
{
    (void)meaning;
    const uint16_t *from = (const uint16_t *)(const void *)at;
    const uint16x8_t halves =
        count == 2 * LANES ? vld1q_u16(from)
        : count < LANES    ? vcombine_u16(halves_up_to(from, count), vdup_n_u16(0))
                        : vcombine_u16(vld1_u16(from), halves_up_to(from + LANES, count - LANES));
    to[0] = vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(halves), 16));
    to[1] = vreinterpretq_f32_u32(vshll_high_n_u16(halves, 16));
}

#endif
