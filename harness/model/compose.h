/* The whole model out of one backend's kernels. */
#ifndef EKTM_HARNESS_MODEL_COMPOSE_H
#define EKTM_HARNESS_MODEL_COMPOSE_H

#include "harness/model/model.h"
#include "kernels/kernel.h"

/* A model made ready for one backend: a kernel for each layer, weights prepared. */
struct composed {
    const struct model *model;
    const struct kernel **kernel; /* of each layer; behind them of each fusion, NULL where the
                                     backend has none                                           */
    void **prepared;              /* of each layer and fusion                                   */
    char borrowed[2048];          /* layers this backend lacks and whose kernel stands in, such as
                                     "embedding: embedding_f32_compiler_avx2"; empty: none                 */
    bool cut_changes_bits;        /* a kernel does: last bits depend on how rows are shared     */
    double row_products;          /* multiply-adds of a row in kernels that ask for rows ahead  */
};

/* Chooses kernels by backend and ISA. What the backend lacks is taken from `compiler` at the same
 * ISA, or else from `reference`, and named in `borrowed`; fusions are never borrowed. A backend
 * that cannot run here: fault. */
bool compose(struct composed *composed, const struct model *model, const struct backend *backend,
             enum isa isa, struct fault *fault);
void composed_free(struct composed *composed);

/* The best usable ISA that the backend has kernels for. False: none runs here, with the reason. */
bool backend_best_isa(const struct backend *backend, enum isa *isa, char *reason, size_t size);

#endif
