/* y[s] = sum over k in part s of table[ids[k]]: random rows, read and added up.
 *
 * Rows go in blocks of eight. While a block is added up, the rows of a block further on (far.h)
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

enum { BLOCK_IDS = 8 };

/* Prefetches the rows [from, end) that exist. */
static void prefetch_block(const struct rows *rows, size_t from, size_t end, size_t width)
{
    for (size_t i = from; i < end && i < rows->count; i++)
        row_far(row_at(rows, i), lines_of(width), width);
}

/* y[0 .. width) = the rows [begin, end), those `ahead` further on being asked for. */
static void sum_part(const struct rows *all, size_t begin, size_t end, size_t ahead, size_t width,
                     float *y)
{
    for (size_t e = 0; e < width && begin == end; e++)
        y[e] = 0;
    for (size_t i = begin; i < end; i += BLOCK_IDS) {
        const size_t count = end - i < BLOCK_IDS ? end - i : BLOCK_IDS;
        const struct rows block = {all->table, all->ld, all->ids + i, count};
        prefetch_block(all, i + ahead, i + ahead + count, width);
        sum_rows(&block, width, y, 1, i > begin);
    }
}

static void run(const struct call *call)
{
    const size_t *n = call->dims.extent;
    const struct tensor *t = call->tensor, *y = &t[GATHER_Y];
    const size_t ahead = rows_ahead(lines_of(n[WIDTH]), call->options.lines_ahead);
    const struct rows all = {t[GATHER_TABLE].data, t[GATHER_TABLE].ld, t[GATHER_IDS].data, n[IDS]};
    prefetch_block(&all, 0, ahead, n[WIDTH]);
    for (size_t s = 0; s < n[SUMS]; s++)
        sum_part(&all, gather_begin(n, s), gather_begin(n, s + 1), ahead, n[WIDTH],
                 (float *)y->data + s * y->ld);
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
    .about = "64 columns in registers, rows prefetched; bound by memory latency",
};
