/* Memory of one batch: its inputs, what passes compute of them, and its predictions. */
#ifndef EKTM_HARNESS_MODEL_ACTIVATIONS_H
#define EKTM_HARNESS_MODEL_ACTIVATIONS_H

#include "harness/model/model.h"

/* A label that nobody gave. */
enum { LABEL_MISSING = 2 };

/* A row's user that nobody named. */
#define USER_NONE UINT64_MAX

/* The activations of one batch of up to `rows_max` rows with up to `ids_max` ids in all. The caller
 * fills the buffers IDS, BAGS and DENSE and sets memory.ids; predictions appear in BUFFER_P. */
struct activations {
    struct ektm_memory memory;
    size_t rows_max, ids_max;
    void *block;    /* BAGS and DENSE; IDS is apart, since it may grow */
    void *computed; /* the buffers behind them, which passes write */
    size_t block_bytes, computed_bytes;
    uint8_t *label; /* [rows_max, T + 1]: click, conv1 .. convT, where rows had them: 0, 1 or
                       LABEL_MISSING */
    uint64_t *user; /* [rows_max], where rows had them; USER_NONE */
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

#endif
