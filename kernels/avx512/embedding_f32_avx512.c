/* Embedding with pooling: x[b,f] = sum or mean of table[first[f] + id], id in bag (b,f).
 *
 *      bags      b     [ . . . ][ . ][ . . ][ ][ . ]      added up: sum | zmm zmm zmm .. | of 8, a
 *                         |                                             stripe of 128 columns
 *                b+k   [ . . ][ . ][ . . . ][ . ][ . ]    asked for, the same field's
 *
 * While a bag is added to sums in registers, the rows of the same field's bag some rows of the
 * batch later are asked for: the table and where it begins are the same, so that asking takes
 * little more than a load of the id. Before the first bag those of the first rows are. How many
 * rows of the batch, is as many lines as the memory works on at a time, one at least.
 *
 * Where all bags of a row of the batch are of one id, rows of tables are copied (field.h), with few
 * enough instructions for a row of one line not to wait for them.
 *
 * A bag of one id is a copy; a sum is scaled for the mean as it is stored. An empty bag gives
 * zeros. Wider tables take one pass for each stripe; the last vector is masked. Bottleneck: the
 * latency of memory and, when that is hidden, how many lines it delivers at a time; from the near
 * caches the stores into x. */
#include "kernels/avx512/rows.h"
#include "kernels/field.h"
#include "kernels/kernel.h"
#include "reference/operands.h"

extern const struct op embedding_op;
extern const struct backend avx512_backend;

INLINE void bag_add(__m512 sum[STRIPE_VECTORS], const struct field *field, const int32_t *bag,
                    const size_t vectors, row_end tail)
{
    const int32_t begin = bag[0], end = bag[1];
    const float *row = field->table + (size_t)(begin < end ? field->ids[begin] : 0) * field->ld;
    for (size_t v = 0; v < vectors; v++)
        sum[v] = begin < end
                     ? _mm512_maskz_loadu_ps(v + 1 == vectors ? tail : 0xffff, row + v * LANES)
                     : _mm512_setzero_ps();
    for (int32_t at = begin + 1; at < end; at++)
        row_add(sum, field->table + (size_t)field->ids[at] * field->ld, vectors, tail);
}

INLINE void bag_scale(__m512 sum[STRIPE_VECTORS], const size_t vectors, size_t count)
{
    const __m512 scale = _mm512_set1_ps(1 / (float)count);
    for (size_t v = 0; v < vectors; v++)
        sum[v] = _mm512_mul_ps(sum[v], scale);
}

INLINE void bag_store(float *to, const __m512 sum[STRIPE_VECTORS], const size_t vectors,
                      row_end tail)
{
    for (size_t v = 0; v + 1 < vectors; v++)
        _mm512_storeu_ps(to + v * LANES, sum[v]);
    _mm512_mask_storeu_ps(to + (vectors - 1) * LANES, tail, sum[vectors - 1]);
}

/* A row of the batch with any bags; `far` is where the bags are whose rows are asked for, or NULL.
 */
INLINE void bags_pool(const struct call *call, size_t column, float *to, const int32_t *bag,
                      const int32_t *far, size_t width, const size_t vectors, row_end tail)
{
    const size_t *n = call->dims.extent;
    const bool mean = call->options.pooling == POOLING_MEAN;
    for (size_t f = 0; f < n[FIELDS]; f++, to += n[WIDTH]) {
        const struct field field = field_of(call, f, column);
        __m512 sum[STRIPE_VECTORS];
        if (far)
            bag_far(&field, far + f, lines_of(vectors), width);
        bag_add(sum, &field, bag + f, vectors, tail);
        if (mean && bag[f + 1] > bag[f])
            bag_scale(sum, vectors, (size_t)(bag[f + 1] - bag[f]));
        bag_store(to, sum, vectors, tail);
    }
}

INLINE void stripe(const struct call *call, size_t column, size_t width, const size_t vectors)
{
    const size_t *n = call->dims.extent, lines = lines_of(vectors);
    const struct tensor *x = &call->tensor[EMBEDDING_X];
    const int32_t *bag = call->tensor[EMBEDDING_BAGS].data;
    const row_end tail = lanes_of(width - (vectors - 1) * LANES);
    float *to = (float *)x->data + column;
    if (n[BATCH] * n[FIELDS] == 0)
        return;
    const size_t later = rows_later(call, rows_ahead(lines, call->options.lines_ahead));
    for (size_t b = 0; b < later; b++)
        bags_far(call, bag + b * n[FIELDS], column, lines, width);
    for (size_t left = n[BATCH]; left; left--, bag += n[FIELDS], to += x->ld)
        if (bags_ones(bag, n[FIELDS])) {
            ones_copy(call, bag, left, later, column, width, to, lines, vectors, tail);
        } else {
            const int32_t *far = later < left ? bag + later * n[FIELDS] : NULL;
            bags_pool(call, column, to, bag, far, width, vectors, tail);
        }
}

static void run(const struct call *call) { FOR_EACH_STRIPE(stripe, call, call->dims.extent[WIDTH]) }

const struct kernel embedding_f32_avx512 = {
    .name = "embedding_f32_avx512",
    .op = &embedding_op,
    .dtype = DTYPE_F32,
    .backend = &avx512_backend,
    .isa = ISA_AVX512,
    .run = run,
    .about = "stripes of 8 vectors, rows prefetched across bags; bound by memory's parallelism",
};
