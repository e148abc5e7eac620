/* What a step of Adam has in common for all weights. */
#ifndef EKTM_KERNELS_ADAM_H
#define EKTM_KERNELS_ADAM_H

#include "reference/op.h"
#include "reference/operands.h"

#include <math.h>

/* gain = 1 - beta; rate and correction hold the powers of beta. */
struct factors {
    float decay, beta1, gain1, beta2, gain2, rate, correction, epsilon;
};

/* Computed in double, and rounded once. */
static inline struct factors factors_of(const struct options *o)
{
    const double beta1 = (double)o->beta1, beta2 = (double)o->beta2, step = (double)o->step;
    return (struct factors){o->decay,
                            o->beta1,
                            (float)(1 - beta1),
                            o->beta2,
                            (float)(1 - beta2),
                            (float)((double)o->rate / (1 - pow(beta1, step))),
                            (float)(1 / (1 - pow(beta2, step))),
                            o->epsilon};
}

#endif
