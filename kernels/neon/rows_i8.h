/* Rows of i8 tables, in the words of rows_narrow.h: offset + scale q, q from 8 bits to 16, to 32
 * and to f32, then one fused multiply-add. */
#ifndef EKTM_KERNELS_NEON_ROWS_I8_H
#define EKTM_KERNELS_NEON_ROWS_I8_H

#include "kernels/neon/lanes.h"
#include "kernels/unroll.h"
#include "reference/dtype.h"

enum { BYTES = 1, BEHIND = sizeof(struct affine) };

struct meaning {
    float32x4_t scale, offset;
};

INLINE struct meaning meaning_of(const struct tensor *table, size_t row)
{
    const struct affine affine = affine_at(table, row);
    return (struct meaning){vdupq_n_f32(affine.scale), vdupq_n_f32(affine.offset)};
}

/* The first numbers at `at` in f32. Eight bytes can be read wherever a number begins, since there
 * are eight behind the last: what a row means. */
INLINE void widen(float32x4_t to[2], const char *at, size_t count, const struct meaning *meaning)
{
    (void)count;
    const int16x8_t wide = vmovl_s8(vld1_s8((const int8_t *)at));
    const float32x4_t low = vcvtq_f32_s32(vmovl_s16(vget_low_s16(wide)));
    const float32x4_t high = vcvtq_f32_s32(vmovl_high_s16(wide));
    to[0] = vfmaq_f32(meaning->offset, low, meaning->scale);
    to[1] = vfmaq_f32(meaning->offset, high, meaning->scale);
}

#endif
