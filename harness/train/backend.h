/* Whose kernels train. */
#ifndef EKTM_HARNESS_TRAIN_BACKEND_H
#define EKTM_HARNESS_TRAIN_BACKEND_H

#include "harness/fault.h"
#include "kernels/kernel.h"

/* The backend of that name, or, NULL, the best of our own that runs here, and its best ISA. One
 * that cannot run here: a fault that names --backend. */
bool backend_choose(const char *name, const struct backend **backend, enum isa *isa,
                    struct fault *fault);

#endif
