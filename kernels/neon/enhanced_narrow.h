/* The gate of an enhanced module in a narrow format: what follows its product. */
#include "kernels/neon/exp.h"
#include "kernels/neon/narrow_product.h"

INLINE void gate_lanes(float *z, const float *f, const float *m, size_t count)
{
    const float32x4_t share = sigmoid4(load_up_to(z, count));
    store_up_to(z, vfmaq_f32(load_up_to(f, count), share, load_up_to(m, count)), count);
}

/* z = f + sigmoid(z) m for a tile whose sums are whole. Not inlined: its code exists once. */
static __attribute__((noinline)) void gate(const struct narrow_product *p, size_t row, size_t rows,
                                           size_t out, size_t outs)
{
    for (size_t r = row; r < row + rows; r++) {
        const float *f = p->factor[0].x + r * p->factor[0].ld + out;
        const float *m = p->factor[1].x + r * p->factor[1].ld + out;
        float *z = p->y + r * p->ld + out;
        size_t o = 0;
        for (; o + LANES <= outs; o += LANES)
            gate_lanes(z + o, f + o, m + o, LANES);
        if (o < outs)
            gate_lanes(z + o, f + o, m + o, outs - o);
    }
}

#include "kernels/enhanced_narrow.h"
