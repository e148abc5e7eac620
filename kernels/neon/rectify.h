/* What a transmitter does with finished sums: ReLU. */
#ifndef EKTM_KERNELS_NEON_RECTIFY_H
#define EKTM_KERNELS_NEON_RECTIFY_H

#include "kernels/neon/product.h"

INLINE void rectify(void *context, size_t row, size_t out, size_t count, float32x4_t low,
                    float32x4_t high)
{
    const struct tensor *m = context;
    const float32x4_t zero = vdupq_n_f32(0);
    store_panel((float *)m->data + row * m->ld + out, count, vmaxq_f32(low, zero),
                vmaxq_f32(high, zero));
}

#endif
