/* What an enhanced module does with finished sums: the gate. */
#ifndef EKTM_KERNELS_NEON_GATE_H
#define EKTM_KERNELS_NEON_GATE_H

#include "kernels/neon/exp.h"
#include "kernels/neon/product.h"

struct gated {
    const float *f, *m;
    float *z;
    size_t ld_f, ld_m, ld_z;
};

INLINE float32x4_t gate(float32x4_t f, float32x4_t m, float32x4_t sum)
{
    return vfmaq_f32(f, sigmoid4(sum), m);
}

/* Not inlined: the constants of exp would take registers from the product's loop. */
static __attribute__((noinline)) void gate_row(void *context, size_t row, size_t out, size_t count,
                                               float32x4_t low, float32x4_t high)
{
    const struct gated *g = context;
    const float *f = g->f + row * g->ld_f + out, *m = g->m + row * g->ld_m + out;
    float *z = g->z + row * g->ld_z + out;
    size_t first = count < LANES ? count : LANES;
    store_up_to(z, gate(load_up_to(f, first), load_up_to(m, first), low), first);
    if (count > LANES) {
        size_t second = count - LANES;
        store_up_to(z + LANES,
                    gate(load_up_to(f + LANES, second), load_up_to(m + LANES, second), high),
                    second);
    }
}

#endif
