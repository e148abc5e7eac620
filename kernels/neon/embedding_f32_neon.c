/* x[b,f] = sum or mean of table[first[f] + id] over the ids of bag (b,f). EKTM.md, layer 1.
 *
 * The columns of a bag's sum stay in registers while its rows pass, 64 columns at a time:
 *
 *                 columns 0 .. 63 (16 registers)      64 .. 127
 *     row id_0    --------------------------------   -----------
 *     row id_1    -------------- + ---------------   ---- + ----
 *      ...                       |                        |
 *     x[b,f]      ========= times 1 or 1/n =======   ===========
 *
 * The sum starts from the first row, so a bag of one id is a copy, and an empty bag is zeros.
 *
 * Where all bags of a row of the batch are of one id, rows of tables are copied (field.h).
 *
 * Bottleneck: the latency of rows from memory, at random. While a bag is added up, the rows of the
 * same field's bag some rows of the batch later are asked for. Tails: pieces of 8, 4, 2 and 1
 * vectors, then a partial load of one to three columns. */
#include "kernels/kernel.h"
#include "kernels/neon/rows.h"
#include "kernels/field.h"
#include "reference/operands.h"

static void pool(const struct call *call, size_t field, size_t begin, size_t count, float *x)
{
    const struct tensor *t = call->tensor, *table = &t[EMBEDDING_TABLE];
    size_t width = call->dims.extent[WIDTH];
    if (count == 0) {
        for (size_t e = 0; e < width; e++)
            x[e] = 0;
        return;
    }
    const struct rows rows = {.table = (const float *)table->data +
                                       index_at(&t[EMBEDDING_FIRST], field) * table->ld,
                              .ld = table->ld,
                              .ids = (const int32_t *)t[EMBEDDING_IDS].data + begin,
                              .count = count};
    bool mean = call->options.pooling == POOLING_MEAN;
    sum_rows(&rows, width, x, mean ? 1 / (float)count : 1, false);
}

/* A row of the batch with any bags; `far` is where the bags are whose rows are asked for, or NULL.
 */
static void pool_row(const struct call *call, const int32_t *bag, const int32_t *far, float *x)
{
    const size_t *n = call->dims.extent;
    for (size_t f = 0; f < n[FIELDS]; f++) {
        const struct field field = field_of(call, f, 0);
        if (far)
            bag_far(&field, far + f, lines_of(n[WIDTH]), n[WIDTH]);
        pool(call, f, (size_t)bag[f], (size_t)(bag[f + 1] - bag[f]), x + f * n[WIDTH]);
    }
}

static void run(const struct call *call)
{
    const size_t *n = call->dims.extent, lines = lines_of(n[WIDTH]);
    const struct tensor *x = &call->tensor[EMBEDDING_X];
    const int32_t *bag = call->tensor[EMBEDDING_BAGS].data;
    const size_t vectors = (n[WIDTH] + LANES - 1) / LANES;
    const row_end tail = n[WIDTH] - (vectors - 1) * LANES;
    float *to = x->data;
    if (n[BATCH] == 0 || n[FIELDS] == 0)
        return;
    const size_t later = rows_later(call, rows_ahead(lines, call->options.lines_ahead));
    for (size_t b = 0; b < later; b++)
        bags_far(call, bag + b * n[FIELDS], 0, lines, n[WIDTH]);
    for (size_t left = n[BATCH]; left; left--, bag += n[FIELDS], to += x->ld)
        if (bags_ones(bag, n[FIELDS]))
            ones_copy(call, bag, left, later, 0, n[WIDTH], to, lines, vectors, tail);
        else
            pool_row(call, bag, later < left ? bag + later * n[FIELDS] : NULL, to);
}

extern const struct op embedding_op;
extern const struct backend neon_backend;

const struct kernel embedding_f32_neon = {
    .name = "embedding_f32_neon",
    .op = &embedding_op,
    .dtype = DTYPE_F32,
    .backend = &neon_backend,
    .isa = ISA_NEON,
    .run = run,
    .about = "64 columns in registers, rows prefetched across bags; bound by memory latency",
};
