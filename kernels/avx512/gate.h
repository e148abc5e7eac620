/* What an enhanced module does with the whole sums of a tile, while they are in L1. */
#ifndef EKTM_KERNELS_AVX512_GATE_H
#define EKTM_KERNELS_AVX512_GATE_H

#include "kernels/avx512/exp.h"
#include "kernels/avx512/product.h"

/* z, which holds the sums of a tile, becomes f + sigmoid(z) m. */
static void gate(const struct product *p, size_t row, size_t rows, size_t out, size_t outs)
{
    for (size_t r = row; r < row + rows; r++) {
        const float *f = p->factor[0].x + r * p->factor[0].ld + out;
        const float *m = p->factor[1].x + r * p->factor[1].ld + out;
        float *z = p->y + r * p->ld + out;
        for (size_t o = 0; o < outs; o += LANES) {
            const __mmask16 lanes = lanes_of(outs - o);
            const __m512 g = vector_logistic(_mm512_maskz_loadu_ps(lanes, z + o));
            const __m512 sum = _mm512_fmadd_ps(g, _mm512_maskz_loadu_ps(lanes, m + o),
                                               _mm512_maskz_loadu_ps(lanes, f + o));
            _mm512_mask_storeu_ps(z + o, lanes, sum);
        }
    }
}

#endif
