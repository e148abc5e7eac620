/* A model's weights in a narrow format: what products read and tables, once for everybody who
 * computes in it. Biases and all other vectors stay f32. */
#ifndef EKTM_HARNESS_MODEL_NARROWED_H
#define EKTM_HARNESS_MODEL_NARROWED_H

#include "harness/model/model.h"

struct narrowed {
    enum dtype dtype;
    struct tensor *weight; /* in the order of ektm.weight; without data: not read in this format */
    struct tensor table;   /* every embedding table, stacked                                      */
    void *block;
    size_t block_bytes;
};

/* Rounds the model's f32 weights to bf16, or quantizes them to i8 (reference/quantize.h): each row,
 * an output or a row of a table, by itself. Memory as in model_random. */
bool narrowed_make(struct narrowed *narrowed, const struct model *model, enum dtype dtype,
                   const struct topology *topology, enum pages pages, struct fault *fault);
void narrowed_free(struct narrowed *narrowed);

/* The layer's call (ektm_call) with those operands in this format that a kernel of it reads so. */
struct call narrowed_call(const struct narrowed *narrowed, const struct ektm *ektm, size_t layer,
                          const struct call *call);

#endif
