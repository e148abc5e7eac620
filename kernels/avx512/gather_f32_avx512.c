/* Random rows, read and added up: y[s] = sum over k in part s of table[ids[k]].
 *
 *      ids   . . . . . . . . . . . .
 *                ^ adding    ^ prefetching
 *          sum | zmm zmm zmm zmm zmm zmm zmm zmm |     of 8, a stripe of 128 columns
 *
 * The embedding's inner loop without its bags: what memory gives to a reader that always has
 * far.h's number of lines under way. Sums of one row each are copies. Wider rows take one pass for
 * each stripe; the last vector is masked. Bottleneck: how many lines memory delivers at a time, and
 * of rows of a line how many pages can be looked up. */
#include "kernels/avx512/rows.h"
#include "kernels/kernel.h"
#include "kernels/picked.h"
#include "kernels/shares.h"
#include "reference/operands.h"

extern const struct op gather_op;
extern const struct backend avx512_backend;

INLINE void stripe(const struct call *call, size_t column, size_t width, const size_t vectors)
{
    const struct tensor *t = call->tensor;
    const size_t *n = call->dims.extent, count = n[IDS], ld = t[GATHER_TABLE].ld;
    const size_t ahead = rows_ahead(lines_of(vectors), call->options.lines_ahead);
    const int32_t *ids = t[GATHER_IDS].data;
    const float *table = (const float *)t[GATHER_TABLE].data + column;
    const __mmask16 tail = lanes_of(width - (vectors - 1) * LANES);
    if (count == n[SUMS]) {
        picked_all(call, column, width, lines_of(vectors), vectors, tail);
        return;
    }
    for (size_t k = 0; k < ahead && k < count; k++)
        row_far(table + (size_t)ids[k] * ld, lines_of(vectors), width);
    struct shares shares = shares_of(count, n[SUMS]);
    for (size_t s = 0, k = 0; s < n[SUMS]; s++) {
        __m512 sum[STRIPE_VECTORS];
        for (size_t v = 0; v < vectors; v++)
            sum[v] = _mm512_setzero_ps();
        for (const size_t end = share_end(&shares); k < end; k++) {
            if (k + ahead < count)
                row_far(table + (size_t)ids[k + ahead] * ld, lines_of(vectors), width);
            if (k + NEAR < count)
                row_near(table + (size_t)ids[k + NEAR] * ld);
            row_add(sum, table + (size_t)ids[k] * ld, vectors, tail);
        }
        float *y = (float *)t[GATHER_Y].data + s * t[GATHER_Y].ld + column;
        for (size_t v = 0; v < vectors; v++)
            _mm512_mask_storeu_ps(y + v * LANES, v + 1 == vectors ? tail : 0xffff, sum[v]);
    }
}

static void run(const struct call *call) { FOR_EACH_STRIPE(stripe, call, call->dims.extent[WIDTH]) }

const struct kernel gather_f32_avx512 = {
    .name = "gather_f32_avx512",
    .op = &gather_op,
    .dtype = DTYPE_F32,
    .backend = &avx512_backend,
    .isa = ISA_AVX512,
    .run = run,
    .about = "stripes of 8 vectors, rows prefetched; bound by memory's parallelism",
};
