/* The gate of an enhanced module in a narrow format: what follows its product. */
#include "kernels/avx512/gate.h"
#include "kernels/avx512/narrow_product.h"

/* z = f + sigmoid(z) m for a tile whose sums are whole, with f and m in f32 where they are no
 * factors. Neither g nor anything else takes memory of its own. The last vector of a row is masked.
 */
static void gate(const struct narrow_product *p, size_t row, size_t rows, size_t out, size_t outs)
{
    for (size_t r = row; r < row + rows; r++)
        gate_row(p->y + r * p->ld + out, p->factor[0].x + r * p->factor[0].ld + out,
                 p->factor[1].x + r * p->factor[1].ld + out, outs);
}

#include "kernels/enhanced_narrow.h"
