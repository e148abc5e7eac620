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
 * Bottleneck: the latency of rows from memory, at random. A second walk over the bags runs some
 * 8 KiB of rows ahead of the first and prefetches them, across bags and fields, since the ids of
 * all bags lie one behind the other; it stops at the end of the last bag. Tails: pieces of 8, 4, 2
 * and 1 vectors, then a partial load of one to three columns. */
#include "kernels/kernel.h"
#include "kernels/neon/rows.h"
#include "reference/operands.h"

/* The walk that prefetches: the next id, and whose bag it is in. */
struct scout {
    size_t id, end, last; /* next id; end of its bag; end of all */
    size_t bag, field;
};

/* Prefetches the rows of the next `count` ids, or of as many as there are. */
static void go_ahead(struct scout *a, const struct call *call, size_t count)
{
    const size_t *n = call->dims.extent;
    const struct tensor *t = call->tensor, *table = &t[EMBEDDING_TABLE];
    for (; count && a->id < a->last; count--, a->id++) {
        while (a->id >= a->end) {
            a->bag++;
            a->field = a->field + 1 == n[FIELDS] ? 0 : a->field + 1;
            a->end = index_at(&t[EMBEDDING_BAGS], a->bag + 1);
        }
        size_t row = index_at(&t[EMBEDDING_FIRST], a->field) + index_at(&t[EMBEDDING_IDS], a->id);
        prefetch_row((const float *)table->data + row * table->ld, n[WIDTH]);
    }
}

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

static void run(const struct call *call)
{
    const size_t *n = call->dims.extent;
    const struct tensor *bags = &call->tensor[EMBEDDING_BAGS], *x = &call->tensor[EMBEDDING_X];
    if (n[BATCH] == 0 || n[FIELDS] == 0)
        return;
    size_t begin = index_at(bags, 0);
    struct scout ahead = {
        .id = begin, .end = index_at(bags, 1), .last = index_at(bags, n[BATCH] * n[FIELDS])};
    go_ahead(&ahead, call, rows_ahead(n[WIDTH], call->options.lines_ahead));
    for (size_t b = 0, q = 0; b < n[BATCH]; b++)
        for (size_t f = 0; f < n[FIELDS]; f++, q++) {
            size_t end = index_at(bags, q + 1);
            go_ahead(&ahead, call, end - begin);
            pool(call, f, begin, end - begin, (float *)x->data + b * x->ld + f * n[WIDTH]);
            begin = end;
        }
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
