#include "reference/network_parts.h"
#include "reference/operands.h"

#include <assert.h>
#include <stdio.h>

extern const struct op dense_op, mixture_op;

size_t network_add_weight(struct network *n, size_t rows, size_t columns, const char *name, ...)
{
    assert(n->weights < WEIGHTS_MAX);
    va_list args;
    va_start(args, name);
    weight_begin(&n->weight[n->weights], rows, columns, name, args);
    va_end(args);
    return n->weights++;
}

size_t network_add_buffer(struct network *n, size_t width)
{
    assert(n->buffers < NETWORK_BUFFERS_MAX);
    n->width[n->buffers] = width;
    return n->buffers++;
}

struct ektm_layer *network_add_layer(struct network *n, const struct op *op, const char *name)
{
    assert(n->layers < LAYERS_MAX);
    struct ektm_layer *layer = &n->layer[n->layers++];
    layer_begin(layer, op, name);
    return layer;
}

void network_add_product(struct network *n, const char *name, enum activation activation, size_t w,
                         struct ektm_binding from, struct ektm_binding to)
{
    struct ektm_layer *layer = network_add_layer(n, &dense_op, name);
    layer->dims.extent[IN] = n->weight[w].columns;
    layer->dims.extent[OUT] = n->weight[w].rows;
    layer->options.activation = activation;
    layer->binding[DENSE_X] = from;
    layer->binding[DENSE_W] = of_weight(w, 0);
    layer->binding[DENSE_B] = of_weight(w + 1, 0);
    layer->binding[DENSE_Y] = to;
}

void network_add_dense(struct network *n, const char *name, enum activation activation, size_t ins,
                       size_t outs, struct ektm_binding from, struct ektm_binding to)
{
    const size_t w = network_add_weight(n, outs, ins, "%s.weight", name);
    network_add_weight(n, outs, 0, "%s.bias", name);
    network_add_product(n, name, activation, w, from, to);
}

void network_add_mixture(struct network *n, size_t width, struct ektm_binding logits,
                         struct ektm_binding own, size_t owns, struct ektm_binding shared,
                         size_t shares, struct ektm_binding to)
{
    struct ektm_layer *layer = network_add_layer(n, &mixture_op, "mixture");
    layer->dims.extent[WIDTH] = width;
    layer->dims.extent[OWN] = owns;
    layer->dims.extent[SHARED] = shares;
    layer->dims.extent[VECTORS] = owns + shares;
    layer->binding[MIXTURE_LOGITS] = logits;
    layer->binding[MIXTURE_OWN] = own;
    layer->binding[MIXTURE_SHARED] = shared;
    layer->binding[MIXTURE_Y] = to;
}

size_t network_add_stack(struct network *n, const char *name, size_t from,
                         const struct ektm_binding *to)
{
    const struct ektm_config *c = &n->config;
    for (size_t l = 0; l < c->bottoms; l++) {
        char layer[64];
        const bool last = to && l + 1 == c->bottoms;
        const size_t buffer = last ? to->index : network_add_buffer(n, c->bottom[l]);
        snprintf(layer, sizeof layer, "%s.%zu", name, l);
        network_add_dense(n, layer, ACTIVATION_RELU, n->width[from], c->bottom[l], at(from, 0),
                          last ? *to : at(buffer, 0));
        from = buffer;
    }
    return from;
}

void network_add_tower(struct network *n, size_t task, size_t from)
{
    const struct ektm_config *c = &n->config;
    char name[64];
    snprintf(name, sizeof name, "tower.%zu", task);
    network_add_dense(n, name, ACTIVATION_RELU, n->width[from], c->rep, at(from, 0),
                      at(BUFFER_TOWERS, task * c->rep));
}

void network_add_head_products(struct network *n, size_t task, size_t w, struct ektm_binding from)
{
    const struct ektm_binding hidden = at(n->hidden, task * n->config.hidden);
    network_add_product(n, "head.0", ACTIVATION_RELU, w, from, hidden);
    network_add_product(n, "head.1", ACTIVATION_NONE, w + 2, hidden, at(n->logits, task));
}

void network_add_head(struct network *n, size_t task, struct ektm_binding from)
{
    const struct ektm_config *c = &n->config;
    const size_t w = network_add_weight(n, c->hidden, c->rep, "head.%zu.0.weight", task);
    network_add_weight(n, c->hidden, 0, "head.%zu.0.bias", task);
    network_add_weight(n, 1, c->hidden, "head.%zu.1.weight", task);
    network_add_weight(n, 1, 0, "head.%zu.1.bias", task);
    network_add_head_products(n, task, w, from);
}
