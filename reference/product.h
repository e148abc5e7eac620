/* The inner product that every dense layer shares. */
#ifndef EKTM_REFERENCE_PRODUCT_H
#define EKTM_REFERENCE_PRODUCT_H

#include "reference/op.h"
#include "reference/quantize.h"

#include <math.h>

/* A row of inputs on its way into products with weights: rounded as their format has it. */
struct factor {
    const struct tensor *x, *weights; /* [.., terms] both */
    size_t row, terms;
    struct rounding rounding;
};

static inline struct factor factor_of(const struct tensor *x, size_t row, size_t terms,
                                      const struct tensor *weights)
{
    return (struct factor){x, weights, row, terms, rounding_of(x, row, terms, weights->dtype)};
}

/* Row `out` of the weights times the row; with `magnitude` the sum of the terms' absolute values,
 * in which what an affine row adds and takes away again counts twice. */
static inline double product(const struct factor *f, size_t out, bool magnitude)
{
    const double low = fabs((double)f->rounding.low);
    double sum = 0;
    for (size_t k = 0; k < f->terms; k++) {
        const double weight = real_at(f->weights, out, k);
        const double x = rounded(&f->rounding, real_at(f->x, f->row, k));
        sum += magnitude ? fabs(weight) * (fabs(x) + 2 * low) : weight * x;
    }
    return sum;
}

/* Error allowed to a product of so many terms: integers add up exactly, and what follows takes a
 * few roundings. */
static inline double product_error(const struct tensor *weights, size_t terms, double roundoff)
{
    return weights->dtype == DTYPE_I8 ? 8 * roundoff : accumulation_error(terms, roundoff);
}

#endif
