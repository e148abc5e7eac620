/* The product y = W x of a block of rows by code that libxsmm generates for its exact sizes.
 *
 *               y^T = W x^T in its column-major eyes
 *
 *          64 of the outputs                              rows, a power of two up to 64
 *        k | W W W W ... |   packed [k][64]             k | x x x ... |   as they lie
 *        : | : : : : ... |   once, in `prepare`         : | : : : ... |
 *                                 64 x rows tile of y, as it lies, still in L1 for the epilogue
 *
 * A tile at most one vector wide is summed in another order for few rows than for many: the library
 * then splits a sum over several registers, so `cut_changes_bits`. Inputs go in blocks of 256, of
 * i8 512, so that a panel's block stays in L2 while all rows go past it. The first block overwrites
 * the tile, the others add to it.
 *
 * Of bf16, 2 inputs of an output lie side by side, of i8 4: what an instruction multiplies at a
 * time. What fills up the last group is zero. The rows come rounded then, sums are f32 or i32. */
#ifndef EKTM_KERNELS_LIBXSMM_TILES_H
#define EKTM_KERNELS_LIBXSMM_TILES_H

#include "kernels/epilogue.h"
#include "reference/dtype.h"

#include <stdbool.h>

enum { TILE_OUTS = 64, TILE_ROWS_LOG = 6, TILE_ROWS = 1 << TILE_ROWS_LOG, TILES_TEXT = 96 };

struct tiles;

/* What a product is of: weights [outs, ins] in f32, bf16 or i8, and the leading dimensions of x and
 * y that code is generated for (0: not known). `add`: to what y holds. */
struct tiles_spec {
    const struct tensor *weight;
    size_t ins, outs, ldx, ldy;
    bool add;
};

/* NULL: out of memory. */
struct tiles *tiles_make(const struct tiles_spec *spec);
void tiles_free(struct tiles *tiles);

/* What follows the product, for this CPU. */
const struct epilogue *tiles_epilogue(const struct tiles *tiles);

/* What the code is, for `path`. */
const char *tiles_path(const struct tiles *tiles);

/* The most rows, of `left`, that one tile can have: 1 where leading dimensions are not those the
 * code was generated for, because they do not matter to a single row. */
size_t tiles_rows(const struct tiles *tiles, size_t ldx, size_t ldy, size_t left);

/* Outputs `out` to `out` + TILE_OUTS or to the last one, `out` a multiple of TILE_OUTS, of `rows`
 * rows, as many as tiles_rows said. x and y point to the first row's first element; rows of x are
 * filled up with zeros to whole groups. */
void tiles_run(const struct tiles *tiles, const void *x, size_t ldx, void *y, size_t ldy,
               size_t out, size_t rows);

/* Whether the library generates code of that format for this CPU. */
bool tiles_generates(enum dtype dtype);

/* Whether what it generates of i8 adds up integers exactly: without VNNI it saturates 16 bits. */
bool tiles_exact(void);

static inline size_t at_most(size_t count, size_t limit) { return count < limit ? count : limit; }

#endif
