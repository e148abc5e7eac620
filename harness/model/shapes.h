/* The sizes of a model, read off the shapes of its weights file. */
#ifndef EKTM_HARNESS_MODEL_SHAPES_H
#define EKTM_HARNESS_MODEL_SHAPES_H

#include "harness/model/safetensors.h"
#include "reference/ektm.h"

/* Fills `config` from the tensors' shapes and `__metadata__` (router, tau, pooling; by default
 * sample, 1, sum). A tensor that is missing or whose shape says no size is a fault. */
bool shapes_read(struct ektm_config *config, const struct safetensors *file, struct fault *fault);

/* Holds every tensor of the file against the model that those sizes make: none is missing, none has
 * another shape, none is unknown. Training's own tensors, base.*, may be there. */
bool shapes_check(const struct ektm *ektm, const struct safetensors *file, struct fault *fault);

#endif
