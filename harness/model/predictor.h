/* A model ready to predict: composed of one backend's kernels in some formats, and walked. */
#ifndef EKTM_HARNESS_MODEL_PREDICTOR_H
#define EKTM_HARNESS_MODEL_PREDICTOR_H

#include "harness/model/forward.h"
#include "harness/model/tuning.h"

struct predictor {
    const struct backend *backend;
    enum isa isa;
    struct formats formats;
    struct composed composed;
    struct schedule schedule;
    struct forward forward;
};

/* The first of our own backends that runs here, best first, and its instruction set; the reference
 * runs everywhere. */
const struct backend *predictor_best(enum isa *isa);

/* Composes `model`, which must hold the formats' weights (model_narrow) and outlive it. `backend`:
 * its name, or NULL for the first of our own that runs here, best first; the reference runs
 * everywhere. `tuning` as in tuning_find; what is tuned is f32. A backend that cannot run here: a
 * fault that names --backend. */
bool predictor_make(struct predictor *predictor, const struct model *model, const char *backend,
                    const struct formats *formats, const struct topology *topology,
                    const char *tuning, struct fault *fault);
void predictor_free(struct predictor *predictor);

/* Predicts the first `rows` rows of the activations into BUFFER_P. */
bool predictor_run(struct predictor *predictor, const struct activations *activations, size_t rows,
                   struct team *team, struct fault *fault);

#endif
