/* A model's weights in a narrow format: what products read and tables, once for everybody who
 * computes in it. Biases and all other vectors stay f32. */
#ifndef EKTM_HARNESS_MODEL_NARROWED_H
#define EKTM_HARNESS_MODEL_NARROWED_H

#include "harness/fault.h"
#include "harness/machine/memory.h"
#include "reference/ektm.h"

struct narrowed {
    enum dtype dtype;
    struct tensor *weight; /* in the order of ektm.weight; without data: not read in this format */
    struct tensor table;   /* every embedding table, stacked                                      */
    void *block;           /* NULL: there are none */
    size_t block_bytes;
};

/* Memory for the weights of `ektm` in the format, zeros, as in model_random. */
bool narrowed_make(struct narrowed *narrowed, const struct ektm *ektm, enum dtype dtype,
                   const struct topology *topology, enum pages pages, struct fault *fault);
void narrowed_free(struct narrowed *narrowed);

/* Fills weight `w` from f32 numbers [rows, columns]: rounds them to bf16, or quantizes each row, an
 * output or a row of a table, to i8 (reference/quantize.h). */
void narrowed_fill(struct narrowed *narrowed, const struct ektm *ektm, size_t w,
                   const struct tensor *from);

/* The layer's call (ektm_call) with those operands in this format that its kernels read so. */
struct call narrowed_call(const struct narrowed *narrowed, const struct ektm *ektm, size_t layer,
                          const struct call *call);

#endif
