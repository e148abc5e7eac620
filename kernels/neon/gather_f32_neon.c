/* y = sum over k of table[ids[k]]: random rows, read and added up.
 *
 * Rows go in blocks of eight. While a block is added up, the rows of a block some 8 KiB further on
 * are prefetched, so that as many cache lines are on their way as the core can track:
 *
 *     ids:  ... | 8 rows: being summed |   on their way   | 8 rows: prefetched now | ...
 *
 * The sums of a block are kept in registers, 64 columns at a time, and between blocks in a buffer
 * that never leaves L1, so that a row's lines are used together however wide it is.
 *
 * Bottleneck: memory latency over the lines in flight; that is what the probe measures. Tails:
 * shorter pieces of columns, then a partial load; the last block has as many rows as are left. */
#include "kernels/kernel.h"
#include "kernels/neon/rows.h"
#include "reference/operands.h"

#include <string.h>

enum { BLOCK_IDS = 8, COLUMNS = 256 };

/* Prefetches `width` columns of the rows [from, from + BLOCK_IDS) that exist. */
static void prefetch_block(const struct rows *rows, size_t from, size_t width)
{
    for (size_t i = from; i < from + BLOCK_IDS && i < rows->count; i++)
        prefetch_row(row_at(rows, i), width);
}

/* sum[0 .. width) = all the rows' first `width` columns. */
static void sum_columns(const struct rows *rows, size_t width, float sum[COLUMNS])
{
    size_t ahead = (rows_ahead(width, 0) + BLOCK_IDS - 1) / BLOCK_IDS * BLOCK_IDS;
    for (size_t i = 0; i < ahead; i += BLOCK_IDS)
        prefetch_block(rows, i, width);
    for (size_t i = 0; i < rows->count; i += BLOCK_IDS) {
        struct rows block = {rows->table, rows->ld, rows->ids + i, rows->count - i};
        if (block.count > BLOCK_IDS)
            block.count = BLOCK_IDS;
        prefetch_block(rows, i + ahead, width);
        sum_rows(&block, width, sum, 1, i > 0);
    }
}

static void run(const struct call *call)
{
    const size_t *n = call->dims.extent;
    const struct tensor *t = call->tensor, *table = &t[GATHER_TABLE];
    float *y = t[GATHER_Y].data;
    for (size_t at = 0; at < n[WIDTH]; at += COLUMNS) {
        size_t width = n[WIDTH] - at < COLUMNS ? n[WIDTH] - at : COLUMNS;
        const struct rows rows = {(const float *)table->data + at, table->ld, t[GATHER_IDS].data,
                                  n[IDS]};
        float sum[COLUMNS] = {0};
        sum_columns(&rows, width, sum);
        memcpy(y + at, sum, width * sizeof *y);
    }
}

extern const struct op gather_op;
extern const struct backend neon_backend;

const struct kernel gather_f32_neon = {
    .name = "gather_f32_neon",
    .op = &gather_op,
    .dtype = DTYPE_F32,
    .backend = &neon_backend,
    .isa = ISA_NEON,
    .run = run,
    .about = "64 columns in registers, rows prefetched 8 KiB ahead; bound by memory latency",
};
