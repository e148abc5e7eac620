/* Embedding with pooling in the narrow format whose words the file that includes this has:
 * `struct place`, a row of the table from some column on; `place_of`; and `numbers_at`, 16 of its
 * numbers in f32.
 *
 *      bag q         [ . . . ]    added up in f32: sum | zmm zmm zmm .. | of 8, a stripe
 *      bag q + 12    [ .     ]    its first row is looked up again (far.h)
 *      bag q + far   [ . .   ]    of the same field, some rows of the batch later: asked for */
#ifndef EKTM_KERNELS_AVX512_EMBEDDING_NARROW_H
#define EKTM_KERNELS_AVX512_EMBEDDING_NARROW_H

#include "kernels/avx512/rows.h"
#include "kernels/field.h"
#include "kernels/variant.h"

extern const struct backend avx512_backend;

/* A stripe of columns of an embedding's call. */
struct stripe {
    const struct tensor *table;
    const int32_t *ids, *first;
    size_t column, bytes; /* of a row, from the column to the last byte that is read */
};

INLINE size_t table_row(const struct stripe *s, size_t field, int32_t at)
{
    return (size_t)(s->first[field] + s->ids[at]);
}

INLINE const char *address_of(const struct stripe *s, size_t row)
{
    return (const char *)s->table->data +
           (row * s->table->ld + s->column) * dtype_bytes(s->table->dtype);
}

/* Asks for the rows of a bag. */
INLINE void bag_ask(const struct stripe *s, size_t field, const int32_t *bag)
{
    for (int32_t at = bag[0]; at < bag[1]; at++) {
        const char *row = address_of(s, table_row(s, field, at));
        for (size_t byte = 0; byte < s->bytes; byte += LINE)
            __builtin_prefetch(row + byte, 0, 2);
        __builtin_prefetch(row + s->bytes - 1, 0, 2);
    }
}

INLINE void bag_pool(const struct stripe *s, size_t field, const int32_t *bag, float *to, bool mean,
                     const size_t vectors, row_end tail)
{
    __m512 sum[STRIPE_VECTORS];
    for (size_t v = 0; v < vectors; v++)
        sum[v] = _mm512_setzero_ps();
    for (int32_t at = bag[0]; at < bag[1]; at++) {
        const struct place place = place_of(s->table, table_row(s, field, at), s->column);
        for (size_t v = 0; v < vectors; v++)
            sum[v] = _mm512_add_ps(sum[v],
                                   numbers_at(&place, v * LANES, v + 1 == vectors ? tail : 0xffff));
    }
    const float count = (float)(bag[1] - bag[0]);
    const __m512 scale = _mm512_set1_ps(mean && count > 1 ? 1 / count : 1);
    for (size_t v = 0; v < vectors; v++)
        _mm512_mask_storeu_ps(to + v * LANES, v + 1 == vectors ? tail : 0xffff,
                              _mm512_mul_ps(sum[v], scale));
}

INLINE void stripe(const struct call *call, size_t column, size_t width, const size_t vectors)
{
    const size_t *n = call->dims.extent, fields = n[FIELDS], bags = n[BATCH] * fields;
    const struct tensor *t = call->tensor, *x = &t[EMBEDDING_X];
    const int32_t *bag = t[EMBEDDING_BAGS].data;
    const bool mean = call->options.pooling == POOLING_MEAN;
    const row_end tail = lanes_of(width - (vectors - 1) * LANES);
    const struct stripe s = {&t[EMBEDDING_TABLE], t[EMBEDDING_IDS].data, t[EMBEDDING_FIRST].data,
                             column, row_bytes(t[EMBEDDING_TABLE].dtype, n[WIDTH] - column)};
    if (bags == 0)
        return;
    const size_t lines = (s.bytes + LINE - 1) / LINE;
    const size_t far = rows_later(call, rows_ahead(lines, call->options.lines_ahead)) * fields;
    for (size_t q = 0; q < far; q++)
        bag_ask(&s, q % fields, bag + q);
    size_t near = NEAR % fields;
    for (size_t b = 0, q = 0; b < n[BATCH]; b++)
        for (size_t f = 0; f < fields; f++, q++) {
            if (q + far < bags)
                bag_ask(&s, f, bag + q + far);
            if (q + NEAR < bags && bag[q + NEAR] < bag[q + NEAR + 1])
                __builtin_prefetch(address_of(&s, table_row(&s, near, bag[q + NEAR])), 0, 3);
            near = near + 1 < fields ? near + 1 : 0;
            bag_pool(&s, f, bag + q, (float *)x->data + b * x->ld + f * n[WIDTH] + column, mean,
                     vectors, tail);
        }
}

static void run(const struct call *call) { FOR_EACH_STRIPE(stripe, call, call->dims.extent[WIDTH]) }

#endif
