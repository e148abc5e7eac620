/* The parts of a training step of a model, for the bench: what each layer has to do backward, the
 * loss, and the optimisers. */
#ifndef EKTM_HARNESS_BENCH_TRAINING_H
#define EKTM_HARNESS_BENCH_TRAINING_H

#include "harness/bench/subject.h"
#include "harness/model/touched.h"
#include "harness/verify/bed.h"

enum { TRAINING_MAX = 2 * BOTTOM_MAX + 16 };

/* A part is described as a layer is, without bindings: "bottom.0.dx", "tower.dW", ... Returns how
 * many there are. */
size_t training_parts(const struct ektm *ektm, struct ektm_layer part[TRAINING_MAX]);

/* Operands of a part for up to so many rows, made up, and a bed on which kernels are tried: with
 * few rows, since the scalar reference of thousands takes minutes. */
struct training {
    const struct subject *subject;
    struct ektm_layer part;
    struct call call; /* for `rows` rows */
    size_t rows;
    void *memory[OPERANDS_MAX];
    size_t bytes[OPERANDS_MAX];
    struct touched touched;
    struct bed bed;
};

/* Of the index'th part. */
bool training_make(struct training *training, const struct subject *subject, size_t index,
                   size_t rows, struct fault *fault);
void training_free(struct training *training);

/* The call for the first `rows` rows. */
struct call training_call(struct training *training, size_t rows);

#endif
