/* A model in memory: its table of layers and its weights. */
#ifndef EKTM_HARNESS_MODEL_MODEL_H
#define EKTM_HARNESS_MODEL_MODEL_H

#include "harness/model/formats.h"
#include "harness/model/narrowed.h"

struct model {
    struct ektm ektm;
    struct tensor *weight; /* [rows, columns], f32, in the order of ektm.weight; tables are views */
    struct tensor table;   /* every embedding table, stacked                                     */
    struct tensor first;   /* i32 [F]                                                            */
    void *block;           /* what holds them                                                    */
    size_t block_bytes, table_bytes;
    struct narrowed narrowed[DTYPES]; /* read in narrow formats, where model_narrow made it */
    struct formats formats;           /* that its file asks for; f32 unless it does         */
};

/* Makes the weights of a narrow format, unless they are there. */
bool model_narrow(struct model *model, enum dtype dtype, const struct topology *topology,
                  enum pages pages, struct fault *fault);

/* The call that computes `layer` for the first `rows` rows of `memory` (whose weights are the
 * model's) with a kernel of that format. */
struct call model_call(const struct model *model, const struct ektm_memory *memory, size_t layer,
                       size_t rows, enum dtype dtype);

/* Random weights (He-uniform, small biases), a function of config and seed alone. Tables are
 * interleaved over the NUMA nodes of `topology`, on the pages that are asked for. */
bool model_random(struct model *model, const struct ektm_config *config, uint64_t seed,
                  const struct topology *topology, enum pages pages, struct fault *fault);

/* Makes the weights of every format that a layer has. */
bool model_narrow_all(struct model *model, const struct formats *formats,
                      const struct topology *topology, enum pages pages, struct fault *fault);

/* Reads a safetensors file (EKTM.md, "Weights on disk"). Every size is read off the shapes and
 * checked against the others; every weight must be finite. A weight that layers read in narrow
 * formats may be held in BF16, or in I8 with its rows' scales beside it, "NAME.scale" F32 [rows],
 * and, for a table, "NAME.offset" likewise: f32 weights are what those stand for, narrow ones the
 * very same numbers. The text "formats" in `__metadata__` says what to compute in. */
bool model_load(struct model *model, const char *path, const struct topology *topology,
                struct fault *fault);

/* Writes one, atomically: a file of that name is replaced when the new one is whole. Layers'
 * weights are held in their formats, which the model must hold (model_narrow_all). */
bool model_save(const struct model *model, const struct formats *formats, const char *path,
                struct fault *fault);

void model_free(struct model *model);

#endif
