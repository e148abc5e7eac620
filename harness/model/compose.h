/* The whole model out of one backend's kernels: the table of layers, walked. */
#ifndef EKTM_HARNESS_MODEL_COMPOSE_H
#define EKTM_HARNESS_MODEL_COMPOSE_H

#include "harness/model/model.h"
#include "kernels/kernel.h"

/* The activations of one batch of up to `rows_max` rows with up to `ids_max` ids in all. The caller
 * fills the buffers IDS, BAGS and DENSE and sets memory.ids; predictions appear in BUFFER_P. */
struct activations {
    struct ektm_memory memory;
    size_t rows_max, ids_max;
    void *block;    /* BAGS and DENSE; IDS is apart, since it may grow */
    void *computed; /* the buffers behind them, which passes write */
    size_t block_bytes, computed_bytes;
};

/* Buffers are fresh zeros. At most 2^31 - 1 ids. */
bool activations_make(struct activations *activations, const struct model *model, size_t rows_max,
                      size_t ids_max, struct fault *fault);
void activations_free(struct activations *activations);

/* Forgets what passes computed, and where its pages lie: the buffers are zeros, on the NUMA node of
 * whoever touches them first. Inputs stay. */
void activations_refresh(const struct activations *activations);

/* Makes room for at least `ids` ids and keeps those that are there. BUFFER_IDS may move: bind again
 * (composed_bind) before the next pass. */
bool activations_reserve(struct activations *activations, size_t ids, struct fault *fault);

/* A model made ready for one backend: a kernel for each layer, weights prepared. */
struct composed {
    const struct model *model;
    const struct kernel **kernel; /* of each layer                                              */
    void **prepared;              /* of each layer                                              */
    char borrowed[2048];          /* layers this backend lacks and whose kernel stands in, such as
                                     "embedding: embedding_f32_compiler_avx2"; empty: none                 */
    bool cut_changes_bits;        /* a kernel does: last bits depend on how rows are shared     */
    const struct tensor *bags;    /* bound: BUFFER_BAGS                                        */
    size_t rows;                  /* bound                                                      */
    struct call *call;            /* bound: [members][layers]                                   */
    size_t members;
};

/* Chooses kernels by backend and ISA. What the backend lacks is taken from `compiler` at the same
 * ISA, or else from `reference`, and named in `borrowed`. A backend that cannot run here: fault. */
bool compose(struct composed *composed, const struct model *model, const struct backend *backend,
             enum isa isa, struct fault *fault);
void composed_free(struct composed *composed);

/* The best usable ISA that the backend has kernels for. False: none runs here, with the reason. */
bool backend_best_isa(const struct backend *backend, enum isa *isa, char *reason, size_t size);

/* Says which memory and how many rows the following passes use, shared evenly among `members`.
 * Cheap; no memory is allocated when `members` does not grow. */
bool composed_bind(struct composed *composed, const struct activations *activations, size_t rows,
                   size_t members, struct fault *fault);

/* The following passes take the ids of the rows from `row` on, of the memory that is bound, in
 * place of the first ones: new ids each time, as a server sees them, everything else in the same
 * place. */
void composed_turn(struct composed *composed, size_t row);

/* One member's share of the forward pass, all layers. Rows are independent, so members never wait
 * for each other. A team_work: `argument` is the struct composed. */
void composed_forward(void *argument, size_t member, size_t members);

#endif
