/* What an enhanced module does with the whole sums of a tile, while they are in L1. */
#ifndef EKTM_KERNELS_AVX2_GATE_H
#define EKTM_KERNELS_AVX2_GATE_H

#include "kernels/avx2/exp.h"
#include "kernels/avx2/product.h"

INLINE __m256 gated(__m256 sum, __m256 f, __m256 m)
{
    return _mm256_fmadd_ps(vector_logistic(sum), m, f);
}

/* z, which holds the sums of a tile, becomes f + sigmoid(z) m. */
static void gate(const struct product *p, size_t row, size_t rows, size_t out, size_t outs)
{
    for (size_t r = row; r < row + rows; r++) {
        const float *f = p->factor[0].x + r * p->factor[0].ld + out;
        const float *m = p->factor[1].x + r * p->factor[1].ld + out;
        float *z = p->y + r * p->ld + out;
        size_t o = 0;
        for (; o + LANES <= outs; o += LANES)
            _mm256_storeu_ps(z + o, gated(_mm256_loadu_ps(z + o), _mm256_loadu_ps(f + o),
                                          _mm256_loadu_ps(m + o)));
        if (o < outs) {
            const struct lanes tail = lanes_of(outs - o);
            store_lanes(
                z + o, tail,
                gated(load_lanes(z + o, tail), load_lanes(f + o, tail), load_lanes(m + o, tail)));
        }
    }
}

#endif
