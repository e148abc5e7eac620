/* The gate of an enhanced module: z = f + sigmoid(sum) m. */
#ifndef EKTM_KERNELS_AVX512_GATE_H
#define EKTM_KERNELS_AVX512_GATE_H

#include "kernels/avx512/exp.h"

/* `outs` numbers of z, which hold the sums, become f + sigmoid(z) m. */
INLINE void gate_row(float *z, const float *f, const float *m, size_t outs)
{
    for (size_t o = 0; o < outs; o += LANES) {
        const __mmask16 lanes = lanes_of(outs - o);
        const __m512 g = vector_logistic(_mm512_maskz_loadu_ps(lanes, z + o));
        const __m512 sum = _mm512_fmadd_ps(g, _mm512_maskz_loadu_ps(lanes, m + o),
                                           _mm512_maskz_loadu_ps(lanes, f + o));
        _mm512_mask_storeu_ps(z + o, lanes, sum);
    }
}

#endif
