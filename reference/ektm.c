#include "reference/ektm.h"
#include "reference/ektm_table.h"
#include "reference/operands.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct op embedding_op, dense_op, router_op, transmitter_op, enhanced_op, head_op;
extern const struct op transfer_op, heads_op;

/* U, u, w and v: from one head's to the next one's. */
enum { HEAD_WEIGHTS = 4 };

/* Appends a weight and returns its index. */
static size_t add_weight(struct ektm *m, size_t rows, size_t columns, const char *name, ...)
{
    va_list args;
    va_start(args, name);
    weight_begin(&m->weight[m->weights], rows, columns, name, args);
    va_end(args);
    return m->weights++;
}

static struct ektm_layer *add_layer(struct ektm *m, const struct op *op, const char *name)
{
    struct ektm_layer *layer = &m->layer[m->layers++];
    layer_begin(layer, op, name);
    return layer;
}

/* A dense layer from column `from_column` of one buffer to column `to_column` of another. */
static struct ektm_layer *add_dense(struct ektm *m, const char *name, size_t first_weight,
                                    struct ektm_binding from, struct ektm_binding to)
{
    struct ektm_layer *layer = add_layer(m, &dense_op, name);
    const struct ektm_weight *w = &m->weight[first_weight];
    layer->dims.extent[IN] = w->columns;
    layer->dims.extent[OUT] = w->rows;
    layer->options.activation = ACTIVATION_RELU;
    layer->binding[DENSE_X] = from;
    layer->binding[DENSE_W] = of_weight(first_weight, 0);
    layer->binding[DENSE_B] = of_weight(first_weight + 1, 0);
    layer->binding[DENSE_Y] = to;
    return layer;
}

static void add_embedding(struct ektm *m)
{
    const struct ektm_config *c = &m->config;
    size_t rows = 0;
    for (size_t f = 0; f < c->fields; f++) {
        add_weight(m, c->rows[f], c->width, "embedding.%zu.weight", f);
        rows += c->rows[f];
    }
    struct ektm_layer *layer = add_layer(m, &embedding_op, "embedding");
    layer->dims.extent[FIELDS] = c->fields;
    layer->dims.extent[WIDTH] = c->width;
    layer->dims.extent[ROWS] = rows;
    layer->options.pooling = c->pooling;
    layer->binding[EMBEDDING_IDS] = at(BUFFER_IDS, 0);
    layer->binding[EMBEDDING_BAGS] = at(BUFFER_BAGS, 0);
    layer->binding[EMBEDDING_FIRST].source = SOURCE_FIRST;
    layer->binding[EMBEDDING_TABLE].source = SOURCE_TABLE;
    layer->binding[EMBEDDING_X] = at(BUFFER_X, 0);
}

static void add_projection(struct ektm *m)
{
    const struct ektm_config *c = &m->config;
    size_t w = add_weight(m, c->width, c->dense, "dense.weight");
    add_weight(m, c->width, 0, "dense.bias");
    struct ektm_layer *layer =
        add_dense(m, "projection", w, at(BUFFER_DENSE, 0), at(BUFFER_X, c->fields * c->width));
    layer->options.activation = ACTIVATION_NONE;
}

/* Returns the buffer that holds h. */
static size_t add_bottom(struct ektm *m)
{
    const struct ektm_config *c = &m->config;
    size_t from = BUFFER_X;
    for (size_t l = 0; l < c->bottoms; l++) {
        char name[32];
        snprintf(name, sizeof name, "bottom.%zu", l);
        size_t w = add_weight(m, c->bottom[l], m->buffer_width[from], "bottom.%zu.weight", l);
        add_weight(m, c->bottom[l], 0, "bottom.%zu.bias", l);
        add_dense(m, name, w, at(from, 0), at(BUFFER_BOTTOM + l, 0));
        from = BUFFER_BOTTOM + l;
    }
    return from;
}

static void add_towers(struct ektm *m, size_t from)
{
    const struct ektm_config *c = &m->config;
    for (size_t t = 0; t <= c->tasks; t++) {
        size_t w = add_weight(m, c->rep, m->buffer_width[from], "tower.%zu.weight", t);
        add_weight(m, c->rep, 0, "tower.%zu.bias", t);
        struct ektm_layer *layer =
            add_dense(m, "tower", w, at(from, 0), at(BUFFER_TOWERS, t * c->rep));
        layer->per_task = true;
        layer->task = t;
    }
}

static void add_router(struct ektm *m)
{
    const struct ektm_config *c = &m->config;
    struct ektm_layer *layer = add_layer(m, &router_op, "router");
    layer->dims.extent[TASKS] = c->tasks;
    layer->dims.extent[WIDTH] = c->rep;
    layer->options.similarity = c->similarity;
    layer->options.tau = c->tau;
    layer->binding[ROUTER_F0] = at(BUFFER_TOWERS, 0);
    layer->binding[ROUTER_F] = at(BUFFER_TOWERS, c->rep);
    layer->binding[ROUTER_Y] = at(BUFFER_ROUTED, 0);
    if (c->similarity == SIMILARITY_TASK)
        layer->binding[ROUTER_U] = of_weight(add_weight(m, c->tasks, c->rep, "router.task"), 0);
}

static void add_transmitters(struct ektm *m)
{
    const struct ektm_config *c = &m->config;
    for (size_t i = 1; i <= c->tasks; i++) {
        size_t w = add_weight(m, c->rep, c->rep, "transmitter.%zu.weight", i);
        size_t bias = add_weight(m, c->rep, 0, "transmitter.%zu.bias", i);
        struct ektm_layer *layer = add_layer(m, &transmitter_op, "transmitter");
        layer->per_task = true;
        layer->task = i;
        layer->dims.extent[WIDTH] = c->rep;
        layer->binding[TRANSMITTER_F] = at(BUFFER_ROUTED, (i - 1) * c->rep);
        layer->binding[TRANSMITTER_A] = of_weight(w, 0);
        layer->binding[TRANSMITTER_BIAS] = of_weight(bias, 0);
        layer->binding[TRANSMITTER_M] = at(BUFFER_M, (i - 1) * c->rep);
    }
}

static void add_enhanced(struct ektm *m)
{
    const struct ektm_config *c = &m->config;
    for (size_t i = 1; i <= c->tasks; i++) {
        size_t w = add_weight(m, c->rep, 2 * c->rep, "enhanced.%zu.weight", i);
        size_t bias = add_weight(m, c->rep, 0, "enhanced.%zu.bias", i);
        struct ektm_layer *layer = add_layer(m, &enhanced_op, "enhanced");
        layer->per_task = true;
        layer->task = i;
        layer->dims.extent[WIDTH] = c->rep;
        layer->binding[ENHANCED_F] = at(BUFFER_TOWERS, i * c->rep);
        layer->binding[ENHANCED_M] = at(BUFFER_M, (i - 1) * c->rep);
        layer->binding[ENHANCED_GF] = of_weight(w, 0);
        layer->binding[ENHANCED_GM] = of_weight(w, c->rep);
        layer->binding[ENHANCED_C] = of_weight(bias, 0);
        layer->binding[ENHANCED_Z] = at(BUFFER_Z, (i - 1) * c->rep);
    }
}

/* CTR's head reads its tower, a CVR task's head what its enhanced module made. */
static void add_heads(struct ektm *m)
{
    const struct ektm_config *c = &m->config;
    for (size_t t = 0; t <= c->tasks; t++) {
        size_t w = add_weight(m, c->hidden, c->rep, "head.%zu.0.weight", t);
        add_weight(m, c->hidden, 0, "head.%zu.0.bias", t);
        add_weight(m, 1, c->hidden, "head.%zu.1.weight", t);
        add_weight(m, 1, 0, "head.%zu.1.bias", t);
        struct ektm_layer *layer = add_layer(m, &head_op, "head");
        layer->per_task = true;
        layer->task = t;
        layer->dims.extent[WIDTH] = c->rep;
        layer->dims.extent[HIDDEN] = c->hidden;
        layer->binding[HEAD_X] = t == 0 ? at(BUFFER_TOWERS, 0) : at(BUFFER_Z, (t - 1) * c->rep);
        for (size_t i = 0; i < HEAD_WEIGHTS; i++)
            layer->binding[HEAD_U + i] = of_weight(w + i, 0);
        layer->binding[HEAD_P] = at(BUFFER_P, t);
    }
}

static struct ektm_layer *find_layer(struct ektm *m, const struct op *op, size_t task)
{
    struct ektm_layer *layer = m->layer;
    while (layer->op != op || layer->task != task)
        layer++;
    return layer;
}

/* A fusion with sizes like the layer's, which it stands for. */
static struct ektm_layer *add_fusion(struct ektm *m, const struct op *op,
                                     const struct ektm_layer *like)
{
    struct ektm_layer *fusion = &m->layer[m->layers + m->fusions++];
    *fusion = (struct ektm_layer){.op = op, .dims = like->dims};
    snprintf(fusion->name, sizeof fusion->name, "%s", op->name);
    return fusion;
}

static void fuse(struct ektm *m, struct ektm_layer *layer, const struct ektm_layer *fusion)
{
    layer->fusion = (size_t)(fusion - m->layer);
}

static void add_transfers(struct ektm *m)
{
    for (size_t i = 1; i <= m->config.tasks; i++) {
        struct ektm_layer *t = find_layer(m, &transmitter_op, i);
        struct ektm_layer *e = find_layer(m, &enhanced_op, i);
        struct ektm_layer *fusion = add_fusion(m, &transfer_op, e);
        fusion->per_task = true;
        fusion->task = i;
        fusion->binding[TRANSFER_ROUTED] = t->binding[TRANSMITTER_F];
        fusion->binding[TRANSFER_A] = t->binding[TRANSMITTER_A];
        fusion->binding[TRANSFER_BIAS] = t->binding[TRANSMITTER_BIAS];
        fusion->binding[TRANSFER_F] = e->binding[ENHANCED_F];
        fusion->binding[TRANSFER_GF] = e->binding[ENHANCED_GF];
        fusion->binding[TRANSFER_GM] = e->binding[ENHANCED_GM];
        fusion->binding[TRANSFER_C] = e->binding[ENHANCED_C];
        fusion->binding[TRANSFER_Z] = e->binding[ENHANCED_Z];
        fuse(m, t, fusion);
        fuse(m, e, fusion);
    }
}

static void add_all_heads(struct ektm *m)
{
    struct ektm_layer *first = find_layer(m, &head_op, 0);
    struct ektm_layer *fusion = add_fusion(m, &heads_op, first);
    fusion->dims.extent[TASKS] = m->config.tasks;
    fusion->dims.extent[HEADS] = m->config.tasks + 1;
    fusion->binding[HEADS_F0] = first->binding[HEAD_X];
    fusion->binding[HEADS_Z] = find_layer(m, &head_op, 1)->binding[HEAD_X];
    for (size_t i = 0; i < HEAD_WEIGHTS; i++) {
        fusion->binding[HEADS_U + i] = first->binding[HEAD_U + i];
        fusion->binding[HEADS_U + i].source = SOURCE_HEADS;
    }
    fusion->binding[HEADS_P] = first->binding[HEAD_P];
    for (size_t t = 0; t <= m->config.tasks; t++)
        fuse(m, find_layer(m, &head_op, t), fusion);
}

static void set_buffer_widths(struct ektm *m)
{
    const struct ektm_config *c = &m->config;
    size_t *width = m->buffer_width;
    width[BUFFER_BAGS] = c->fields;
    width[BUFFER_DENSE] = c->dense;
    width[BUFFER_X] = c->fields * c->width + (c->dense ? c->width : 0);
    width[BUFFER_TOWERS] = (c->tasks + 1) * c->rep;
    width[BUFFER_ROUTED] = width[BUFFER_M] = width[BUFFER_Z] = c->tasks * c->rep;
    width[BUFFER_P] = c->tasks + 1;
    for (size_t l = 0; l < c->bottoms; l++)
        width[BUFFER_BOTTOM + l] = c->bottom[l];
}

bool ektm_build(struct ektm *model, const struct ektm_config *config)
{
    *model = (struct ektm){.config = *config};
    size_t towers = config->tasks + 1;
    size_t weights = config->fields + 2 + 2 * config->bottoms + 10 * towers + 1;
    size_t layers = 3 + config->bottoms + 4 * towers, fusions = towers;
    model->weight = calloc(weights, sizeof *model->weight);
    model->layer = calloc(layers + fusions, sizeof *model->layer);
    if (!model->weight || !model->layer) {
        ektm_free(model);
        return false;
    }
    set_buffer_widths(model);
    add_embedding(model);
    if (config->dense)
        add_projection(model);
    add_towers(model, add_bottom(model));
    add_router(model);
    add_transmitters(model);
    add_enhanced(model);
    add_heads(model);
    if (config->rep <= TRANSFER_WIDTH_MAX)
        add_transfers(model);
    add_all_heads(model);
    assert(model->weights <= weights && model->layers <= layers && model->fusions <= fusions);
    return true;
}

void ektm_free(struct ektm *model)
{
    free(model->weight);
    free(model->layer);
    model->weight = NULL;
    model->layer = NULL;
}

bool ektm_repeats(const struct ektm *model, size_t layer)
{
    const struct ektm_layer *l = &model->layer[layer];
    return layer > 0 && l->per_task && strcmp(l->name, l[-1].name) == 0;
}

static struct tensor column_of(const struct tensor *from, size_t column)
{
    struct tensor t = *from;
    t.data = (char *)t.data + column * dtype_bytes(t.dtype);
    return t;
}

/* Weight `index` of the first head, and as its ld the distance to the next head's. */
static struct tensor of_all_heads(const struct tensor *weight, size_t index)
{
    struct tensor t = weight[index];
    const char *next = weight[index + HEAD_WEIGHTS].data;
    t.ld = (size_t)(next - (const char *)t.data) / dtype_bytes(t.dtype);
    return t;
}

static struct tensor operand_of(const struct ektm_layer *l, const struct ektm_places *places,
                                const struct ektm_binding *b)
{
    switch (b->source) {
    case SOURCE_BUFFER:
        return column_of(&places->buffer[b->index], b->column);
    case SOURCE_WEIGHT:
        return column_of(&places->weight[b->index], b->column);
    case SOURCE_HEADS:
        return of_all_heads(places->weight, b->index);
    case SOURCE_TABLE:
        return column_of(&places->table, b->index * l->dims.extent[ROWS] * places->table.ld);
    case SOURCE_FIRST:
        return places->first;
    case SOURCE_NONE:
        break;
    }
    return (struct tensor){.data = NULL};
}

struct call ektm_layer_call(const struct ektm_layer *l, const struct ektm_places *places,
                            size_t rows)
{
    struct call call = {.dims = l->dims, .options = l->options};
    call.dims.extent[BATCH] = rows;
    if (l->op == &embedding_op)
        call.dims.extent[IDS] = places->ids;
    for (size_t i = 0; i < l->op->operands; i++) {
        call.tensor[i] = operand_of(l, places, &l->binding[i]);
        if (l->binding[i].source == SOURCE_WEIGHT && l->op->operand[i].axes[0] != AXIS_NONE &&
            l->op->operand[i].axes[1] == AXIS_NONE)
            call.tensor[i].ld = 1; /* a row of the file, such as [1, H], read as a vector */
    }
    return call;
}

struct call ektm_call(const struct ektm *model, const struct ektm_memory *memory, size_t layer,
                      size_t rows)
{
    const struct ektm_places places = {memory->weight, memory->buffer, memory->table, memory->first,
                                       memory->ids};
    return ektm_layer_call(&model->layer[layer], &places, rows);
}

void ektm_reference(const struct ektm *model, const struct ektm_memory *memory, size_t rows)
{
    for (size_t i = 0; i < model->layers; i++) {
        struct call call = ektm_call(model, memory, i, rows);
        model->layer[i].op->reference(&call);
    }
}
