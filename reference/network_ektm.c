/* EKTM as a network to train, and EKTM with one part switched off. */
#include "reference/network_kinds.h"
#include "reference/network_parts.h"
#include "reference/operands.h"

#include <stdio.h>
#include <string.h>

extern const struct op router_op, transmitter_op, enhanced_op, head_op, gated_op;

/* The enhanced module as training has it: its gate is kept, in a buffer of its own. */
static void add_gated(struct network *n, const struct ektm_layer *enhanced)
{
    const size_t gate = network_add_buffer(n, n->config.rep);
    struct ektm_layer *layer = network_add_layer(n, &gated_op, enhanced->name);
    layer->dims = enhanced->dims;
    layer->binding[GATED_F] = enhanced->binding[ENHANCED_F];
    layer->binding[GATED_M] = enhanced->binding[ENHANCED_M];
    layer->binding[GATED_GF] = enhanced->binding[ENHANCED_GF];
    layer->binding[GATED_GM] = enhanced->binding[ENHANCED_GM];
    layer->binding[GATED_C] = enhanced->binding[ENHANCED_C];
    layer->binding[GATED_G] = at(gate, 0);
    layer->binding[GATED_Z] = enhanced->binding[ENHANCED_Z];
}

/* A layer of EKTM's table, as ops whose gradients there are. */
static void take_layer(struct network *n, const struct ektm_layer *layer)
{
    if (layer->op == &enhanced_op)
        add_gated(n, layer);
    else if (layer->op == &transmitter_op)
        network_add_product(n, layer->name, ACTIVATION_RELU, layer->binding[TRANSMITTER_A].index,
                            layer->binding[TRANSMITTER_F], layer->binding[TRANSMITTER_M]);
    else if (layer->op == &head_op)
        network_add_head_products(n, layer->task, layer->binding[HEAD_U].index,
                                  layer->binding[HEAD_X]);
    else
        n->layer[n->layers++] = *layer;
}

bool network_take_ektm(struct network *n, const char *last)
{
    struct ektm ektm;
    size_t layers = 0, weights = n->config.fields;
    if (!ektm_build(&ektm, &n->config))
        return false;
    for (size_t l = 0; l < ektm.layers; l++)
        if (!last || strcmp(ektm.layer[l].name, last) == 0)
            layers = l + 1;
    for (size_t l = 0; l < layers; l++)
        for (size_t i = 0; i < ektm.layer[l].op->operands; i++) {
            const struct ektm_binding *b = &ektm.layer[l].binding[i];
            if (b->source == SOURCE_WEIGHT && b->index >= weights)
                weights = b->index + 1;
        }
    memcpy(n->weight, ektm.weight, weights * sizeof *n->weight);
    n->weights = weights;
    for (size_t l = 0; l < layers; l++)
        take_layer(n, &ektm.layer[l]);
    ektm_free(&ektm);
    return true;
}

/* T1: the base head of each CVR task. */
static void add_bases(struct network *n)
{
    const struct ektm_config *c = &n->config;
    n->base = network_add_buffer(n, c->tasks);
    for (size_t i = 1; i <= c->tasks; i++) {
        char name[64];
        snprintf(name, sizeof name, "base.%zu", i);
        network_add_dense(n, name, ACTIVATION_NONE, c->rep, 1, at(BUFFER_TOWERS, i * c->rep),
                          at(n->base, i - 1));
    }
}

bool network_build_ektm(struct network *n)
{
    if (!network_take_ektm(n, NULL))
        return false;
    add_bases(n);
    return true;
}

/* All shares of the router are alike. */
bool network_build_no_router(struct network *n)
{
    if (!network_build_ektm(n))
        return false;
    for (size_t l = 0; l < n->layers; l++)
        if (n->layer[l].op == &router_op)
            n->layer[l].options.tau = TAU_MAX;
    return true;
}

/* Leaves out the layers of a name. */
static void drop(struct network *n, const char *name)
{
    size_t kept = 0;
    for (size_t l = 0; l < n->layers; l++)
        if (strcmp(n->layer[l].name, name) != 0)
            n->layer[kept++] = n->layer[l];
    n->layers = kept;
}

/* Weights that no layer reads stay as they are. */
static void keep_unread_constant(struct network *n)
{
    for (size_t w = n->sets * n->config.fields; w < n->weights; w++)
        n->constant[w] = true;
    for (size_t l = 0; l < n->layers; l++)
        for (size_t i = 0; i < n->layer[l].op->operands; i++)
            if (n->layer[l].binding[i].source == SOURCE_WEIGHT)
                n->constant[n->layer[l].binding[i].index] = false;
}

/* m_i = F_i. */
bool network_build_no_transmitter(struct network *n)
{
    if (!network_build_ektm(n))
        return false;
    drop(n, "transmitter");
    for (size_t l = 0; l < n->layers; l++)
        if (n->layer[l].op == &gated_op)
            n->layer[l].binding[GATED_M].index = BUFFER_ROUTED;
    keep_unread_constant(n);
    return true;
}

/* Gates without weights: all of them are a half. */
bool network_build_no_gate(struct network *n)
{
    if (!network_build_ektm(n))
        return false;
    for (size_t w = 0; w < n->weights; w++)
        n->constant[w] = strncmp(n->weight[w].name, "enhanced.", 9) == 0;
    return true;
}
