/* Models to train, as data: EKTM, EKTM with one part switched off, and the models that it is
 * compared with are tables of layers of one kind (struct ektm_layer), over the same inputs and
 * predictions. EKTM.md, "Training" and "Baselines". */
#ifndef EKTM_REFERENCE_NETWORK_H
#define EKTM_REFERENCE_NETWORK_H

#include "reference/ektm.h"

/* What the predictions mean, and which losses train them. */
enum objective {
    OBJECTIVE_CONDITIONAL, /* p_i = P(conversion i | click), over clicked rows; T2, T3 with beta, T5
                            */
    OBJECTIVE_PRODUCT, /* the same p_i, but p_0 p_i is trained over all impressions (ESMM)       */
    OBJECTIVE_JOINT    /* p_i = P(click and conversion i), over all impressions (AITM)           */
};

struct network;

struct network_kind {
    const char *name;
    const char *about;
    bool (*build)(struct network *network);
    enum objective objective;
    bool hard;         /* T3: hard examples weigh more                                       */
    bool transfer;     /* T4: the enhanced prediction must not be worse than the base one     */
    bool ektm;         /* has EKTM's own table: its weights are a file that `predict` reads */
    bool part_of_ektm; /* EKTM, or what is left of it: a budget of parameters does not widen it */
};

extern const struct network_kind network_kinds[]; /* ended by name == NULL; EKTM first */

/* The kind of that name, or NULL. */
const struct network_kind *network_kind_find(const char *name);

struct network {
    const struct network_kind *kind;
    struct ektm_config config;
    size_t sets; /* of embedding tables: a set of its own for each task, or one for all */
    size_t weights, layers, buffers;
    struct ektm_weight *weight; /* the tables first, set after set                            */
    bool *constant;             /* [weights]: stays zero                                      */
    struct ektm_layer *layer;   /* in the order of computation                                */
    size_t *width;              /* [buffers]: elements of a row; the first ones are ektm's    */
    size_t hidden, logits;      /* buffers of the heads' hidden layers and of their logits     */
    size_t base;                /* the buffer of the base heads' logits, T1; 0: there is none */
    size_t shares;              /* a buffer [T, T] whose gradient is that of the router's shares */

    /* The backward pass, a table too. The gradient of buffer b is buffer `buffers` + b, that of
     * weight w is weight `weights` + w; tables have none, their rows are updated from the gradient
     * of what was embedded. Beforehand there must be the gradients of logits and base. */
    size_t gradients;
    struct ektm_layer *gradient; /* in the order of computation                               */
    bool *
        clear; /* [buffers]: its gradient begins as zeros, since what adds to it does so in parts */
};

/* Derives the table of a kind for those sizes. False: out of memory. */
bool network_build(struct network *network, const struct network_kind *kind,
                   const struct ektm_config *config);
void network_free(struct network *network);

/* Derives the backward pass from the layers: what network_build does last. */
bool network_differentiate(struct network *network);

/* Learned numbers outside the embedding tables. */
size_t network_dense_parameters(const struct network *network);

/* Scales the widths of config->bottom, in steps of a 64th of theirs, so that the kind has as
 * nearly as can be so many learned numbers outside the tables. False: out of memory. */
bool network_fit(struct ektm_config *config, const struct network_kind *kind, size_t parameters);

/* The call that computes `layer` for the first `rows` rows. */
static inline struct call network_call(const struct network *network,
                                       const struct ektm_places *places, size_t layer, size_t rows)
{
    return ektm_layer_call(&network->layer[layer], places, rows);
}

#endif
