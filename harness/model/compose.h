/* The whole model out of kernels: one for each layer, or one backend's. */
#ifndef EKTM_HARNESS_MODEL_COMPOSE_H
#define EKTM_HARNESS_MODEL_COMPOSE_H

#include "harness/model/formats.h"
#include "harness/model/model.h"
#include "kernels/kernel.h"

/* A model made ready: a kernel for each layer, weights prepared. */
struct composed {
    const struct model *model;
    const struct kernel **kernel; /* of each layer; behind them of each fusion, NULL where its
                                     layers stay apart                                          */
    void **prepared;              /* of each layer and fusion                                   */
    char chosen[2048];            /* layers and the kernels that were asked for, such as
                                     "projection: dense_f32_libxsmm, tower: dense_f32_onednn"   */
    char borrowed[2048];          /* layers that none was asked for, and the kernels that stand
                                     in; empty: none                                            */
    bool cut_changes_bits;        /* a kernel does: last bits depend on how rows are shared     */
    double row_products;          /* multiply-adds of a row in kernels that ask for rows ahead  */
};

/* Takes kernel[l], of that layer's op and of a format that the model holds weights in
 * (model_narrow), for each layer l. Where that is NULL an f32 one is borrowed from `compiler` at
 * `isa`, or else from `reference`. Where kernel[l] of all layers of a fusion are f32 ones of one
 * backend and ISA that has a kernel for it, that is taken too; fusions are never borrowed. A kernel
 * that cannot run here or is another op's: fault. */
bool compose(struct composed *composed, const struct model *model,
             const struct kernel *const *kernel, enum isa isa, struct fault *fault);

/* Takes the backend's kernels at that ISA in the layers' formats, those that use most of what this
 * CPU has beyond it, and borrows what it lacks, in the same format where there is one. A backend
 * that cannot run here: fault. */
bool compose_backend(struct composed *composed, const struct model *model,
                     const struct backend *backend, enum isa isa, const struct formats *formats,
                     struct fault *fault);
void composed_free(struct composed *composed);

/* The backend's f32 kernel of an op at that ISA, or the one that stands in for it. */
const struct kernel *kernel_for(const struct op *op, const struct backend *backend, enum isa isa);

/* The best usable ISA that the backend has kernels for. False: none runs here, with the reason. */
bool backend_best_isa(const struct backend *backend, enum isa *isa, char *reason, size_t size);

#endif
