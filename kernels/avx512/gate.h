/* What an enhanced module does with the whole sums of a tile, while they are in L1. */
#ifndef EKTM_KERNELS_AVX512_GATE_H
#define EKTM_KERNELS_AVX512_GATE_H

#include "kernels/avx512/exp.h"
#include "kernels/avx512/product.h"

/* z, which holds the sums of a tile, becomes f + sigmoid(z) m. */
static void gate(const struct whole_tile *tile)
{
    for (size_t r = 0; r < tile->rows; r++) {
        const float *f = tile->x[0] + r * tile->x_ld[0], *m = tile->x[1] + r * tile->x_ld[1];
        float *z = tile->y + r * tile->ld;
        for (size_t o = 0; o < tile->outs; o += LANES) {
            const __mmask16 lanes = lanes_of(tile->outs - o);
            const __m512 g = vector_logistic(_mm512_maskz_loadu_ps(lanes, z + o));
            const __m512 sum = _mm512_fmadd_ps(g, _mm512_maskz_loadu_ps(lanes, m + o),
                                               _mm512_maskz_loadu_ps(lanes, f + o));
            _mm512_mask_storeu_ps(z + o, lanes, sum);
        }
    }
}

#endif
