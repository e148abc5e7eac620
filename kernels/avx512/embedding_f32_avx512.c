/* Embedding with pooling: x[b,f] = sum or mean of table[first[f] + id], id in bag (b,f).
 *
 *      ids   . . [ . . . ][ . ][ . . ][ ][ . ] . .        bags, one behind the other
 *                    ^ adding        ^ prefetching
 *                  sum | zmm zmm zmm zmm zmm zmm zmm zmm |  of 8, a stripe of 128 columns
 *
 * Two cursors walk the ids of all bags: one adds rows to sums in registers, the other runs ahead
 * (rows.h) and asks for rows, across the ends of bags, up to the last id of the call. A bag's sum
 * is scaled as it is stored: by 1, which changes no bit, or for the mean by the reciprocal of its
 * size. So a single id is copied exactly, an empty bag gives zeros, and neither is a case of its
 * own.
 *
 * Wider tables take one pass for each stripe; the last vector is masked. Bottleneck: the latency of
 * memory and, when that is hidden, how many lines it delivers at a time. */
#include "kernels/avx512/rows.h"
#include "kernels/kernel.h"
#include "reference/operands.h"

extern const struct op embedding_op;
extern const struct backend avx512_backend;

/* The next id to prefetch. */
struct cursor {
    const int32_t *bag; /* where its bag begins and, behind that, ends */
    size_t field, at;
};

/* Asks for the row of the next id, if there is one, and steps over it. */
INLINE void prefetch_next(struct cursor *c, const struct call *call, size_t end, size_t column,
                          size_t width, const size_t vectors)
{
    const struct tensor *t = call->tensor;
    if (c->at == end)
        return;
    for (; c->at == (size_t)c->bag[1]; c->bag++)
        c->field = c->field + 1 < call->dims.extent[FIELDS] ? c->field + 1 : 0;
    const size_t row =
        index_at(&t[EMBEDDING_FIRST], c->field) + index_at(&t[EMBEDDING_IDS], c->at++);
    row_prefetch((const float *)t[EMBEDDING_TABLE].data + row * t[EMBEDDING_TABLE].ld + column,
                 vectors, width);
}

INLINE void stripe(const struct call *call, size_t column, size_t width, const size_t vectors)
{
    const size_t *n = call->dims.extent;
    const struct tensor *t = call->tensor, *x = &t[EMBEDDING_X];
    const int32_t *bag = t[EMBEDDING_BAGS].data, *ids = t[EMBEDDING_IDS].data;
    const size_t end = (size_t)bag[n[BATCH] * n[FIELDS]], ld = t[EMBEDDING_TABLE].ld;
    const bool mean = call->options.pooling == POOLING_MEAN;
    const __mmask16 tail = lanes_of(width - (vectors - 1) * LANES);
    struct cursor ahead = {bag, 0, (size_t)bag[0]};

    for (size_t i = 0; i < rows_ahead(vectors, call->options.lines_ahead); i++)
        prefetch_next(&ahead, call, end, column, width, vectors);
    for (size_t b = 0; b < n[BATCH]; b++)
        for (size_t f = 0; f < n[FIELDS]; f++, bag++) {
            const float *table = (const float *)t[EMBEDDING_TABLE].data +
                                 index_at(&t[EMBEDDING_FIRST], f) * ld + column;
            __m512 sum[STRIPE_VECTORS];
            for (size_t v = 0; v < vectors; v++)
                sum[v] = _mm512_setzero_ps();
            for (int32_t at = bag[0]; at < bag[1]; at++) {
                prefetch_next(&ahead, call, end, column, width, vectors);
                row_add(sum, table + (size_t)ids[at] * ld, vectors, tail);
            }
            const int32_t count = bag[1] - bag[0];
            const __m512 scale = _mm512_set1_ps(mean && count ? 1 / (float)count : 1);
            float *to = (float *)x->data + b * x->ld + f * n[WIDTH] + column;
            for (size_t v = 0; v < vectors; v++)
                _mm512_mask_storeu_ps(to + v * LANES, v + 1 == vectors ? tail : 0xffff,
                                      _mm512_mul_ps(sum[v], scale));
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
