/* The product y = W x of a block of rows by OpenBLAS: sgemm, or sgemv for a single row.
 *
 * Weights are turned to [in, out] once, in `prepare`: the layout that it reads fastest. sgemm packs
 * both factors again in each call, so rows go in blocks large enough to repay that and small enough
 * to leave the product in L2 for what follows.
 *
 * On CPUs with AVX-512 it has code for products of up to 100^3 multiply-adds that packs nothing.
 * There 64 rows by 256 outputs go through blocks of inputs that small, each added to the ones
 * before. */
#ifndef EKTM_KERNELS_OPENBLAS_PRODUCT_H
#define EKTM_KERNELS_OPENBLAS_PRODUCT_H

#include "kernels/epilogue.h"
#include "reference/dtype.h"

enum { BLOCK_ROWS = 256 }; /* at most */

struct product {
    const struct epilogue *epilogue; /* what follows, for this CPU */
    size_t factors;
    float *weight[2]; /* [ins, outs] each */
    size_t ins, outs;
    bool small;        /* it has code for small products           */
    size_t block_rows; /* the most for each call of product_rows   */
    char path[96];
};

/* Of one or two weight matrices [outs, ins]. NULL: out of memory. Holds the library to one thread:
 * the calling team's members are the others. */
struct product *product_make(const struct tensor *const weight[2], size_t factors, size_t ins,
                             size_t outs);

/* For kernels' `release` and `path`. */
void product_release(void *product);
const char *product_path(const void *product);

/* y[r, i] = sum over k of x[r, k] W[out + i, k], 0 <= i < count, by the weights `factor`; adds that
 * to y instead where `add`. Otherwise y is not read. */
void product_rows(const struct product *product, size_t factor, struct rows x, float *y, size_t ld,
                  size_t rows, size_t out, size_t count, bool add);

static inline size_t at_most(size_t count, size_t limit) { return count < limit ? count : limit; }

/* Row `row` of `t` and those behind it. */
static inline struct rows rows_from(const struct tensor *t, size_t row)
{
    return (struct rows){(const float *)t->data + row * t->ld, t->ld};
}

#endif
