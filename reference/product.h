/* The inner product that every dense layer shares. */
#ifndef EKTM_REFERENCE_PRODUCT_H
#define EKTM_REFERENCE_PRODUCT_H

#include "reference/dtype.h"

#include <math.h>

/* Row `out` of the weights [.., terms] times row `row` of x; with `magnitude` the sum of the
 * terms' absolute values. */
static inline double product(const struct tensor *weights, size_t out, const struct tensor *x,
                             size_t row, size_t terms, bool magnitude)
{
    double sum = 0;
    for (size_t k = 0; k < terms; k++) {
        double term = real_at(weights, out, k) * real_at(x, row, k);
        sum += magnitude ? fabs(term) : term;
    }
    return sum;
}

#endif
