#include "harness/bench/choice.h"

#include <math.h>
#include <string.h>

/* Whether the record is of a kernel of one layer, side by side with others on one thread. */
static bool belongs(const struct found *found, const json_t *r)
{
    return record_kind(r) == KIND_KERNEL && !json_object_get(r, "speedup") &&
           record_get_dim(r, BATCH) == found->rows &&
           strcmp(record_get_text(r, "preset"), found->preset) == 0;
}

const struct kernel *choice_fastest(const struct found *found, const char *layer,
                                    bool (*admits)(const struct kernel *))
{
    const struct kernel *best = NULL;
    double least = INFINITY;
    bool believed = false;
    for (size_t i = 0; i < json_array_size(found->records); i++) {
        const json_t *r = json_array_get(found->records, i);
        const struct kernel *kernel = kernel_find(record_get_text(r, "name"));
        if (!kernel || kernel->dtype != DTYPE_F32 || !admits(kernel) || !belongs(found, r) ||
            strcmp(record_get_text(r, "layer"), layer) != 0)
            continue;
        bool believable = strcmp(record_get_text(r, "verdict"), "invalid") != 0;
        double ns = record_get_interval(r, "ns").median;
        if (believable == believed ? ns < least : believable && isfinite(ns)) {
            least = ns;
            best = kernel;
            believed = believable;
        }
    }
    return best;
}

static bool is_peer(const struct kernel *kernel) { return kernel->backend->peer; }

/* Whether anything of the backend was timed at that batch. */
static bool was_timed(const struct found *found, const struct backend *backend)
{
    for (size_t i = 0; i < json_array_size(found->records); i++) {
        const json_t *r = json_array_get(found->records, i);
        if (belongs(found, r) && strcmp(record_get_text(r, "backend"), backend->name) == 0)
            return true;
    }
    return false;
}

/* Whether a peer that was timed has a kernel of the op, so that a layer without one lacks it. */
static bool is_missing(const struct found *found, const struct op *op)
{
    for (const struct kernel *const *k = kernels; *k; k++)
        if (is_peer(*k) && (*k)->op == op && (*k)->dtype == DTYPE_F32 &&
            was_timed(found, (*k)->backend))
            return true;
    return false;
}

bool choice_of_peers(const struct found *found, const struct ektm *ektm,
                     const struct kernel **kernel)
{
    size_t peers = 0;
    for (const struct backend *const *b = backends; *b; b++)
        peers += (*b)->peer && was_timed(found, *b);
    for (size_t l = 0; l < ektm->layers && peers > 1; l++) {
        kernel[l] = choice_fastest(found, ektm->layer[l].name, is_peer);
        if (!kernel[l] && is_missing(found, ektm->layer[l].op))
            return false;
    }
    return peers > 1;
}
