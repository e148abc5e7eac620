#include "reference/network.h"
#include "reference/operands.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct op embedding_op, dense_op, router_op, transmitter_op, enhanced_op, head_op;
extern const struct op gated_op, mixture_op, match_op;

/* A table may have so many of each. */
enum { WEIGHTS_MAX = 1 << 17, LAYERS_MAX = 16384, NETWORK_BUFFERS_MAX = 4096 };

/* Experts of MMoE; of PLE: those that all tasks share, beside one of each task's own. */
enum { MMOE_EXPERTS = 4, PLE_SHARED = 2 };

/* ---- building -------------------------------------------------------------------------------- */

static struct ektm_binding at(size_t buffer, size_t column)
{
    return (struct ektm_binding){SOURCE_BUFFER, buffer, column};
}

static struct ektm_binding of_weight(size_t index, size_t column)
{
    return (struct ektm_binding){SOURCE_WEIGHT, index, column};
}

static size_t add_weight(struct network *n, size_t rows, size_t columns, const char *name, ...)
    __attribute__((format(printf, 4, 5)));

static size_t add_weight(struct network *n, size_t rows, size_t columns, const char *name, ...)
{
    assert(n->weights < WEIGHTS_MAX);
    struct ektm_weight *w = &n->weight[n->weights];
    va_list args;
    va_start(args, name);
    vsnprintf(w->name, sizeof w->name, name, args);
    va_end(args);
    w->rows = rows;
    w->columns = columns;
    return n->weights++;
}

static size_t add_buffer(struct network *n, size_t width)
{
    assert(n->buffers < NETWORK_BUFFERS_MAX);
    n->width[n->buffers] = width;
    return n->buffers++;
}

static struct ektm_layer *add_layer(struct network *n, const struct op *op, const char *name)
{
    assert(n->layers < LAYERS_MAX);
    struct ektm_layer *layer = &n->layer[n->layers++];
    *layer = (struct ektm_layer){.op = op};
    snprintf(layer->name, sizeof layer->name, "%s", name);
    return layer;
}

/* A dense layer with the weights from `w` on. */
static void add_product(struct network *n, const char *name, enum activation activation, size_t w,
                        struct ektm_binding from, struct ektm_binding to)
{
    struct ektm_layer *layer = add_layer(n, &dense_op, name);
    layer->dims.extent[IN] = n->weight[w].columns;
    layer->dims.extent[OUT] = n->weight[w].rows;
    layer->options.activation = activation;
    layer->binding[DENSE_X] = from;
    layer->binding[DENSE_W] = of_weight(w, 0);
    layer->binding[DENSE_B] = of_weight(w + 1, 0);
    layer->binding[DENSE_Y] = to;
}

/* A dense layer with weights of its own, NAME.weight and NAME.bias. */
static void add_dense(struct network *n, const char *name, enum activation activation, size_t ins,
                      size_t outs, struct ektm_binding from, struct ektm_binding to)
{
    const size_t w = add_weight(n, outs, ins, "%s.weight", name);
    add_weight(n, outs, 0, "%s.bias", name);
    add_product(n, name, activation, w, from, to);
}

/* z of `parts` parts, the first `own` of which lie in one buffer and the others in another one,
 * weighted by the softmax of as many logits. */
static void add_mixture(struct network *n, size_t width, struct ektm_binding logits,
                        struct ektm_binding own, size_t owns, struct ektm_binding shared,
                        size_t shares, struct ektm_binding to)
{
    struct ektm_layer *layer = add_layer(n, &mixture_op, "mixture");
    layer->dims.extent[WIDTH] = width;
    layer->dims.extent[OWN] = owns;
    layer->dims.extent[SHARED] = shares;
    layer->dims.extent[VECTORS] = owns + shares;
    layer->binding[MIXTURE_LOGITS] = logits;
    layer->binding[MIXTURE_OWN] = own;
    layer->binding[MIXTURE_SHARED] = shared;
    layer->binding[MIXTURE_Y] = to;
}

/* Bottom layers of its own; returns the buffer that holds what they make, or puts it at `to`. */
static size_t add_stack(struct network *n, const char *name, size_t from,
                        const struct ektm_binding *to)
{
    const struct ektm_config *c = &n->config;
    for (size_t l = 0; l < c->bottoms; l++) {
        char layer[64];
        const bool last = to && l + 1 == c->bottoms;
        const size_t buffer = last ? to->index : add_buffer(n, c->bottom[l]);
        snprintf(layer, sizeof layer, "%s.%zu", name, l);
        add_dense(n, layer, ACTIVATION_RELU, n->width[from], c->bottom[l], at(from, 0),
                  last ? *to : at(buffer, 0));
        from = buffer;
    }
    return from;
}

static void add_tower(struct network *n, size_t task, size_t from)
{
    const struct ektm_config *c = &n->config;
    char name[64];
    snprintf(name, sizeof name, "tower.%zu", task);
    add_dense(n, name, ACTIVATION_RELU, n->width[from], c->rep, at(from, 0),
              at(BUFFER_TOWERS, task * c->rep));
}

/* The two products of a head, with the four weights from `w` on: its hidden layer is kept. */
static void add_head_products(struct network *n, size_t task, size_t w, struct ektm_binding from)
{
    const struct ektm_binding hidden = at(n->hidden, task * n->config.hidden);
    add_product(n, "head.0", ACTIVATION_RELU, w, from, hidden);
    add_product(n, "head.1", ACTIVATION_NONE, w + 2, hidden, at(n->logits, task));
}

static void add_head(struct network *n, size_t task, struct ektm_binding from)
{
    const struct ektm_config *c = &n->config;
    const size_t w = add_weight(n, c->hidden, c->rep, "head.%zu.0.weight", task);
    add_weight(n, c->hidden, 0, "head.%zu.0.bias", task);
    add_weight(n, 1, c->hidden, "head.%zu.1.weight", task);
    add_weight(n, 1, 0, "head.%zu.1.bias", task);
    add_head_products(n, task, w, from);
}

/* ---- EKTM ------------------------------------------------------------------------------------ */

/* The enhanced module as training has it: its gate is kept, in a buffer of its own. */
static void add_gated(struct network *n, const struct ektm_layer *enhanced)
{
    const size_t gate = add_buffer(n, n->config.rep);
    struct ektm_layer *layer = add_layer(n, &gated_op, enhanced->name);
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
        add_product(n, layer->name, ACTIVATION_RELU, layer->binding[TRANSMITTER_A].index,
                    layer->binding[TRANSMITTER_F], layer->binding[TRANSMITTER_M]);
    else if (layer->op == &head_op)
        add_head_products(n, layer->task, layer->binding[HEAD_U].index, layer->binding[HEAD_X]);
    else
        n->layer[n->layers++] = *layer;
}

/* Takes over EKTM's table as far as the layers of the name `last`, NULL: all of it, and the weights
 * that they read. */
static bool take_ektm(struct network *n, const char *last)
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
    n->base = add_buffer(n, c->tasks);
    for (size_t i = 1; i <= c->tasks; i++) {
        char name[64];
        snprintf(name, sizeof name, "base.%zu", i);
        add_dense(n, name, ACTIVATION_NONE, c->rep, 1, at(BUFFER_TOWERS, i * c->rep),
                  at(n->base, i - 1));
    }
}

static bool build_ektm(struct network *n)
{
    if (!take_ektm(n, NULL))
        return false;
    add_bases(n);
    return true;
}

/* All shares of the router are alike. */
static bool build_no_router(struct network *n)
{
    if (!build_ektm(n))
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
static bool build_no_transmitter(struct network *n)
{
    if (!build_ektm(n))
        return false;
    drop(n, "transmitter");
    for (size_t l = 0; l < n->layers; l++)
        if (n->layer[l].op == &gated_op)
            n->layer[l].binding[GATED_M].index = BUFFER_ROUTED;
    keep_unread_constant(n);
    return true;
}

/* Gates without weights: all of them are a half. */
static bool build_no_gate(struct network *n)
{
    if (!build_ektm(n))
        return false;
    for (size_t w = 0; w < n->weights; w++)
        n->constant[w] = strncmp(n->weight[w].name, "enhanced.", 9) == 0;
    return true;
}

/* ---- baselines ------------------------------------------------------------------------------- */

static bool build_shared_bottom(struct network *n)
{
    if (!take_ektm(n, "tower"))
        return false;
    for (size_t t = 0; t <= n->config.tasks; t++)
        add_head(n, t, at(BUFFER_TOWERS, t * n->config.rep));
    return true;
}

/* Each task has bottom layers of its own, above what `x` says that it reads. */
static void add_own_stacks(struct network *n, const size_t *x)
{
    for (size_t t = 0; t <= n->config.tasks; t++) {
        char name[64];
        snprintf(name, sizeof name, "bottom.%zu", t);
        add_tower(n, t, add_stack(n, name, x[t], NULL));
        add_head(n, t, at(BUFFER_TOWERS, t * n->config.rep));
    }
}

/* The dense projection, from weights that every task has for itself. */
static void repeat_inputs(struct network *n, size_t task, size_t x)
{
    const struct ektm_config *c = &n->config;
    struct ektm_layer *embedding = &n->layer[n->layers++];
    *embedding = n->layer[0];
    embedding->binding[EMBEDDING_TABLE].index = task;
    embedding->binding[EMBEDDING_X] = at(x, 0);
    if (!c->dense)
        return;
    char name[64];
    snprintf(name, sizeof name, "dense.%zu", task);
    add_dense(n, name, ACTIVATION_NONE, c->dense, c->width, at(BUFFER_DENSE, 0),
              at(x, c->fields * c->width));
}

/* One model for each task, nothing shared: tables, projection, bottom, tower, head. */
static bool build_single_task(struct network *n)
{
    const struct ektm_config *c = &n->config;
    size_t x[TASKS_MAX + 1] = {BUFFER_X};
    if (!take_ektm(n, "embedding"))
        return false;
    n->layers = 1;
    n->weights = c->fields;
    for (size_t t = 1; t <= c->tasks; t++)
        for (size_t f = 0; f < c->fields; f++)
            add_weight(n, c->rows[f], c->width, "embedding.%zu.%zu.weight", t, f);
    n->sets = c->tasks + 1;
    for (size_t t = 0; t <= c->tasks; t++) {
        x[t] = t ? add_buffer(n, n->width[BUFFER_X]) : BUFFER_X;
        repeat_inputs(n, t, x[t]);
    }
    memmove(n->layer, n->layer + 1, --n->layers * sizeof *n->layer);
    add_own_stacks(n, x);
    return true;
}

/* Embedding and projection, shared by all tasks. */
static bool take_inputs(struct network *n)
{
    return take_ektm(n, n->config.dense ? "projection" : "embedding");
}

static bool build_esmm(struct network *n)
{
    size_t x[TASKS_MAX + 1] = {0};
    for (size_t t = 0; t <= n->config.tasks; t++)
        x[t] = BUFFER_X;
    if (!take_inputs(n))
        return false;
    add_own_stacks(n, x);
    return true;
}

/* softmax(W x) over `gates` parts, of the name `name`: its logits. */
static struct ektm_binding add_gate(struct network *n, const char *name, size_t from, size_t column,
                                    size_t ins, size_t gates)
{
    const size_t logits = add_buffer(n, gates);
    add_dense(n, name, ACTIVATION_NONE, ins, gates, at(from, column), at(logits, 0));
    return at(logits, 0);
}

/* Ma et al., 10.1145/3219819.3220007: f_k = sum over n of softmax(W_k x)_n Expert_n(x). */
static bool build_mmoe(struct network *n)
{
    const struct ektm_config *c = &n->config;
    const size_t width = c->bottom[c->bottoms - 1];
    if (!take_inputs(n))
        return false;
    const size_t experts = add_buffer(n, MMOE_EXPERTS * width);
    for (size_t e = 0; e < MMOE_EXPERTS; e++) {
        char name[64];
        const struct ektm_binding to = at(experts, e * width);
        snprintf(name, sizeof name, "expert.%zu", e);
        add_stack(n, name, BUFFER_X, &to);
    }
    for (size_t t = 0; t <= c->tasks; t++) {
        char name[64];
        const size_t mixed = add_buffer(n, width), own = MMOE_EXPERTS - 1;
        snprintf(name, sizeof name, "gate.%zu", t);
        const struct ektm_binding logits =
            add_gate(n, name, BUFFER_X, 0, n->width[BUFFER_X], MMOE_EXPERTS);
        add_mixture(n, width, logits, at(experts, 0), own, at(experts, own * width), 1,
                    at(mixed, 0));
        add_tower(n, t, mixed);
        add_head(n, t, at(BUFFER_TOWERS, t * c->rep));
    }
    return true;
}

/* What a level of PLE reads, and makes: of each task and, last, of what they share. */
struct level {
    size_t in[TASKS_MAX + 2], out[TASKS_MAX + 2];
};

/* The experts of level `l`, [own of task 0 .. T | shared ones], in one buffer. */
static size_t add_experts(struct network *n, size_t l, const struct level *level)
{
    const struct ektm_config *c = &n->config;
    const size_t own = c->tasks + 1, width = c->bottom[l];
    const size_t experts = add_buffer(n, (own + PLE_SHARED) * width);
    for (size_t e = 0; e < own + PLE_SHARED; e++) {
        char name[64];
        const size_t in = level->in[e < own ? e : own];
        snprintf(name, sizeof name, "expert.%zu.%zu", l, e);
        add_dense(n, name, ACTIVATION_RELU, n->width[in], width, at(in, 0), at(experts, e * width));
    }
    return experts;
}

/* Tang et al., 10.1145/3383313.3412236: in each level a task's gate mixes its own experts and the
 * shared ones; the shared gate, which the last level has no use for, mixes all of them. */
static bool build_ple(struct network *n)
{
    const struct ektm_config *c = &n->config;
    const size_t own = c->tasks + 1;
    struct level level = {{0}, {0}};
    for (size_t t = 0; t <= own; t++)
        level.in[t] = BUFFER_X;
    if (!take_inputs(n))
        return false;
    for (size_t l = 0; l < c->bottoms; l++) {
        const size_t width = c->bottom[l], experts = add_experts(n, l, &level);
        for (size_t t = 0; t < own + (l + 1 < c->bottoms); t++) {
            char name[64];
            const bool shared = t == own;
            const size_t owns = shared ? own : 1, in = level.in[t];
            snprintf(name, sizeof name, "gate.%zu.%zu", l, t);
            level.out[t] = add_buffer(n, width);
            const struct ektm_binding logits =
                add_gate(n, name, in, 0, n->width[in], owns + PLE_SHARED);
            add_mixture(n, width, logits, at(experts, shared ? 0 : t * width), owns,
                        at(experts, own * width), PLE_SHARED, at(level.out[t], 0));
        }
        memcpy(level.in, level.out, sizeof level.in);
    }
    for (size_t t = 0; t < own; t++) {
        add_tower(n, t, level.in[t]);
        add_head(n, t, at(BUFFER_TOWERS, t * c->rep));
    }
    return true;
}

/* Three projections of the two vectors at `from`, with the same weights for both. */
static void add_projections(struct network *n, size_t task, size_t from, const size_t *to)
{
    static const char *const names[] = {"key", "query", "value"};
    const size_t d = n->config.rep;
    for (size_t i = 0; i < 3; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s.%zu", names[i], task);
        add_dense(n, name, ACTIVATION_NONE, d, d, at(from, 0), at(to[i], 0));
        struct ektm_layer *again = &n->layer[n->layers++];
        *again = again[-1];
        again->binding[DENSE_X] = at(from, d);
        again->binding[DENSE_Y] = at(to[i], d);
    }
}

/* The transfer from task t - 1 to t of Xi et al., arXiv 2105.08489: of u in {p, q}, what the
 * previous task hands on and the tower's own, z = sum over u of softmax_u(<key u, query u> /
 * sqrt(d)) value u. Returns the buffer of z. */
static size_t add_transfer(struct network *n, size_t task, struct ektm_binding previous)
{
    const size_t d = n->config.rep, pair = add_buffer(n, 2 * d), z = add_buffer(n, d);
    const size_t projected[] = {add_buffer(n, 2 * d), add_buffer(n, 2 * d), add_buffer(n, 2 * d)};
    const size_t logits = add_buffer(n, 2);
    char name[64];
    snprintf(name, sizeof name, "info.%zu", task);
    add_dense(n, name, ACTIVATION_RELU, d, d, previous, at(pair, 0));
    snprintf(name, sizeof name, "tower.%zu", task);
    char bottom[64];
    snprintf(bottom, sizeof bottom, "bottom.%zu", task);
    const size_t from = add_stack(n, bottom, BUFFER_X, NULL);
    add_dense(n, name, ACTIVATION_RELU, n->width[from], d, at(from, 0), at(pair, d));
    add_projections(n, task, pair, projected);
    struct ektm_layer *match = add_layer(n, &match_op, "match");
    match->dims.extent[WIDTH] = d;
    match->dims.extent[VECTORS] = 2;
    match->binding[MATCH_K] = at(projected[0], 0);
    match->binding[MATCH_Q] = at(projected[1], 0);
    match->binding[MATCH_S] = at(logits, 0);
    add_mixture(n, d, at(logits, 0), at(projected[2], 0), 1, at(projected[2], d), 1, at(z, 0));
    return z;
}

static bool build_aitm(struct network *n)
{
    const struct ektm_config *c = &n->config;
    if (!take_inputs(n))
        return false;
    add_tower(n, 0, add_stack(n, "bottom.0", BUFFER_X, NULL));
    struct ektm_binding z = at(BUFFER_TOWERS, 0);
    add_head(n, 0, z);
    for (size_t t = 1; t <= c->tasks; t++) {
        z = at(add_transfer(n, t, z), 0);
        add_head(n, t, z);
    }
    return true;
}

/* ---- kinds ----------------------------------------------------------------------------------- */

const struct network_kind network_kinds[] = {
    {"ektm", "router, transmitters, enhanced modules", build_ektm, .part_of_ektm = true,
     .hard = true, .transfer = true, .ektm = true},
    {"no-router", "EKTM whose router takes the plain mean of the CVR towers", build_no_router,
     .part_of_ektm = true, .hard = true, .transfer = true},
    {"no-transmitter", "EKTM without transmitters: m_i = F_i", build_no_transmitter,
     .part_of_ektm = true, .hard = true, .transfer = true},
    {"no-gate", "EKTM whose gates are all a half", build_no_gate, .part_of_ektm = true,
     .hard = true, .transfer = true},
    {"no-hard", "EKTM without the weight of hard examples (beta = 0)", build_ektm,
     .part_of_ektm = true, .transfer = true, .ektm = true},
    {"no-t4", "EKTM without the loss T4 (alpha = 0)", build_ektm, .part_of_ektm = true,
     .hard = true, .ektm = true},
    {"single-task", "a model of its own for each task, tables too", build_single_task},
    {"shared-bottom", "one bottom, a tower and a head for each task", build_shared_bottom},
    {"mmoe", "MMoE: 4 experts, a gate for each task", build_mmoe},
    {"ple", "PLE: as many levels as bottom layers, one expert of each task and 2 shared",
     build_ple},
    {"esmm", "ESMM: a bottom for each task, pCTR pCVR trained on all impressions", build_esmm,
     .objective = OBJECTIVE_PRODUCT},
    {"aitm", "AITM: attention over what the previous task hands on, calibrated", build_aitm,
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
        network->hidden = add_buffer(network, (config->tasks + 1) * config->hidden);
        network->logits = add_buffer(network, config->tasks + 1);
        network->shares = add_buffer(network, config->tasks * config->tasks);
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
