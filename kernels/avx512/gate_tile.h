/* What an enhanced module does with the whole sums of a tile, while they are in L1. */
#ifndef EKTM_KERNELS_AVX512_GATE_TILE_H
#define EKTM_KERNELS_AVX512_GATE_TILE_H

#include "kernels/avx512/gate.h"
#include "kernels/avx512/product.h"

/* z, which holds the sums of a tile, becomes f + sigmoid(z) m. */
static void gate(const struct whole_tile *tile)
{
    for (size_t r = 0; r < tile->rows; r++)
        gate_row(tile->y + r * tile->ld, tile->x[0] + r * tile->x_ld[0],
                 tile->x[1] + r * tile->x_ld[1], tile->outs);
}

#endif
