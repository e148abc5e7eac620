/* What gradients have in common: sums that may build on what is there, and the derivative of ReLU.
 */
#ifndef EKTM_REFERENCE_GRADIENT_H
#define EKTM_REFERENCE_GRADIENT_H

#include "reference/op.h"

/* What a sum begins with: what is there, or nothing. */
static inline double kept_at(const struct call *call, const struct tensor *sum, size_t row,
                             size_t column)
{
    return call->options.add ? real_at(sum, row, column) : 0;
}

/* Whether the gradient by element `column` of row `row` of x is 0 because a ReLU made that of
 * something that is not above 0. */
static inline bool cut_off(const struct call *call, const struct tensor *x, size_t row,
                           size_t column)
{
    return call->options.activation == ACTIVATION_RELU && !(real_at(x, row, column) > 0);
}

#endif
