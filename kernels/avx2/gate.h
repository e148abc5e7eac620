/* The gate of an enhanced module: z = f + sigmoid(sum) m. */
#ifndef EKTM_KERNELS_AVX2_GATE_H
#define EKTM_KERNELS_AVX2_GATE_H

#include "kernels/avx2/exp.h"

INLINE __m256 gated(__m256 sum, __m256 f, __m256 m)
{
    return _mm256_fmadd_ps(vector_logistic(sum), m, f);
}

/* `outs` numbers of z, which hold the sums, become f + sigmoid(z) m. */
INLINE void gate_row(float *z, const float *f, const float *m, size_t outs)
{
    size_t o = 0;
    for (; o + LANES <= outs; o += LANES)
        _mm256_storeu_ps(
            z + o, gated(_mm256_loadu_ps(z + o), _mm256_loadu_ps(f + o), _mm256_loadu_ps(m + o)));
    if (o == outs)
        return;
    const struct lanes tail = lanes_of(outs - o);
    store_lanes(z + o, tail,
                gated(load_lanes(z + o, tail), load_lanes(f + o, tail), load_lanes(m + o, tail)));
}

#endif
