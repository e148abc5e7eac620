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
static void gate(const struct whole_tile *tile)
{
    for (size_t r = 0; r < tile->rows; r++) {
        const float *f = tile->x[0] + r * tile->x_ld[0], *m = tile->x[1] + r * tile->x_ld[1];
        float *z = tile->y + r * tile->ld;
        size_t o = 0;
        for (; o + LANES <= tile->outs; o += LANES)
            _mm256_storeu_ps(z + o, gated(_mm256_loadu_ps(z + o), _mm256_loadu_ps(f + o),
                                          _mm256_loadu_ps(m + o)));
        if (o < tile->outs) {
            const struct lanes tail = lanes_of(tile->outs - o);
            store_lanes(
                z + o, tail,
                gated(load_lanes(z + o, tail), load_lanes(f + o, tail), load_lanes(m + o, tail)));
        }
    }
}

#endif
