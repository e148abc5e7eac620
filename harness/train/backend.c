#include "harness/train/backend.h"

#include "harness/model/predictor.h"

#include <string.h>

bool backend_choose(const char *name, const struct backend **backend, enum isa *isa,
                    struct fault *fault)
{
    char reason[128];
    *isa = ISA_SCALAR;
    if (!name) {
        *backend = predictor_best(isa);
        return true;
    }
    const struct backend *const *b = backends;
    while (strcmp((*b)->name, name) != 0)
        b++;
    *backend = *b;
    return backend_best_isa(*b, isa, reason, sizeof reason) ||
           fault_machine(fault, "--backend: %s cannot run here: %s", name, reason);
}
