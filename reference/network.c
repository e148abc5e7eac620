#include "reference/network.h"
#include "reference/network_kinds.h"
#include "reference/network_parts.h"

#include <stdlib.h>
#include <string.h>

/* ---- kinds ----------------------------------------------------------------------------------- */

const struct network_kind network_kinds[] = {
    {"ektm", "router, transmitters, enhanced modules", network_build_ektm, .part_of_ektm = true,
     .hard = true, .transfer = true, .ektm = true},
    {"no-router", "EKTM whose router takes the plain mean of the CVR towers",
     network_build_no_router, .part_of_ektm = true, .hard = true, .transfer = true},
    {"no-transmitter", "EKTM without transmitters: m_i = F_i", network_build_no_transmitter,
     .part_of_ektm = true, .hard = true, .transfer = true},
    {"no-gate", "EKTM whose gates are all a half", network_build_no_gate, .part_of_ektm = true,
     .hard = true, .transfer = true},
    {"no-hard", "EKTM without the weight of hard examples (beta = 0)", network_build_ektm,
     .part_of_ektm = true, .transfer = true, .ektm = true},
    {"no-t4", "EKTM without the loss T4 (alpha = 0)", network_build_ektm, .part_of_ektm = true,
     .hard = true, .ektm = true},
    {"single-task", "a model of its own for each task, tables too", network_build_single_task},
    {"shared-bottom", "one bottom, a tower and a head for each task", network_build_shared_bottom},
    {"mmoe", "MMoE: 4 experts, a gate for each task", network_build_mmoe},
    {"ple", "PLE: as many levels as bottom layers, one expert of each task and 2 shared",
     network_build_ple},
    {"esmm", "ESMM: a bottom for each task, pCTR pCVR trained on all impressions",
     network_build_esmm, .objective = OBJECTIVE_PRODUCT},
    {"aitm", "AITM: attention over what the previous task hands on, calibrated", network_build_aitm,
     .objective = OBJECTIVE_JOINT},
    {.name = NULL},
};

const struct network_kind *network_kind_find(const char *name)
{
    for (const struct network_kind *k = network_kinds; k->name; k++)
        if (strcmp(k->name, name) == 0)
            return k;
    return NULL;
}

/* ---- sizes ----------------------------------------------------------------------------------- */

/* Gives back what a table of the largest size does not need. */
static void *shrink(void *array, size_t bytes)
{
    void *less = realloc(array, bytes ? bytes : 1);
    return less ? less : array;
}

bool network_build(struct network *network, const struct network_kind *kind,
                   const struct ektm_config *config)
{
    *network = (struct network){.kind = kind, .config = *config, .sets = 1, .buffers = BUFFERS};
    struct ektm ektm;
    network->weight = calloc(WEIGHTS_MAX, sizeof *network->weight);
    network->constant = calloc(WEIGHTS_MAX, sizeof *network->constant);
    network->layer = calloc(LAYERS_MAX, sizeof *network->layer);
    network->width = calloc(NETWORK_BUFFERS_MAX, sizeof *network->width);
    bool fine = network->weight && network->constant && network->layer && network->width &&
                ektm_build(&ektm, config);
    if (fine) {
        memcpy(network->width, ektm.buffer_width, sizeof ektm.buffer_width);
        ektm_free(&ektm);
        network->hidden = network_add_buffer(network, (config->tasks + 1) * config->hidden);
        network->logits = network_add_buffer(network, config->tasks + 1);
        network->shares = network_add_buffer(network, config->tasks * config->tasks);
        fine = kind->build(network) && network_differentiate(network);
    }
    if (!fine) {
        network_free(network);
        return false;
    }
    network->weight = shrink(network->weight, network->weights * sizeof *network->weight);
    network->layer = shrink(network->layer, network->layers * sizeof *network->layer);
    return true;
}

void network_free(struct network *network)
{
    free(network->weight);
    free(network->constant);
    free(network->layer);
    free(network->gradient);
    free(network->clear);
    free(network->width);
    *network = (struct network){.kind = NULL};
}

size_t network_dense_parameters(const struct network *network)
{
    size_t all = 0;
    for (size_t w = network->sets * network->config.fields; w < network->weights; w++) {
        const struct ektm_weight *weight = &network->weight[w];
        if (!network->constant[w])
            all += weight->rows * (weight->columns ? weight->columns : 1);
    }
    return all;
}

static size_t distance(size_t a, size_t b) { return a > b ? a - b : b - a; }

bool network_fit(struct ektm_config *config, const struct network_kind *kind, size_t parameters)
{
    enum { STEPS_OF_ONE = 64, STEPS_MOST = 8 * STEPS_OF_ONE };
    struct ektm_config best = *config;
    size_t nearest = SIZE_MAX;
    for (size_t step = 1; step <= STEPS_MOST; step++) {
        struct ektm_config c = *config;
        struct network n;
        for (size_t l = 0; l < c.bottoms; l++)
            c.bottom[l] = (config->bottom[l] * step + STEPS_OF_ONE - 1) / STEPS_OF_ONE;
        if (!network_build(&n, kind, &c))
            return false;
        const size_t off = distance(network_dense_parameters(&n), parameters);
        network_free(&n);
        if (off > nearest)
            break;
        nearest = off;
        best = c;
    }
    *config = best;
    return true;
}
