/* What a call must compute, and how near a kernel must come: the scalar reference in double on the
 * kernel's own operands, and the op's bound. */
#ifndef EKTM_HARNESS_VERIFY_ORACLE_H
#define EKTM_HARNESS_VERIFY_ORACLE_H

#include "harness/fault.h"
#include "reference/op.h"

/* For each output of the op that the call has, f64, without gaps. */
struct oracle {
    const struct op *op;
    struct tensor expected[OPERANDS_MAX], bound[OPERANDS_MAX];
};

/* Runs the reference on the inputs of `call`, and on what its states and sums hold before it; its
 * outputs are not touched. `roundoff` is that of
 * the kernels' arithmetic. */
bool oracle_make(struct oracle *oracle, const struct op *op, const struct call *call,
                 double roundoff, struct fault *fault);
void oracle_free(struct oracle *oracle);

/* The largest error in the outputs of `call`, in units of what is allowed: at most 1 passes.
 * Infinity for a NaN, or for any difference where none is allowed. `call` may be the first rows of
 * the batch that the oracle was made for. Writes where the worst one is, such as
 * "y[3,17]: 0.25, expected 0.5", into `worst` unless that is NULL. */
double oracle_error(const struct oracle *oracle, const struct call *call, char *worst, size_t size);

#endif
