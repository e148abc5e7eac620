/* Embedding with pooling of narrow tables: x[b,f] = sum or mean of table[first[f] + id]. Whoever
 * includes it has said before what a row of its format is: BYTES of a number, BEHIND bytes behind
 * the last, what a row's numbers mean (row_meaning), and how 8 of them become f32 (numbers_at).
 *
 *      bags      q       [ . . ]    widened and added up, 64 columns at a time: sum | 8 ymm |
 *                q + 12  [ .        its first row is looked up again (far.h)
 *                q + k F [ . . ]    asked for: the same field's, k rows of the batch later
 *
 * A row is asked for as a whole, with what lies behind it. A bag of one id is stored as it is
 * widened; an empty bag gives zeros. The last vector is masked. Bottleneck: how many lines memory
 * delivers at a time, of which a row has a half or a quarter of what it has in f32; from the near
 * caches the stores into x. */
#include "kernels/avx2/rows.h"
#include "kernels/field.h"
#include "kernels/variant.h"

extern const struct backend avx2_backend;

enum { PART_VECTORS = 8, PART = PART_VECTORS * LANES };

/* A field's table. */
struct rows {
    const struct tensor *table;
    size_t first;
    const int32_t *ids;
};

INLINE struct rows rows_of(const struct call *call, size_t f)
{
    const struct tensor *t = call->tensor;
    return (struct rows){&t[EMBEDDING_TABLE], index_at(&t[EMBEDDING_FIRST], f),
                         t[EMBEDDING_IDS].data};
}

INLINE const char *row_at(const struct rows *rows, int32_t at)
{
    const size_t row = rows->first + (size_t)rows->ids[at];
    return (const char *)rows->table->data + row * rows->table->ld * BYTES;
}

INLINE struct meaning meaning_at(const struct rows *rows, int32_t at)
{
    return row_meaning(rows->table, rows->first + (size_t)rows->ids[at]);
}

/* Asks for the rows of a bag, of so many bytes each. */
INLINE void rows_far(const struct rows *rows, const int32_t *bag, size_t bytes)
{
    for (int32_t at = bag[0]; at < bag[1]; at++)
        row_far((const float *)(const void *)row_at(rows, at), (bytes + LINE - 1) / LINE,
                (bytes + sizeof(float) - 1) / sizeof(float));
}

INLINE void rows_near(const struct rows *rows, const int32_t *bag)
{
    if (bag[0] < bag[1])
        row_near((const float *)(const void *)row_at(rows, bag[0]));
}

/* Columns of a bag: `vectors` vectors from `column` on, of which the last has `last` numbers. */
INLINE void row_widen(float *to, const struct rows *rows, int32_t at, size_t column,
                      const size_t vectors, size_t last)
{
    const char *row = row_at(rows, at) + column * BYTES;
    const struct meaning meaning = meaning_at(rows, at);
    for (size_t v = 0; v + 1 < vectors; v++)
        _mm256_storeu_ps(to + v * LANES, numbers_at(row + v * LANES * BYTES, LANES, &meaning));
    store_lanes(to + (vectors - 1) * LANES, lanes_of(last),
                numbers_at(row + (vectors - 1) * LANES * BYTES, last, &meaning));
}

INLINE void rows_add(float *to, const struct rows *rows, const int32_t *bag, size_t column,
                     const size_t vectors, size_t last, bool mean)
{
    __m256 sum[PART_VECTORS];
    for (size_t v = 0; v < vectors; v++)
        sum[v] = _mm256_setzero_ps();
    for (int32_t at = bag[0]; at < bag[1]; at++) {
        const char *row = row_at(rows, at) + column * BYTES;
        const struct meaning meaning = meaning_at(rows, at);
        for (size_t v = 0; v < vectors; v++) {
            const size_t count = v + 1 == vectors ? last : LANES;
            sum[v] = _mm256_add_ps(sum[v], numbers_at(row + v * LANES * BYTES, count, &meaning));
        }
    }
    const __m256 scale = _mm256_set1_ps(mean && bag[1] > bag[0] ? 1 / (float)(bag[1] - bag[0]) : 1);
    for (size_t v = 0; v + 1 < vectors; v++)
        _mm256_storeu_ps(to + v * LANES, _mm256_mul_ps(sum[v], scale));
    store_lanes(to + (vectors - 1) * LANES, lanes_of(last), _mm256_mul_ps(sum[vectors - 1], scale));
}

INLINE void bag_part(float *to, const struct rows *rows, const int32_t *bag, size_t column,
                     const size_t vectors, size_t last, bool mean)
{
    if (bag[1] - bag[0] == 1)
        row_widen(to, rows, bag[0], column, vectors, last);
    else
        rows_add(to, rows, bag, column, vectors, last, mean);
}

INLINE void bag_pool(float *to, const struct rows *rows, const int32_t *bag, size_t width,
                     bool mean)
{
    size_t column = 0;
    for (; column + PART <= width; column += PART)
        bag_part(to + column, rows, bag, column, PART_VECTORS, LANES, mean);
    const size_t left = width - column;
    switch ((left + LANES - 1) / LANES) {
        CASES_TO_8(bag_part(to + column, rows, bag, column, N, left - (N - 1) * LANES, mean))
    }
}

/* One row of the batch, whose bags begin with `bag`; `far` is where those begin whose rows are
 * asked for, or NULL, and `bags` bags there are from this row's first on. */
INLINE void bags_pool(const struct call *call, float *to, const int32_t *bag, const int32_t *far,
                      size_t bags)
{
    const size_t *n = call->dims.extent, bytes = n[WIDTH] * BYTES + BEHIND;
    const bool mean = call->options.pooling == POOLING_MEAN;
    size_t near = NEAR % n[FIELDS];
    for (size_t f = 0; f < n[FIELDS]; f++, to += n[WIDTH]) {
        const struct rows rows = rows_of(call, f), next = rows_of(call, near);
        if (far)
            rows_far(&rows, far + f, bytes);
        if (f + NEAR < bags)
            rows_near(&next, bag + f + NEAR);
        near = near + 1 == n[FIELDS] ? 0 : near + 1;
        bag_pool(to, &rows, bag + f, n[WIDTH], mean);
    }
}

static void run(const struct call *call)
{
    const size_t *n = call->dims.extent, bytes = n[WIDTH] * BYTES + BEHIND;
    const struct tensor *x = &call->tensor[EMBEDDING_X];
    const int32_t *bag = call->tensor[EMBEDDING_BAGS].data;
    float *to = x->data;
    if (n[BATCH] * n[FIELDS] == 0)
        return;
    const size_t later =
        rows_later(call, rows_ahead((bytes + LINE - 1) / LINE, call->options.lines_ahead));
    for (size_t q = 0; q < later * n[FIELDS]; q++) {
        const struct rows rows = rows_of(call, q % n[FIELDS]);
        rows_far(&rows, bag + q, bytes);
    }
    for (size_t left = n[BATCH]; left; left--, bag += n[FIELDS], to += x->ld)
        bags_pool(call, to, bag, later < left ? bag + later * n[FIELDS] : NULL, left * n[FIELDS]);
}
