/* The backward pass of a table of layers, as a table of layers: each op's gradient ops, from the
 * last layer to the first. Where several layers read a buffer, the one that comes first here
 * overwrites its gradient and the others add to it. EKTM.md, "Training". */
#include "reference/network.h"
#include "reference/operands.h"

#include <stdlib.h>
#include <string.h>

extern const struct op embedding_op, dense_op, router_op, gated_op, mixture_op, match_op;
extern const struct op inputgrad_op, weightgrad_op, gategrad_op, routergrad_op, similaritygrad_op;
extern const struct op mixturegrad_op, matchgrad_op;

/* Gradient ops that one layer can have. */
enum { GRADIENTS_OF_LAYER = 5 };

/* A table in the making. Columns of buffers' gradients, and weights' gradients, that were written.
 */
struct making {
    struct network *network;
    bool **column; /* [buffers][width]            */
    bool *weight;  /* [weights]                   */
    bool again;    /* a buffer must be cleared: begin anew */
};

/* ---- bindings -------------------------------------------------------------------------------- */

static struct ektm_binding gradient_of(const struct network *n, struct ektm_binding value)
{
    if (value.source == SOURCE_BUFFER)
        value.index += n->buffers;
    else if (value.source == SOURCE_WEIGHT)
        value.index += n->weights;
    return value;
}

/* Whether it came out of a ReLU. */
static enum activation made_by(const struct network *n, const struct ektm_binding *value)
{
    for (size_t l = 0; l < n->layers; l++) {
        const struct ektm_layer *layer = &n->layer[l];
        const struct ektm_binding *y = &layer->binding[DENSE_Y];
        if (layer->op == &dense_op && y->index == value->index && y->column <= value->column &&
            value->column < y->column + layer->dims.extent[OUT])
            return layer->options.activation;
    }
    return ACTIVATION_NONE;
}

/* ---- what was written ------------------------------------------------------------------------ */

/* Counts the columns of an output that were written already. */
static size_t written_of(const struct making *m, const struct ektm_binding *b, size_t width)
{
    const struct network *n = m->network;
    size_t written = 0;
    if (b->source == SOURCE_WEIGHT)
        return m->weight[b->index - n->weights] ? width : 0;
    for (size_t c = 0; c < width; c++)
        written += m->column[b->index - n->buffers][b->column + c];
    return written;
}

/* An output of several columns in two parts, such as Gf and Gm, is one weight: parts of it are told
 * apart by their column, and each is written once a layer. */
static void write(struct making *m, const struct ektm_binding *b, size_t width)
{
    const struct network *n = m->network;
    if (b->source == SOURCE_WEIGHT)
        m->weight[b->index - n->weights] = true;
    else
        memset(&m->column[b->index - n->buffers][b->column], true, width);
}

/* What is added to in part must begin as zeros. */
static void clear(struct making *m, const struct ektm_binding *b)
{
    struct network *n = m->network;
    if (b->source != SOURCE_BUFFER)
        return;
    n->clear[b->index - n->buffers] = true;
    m->again = true;
}

/* Says whether the layer adds to its outputs that are sums, and what it has written. */
static void settle(struct making *m, struct ektm_layer *layer)
{
    size_t width[OPERANDS_MAX] = {0}, written[OPERANDS_MAX] = {0};
    for (size_t i = 0; i < layer->op->operands; i++) {
        const struct operand *o = &layer->op->operand[i];
        const bool out = o->role == ROLE_OUT && layer->binding[i].source != SOURCE_NONE;
        width[i] = out ? operand_row(o, &layer->dims) : 0;
        written[i] = out && o->sums ? written_of(m, &layer->binding[i], width[i]) : 0;
        layer->options.add = layer->options.add || written[i];
    }
    for (size_t i = 0; i < layer->op->operands; i++) {
        if (layer->options.add && layer->op->operand[i].sums && written[i] < width[i])
            clear(m, &layer->binding[i]);
        if (width[i])
            write(m, &layer->binding[i], width[i]);
    }
}

static struct ektm_layer *emit(struct making *m, const struct op *op, const struct ektm_layer *of)
{
    struct ektm_layer *layer = &m->network->gradient[m->network->gradients++];
    *layer = (struct ektm_layer){.op = op, .dims = of->dims};
    memcpy(layer->name, of->name, sizeof layer->name);
    return layer;
}

/* ---- ops ------------------------------------------------------------------------------------- */

/* dx of y = W x + b. */
static void add_inputgrad(struct making *m, const struct ektm_layer *of, struct ektm_binding dy,
                          struct ektm_binding w, struct ektm_binding x, size_t outs, size_t ins)
{
    struct ektm_layer *layer = emit(m, &inputgrad_op, of);
    layer->dims = (struct dims){.extent = {[IN] = ins, [OUT] = outs}};
    layer->options.activation = made_by(m->network, &x);
    layer->binding[INPUTGRAD_DY] = dy;
    layer->binding[INPUTGRAD_W] = w;
    layer->binding[INPUTGRAD_X] = x;
    layer->binding[INPUTGRAD_DX] = gradient_of(m->network, x);
    settle(m, layer);
}

/* dW and, unless it has no source, db. */
static void add_weightgrad(struct making *m, const struct ektm_layer *of, struct ektm_binding x,
                           struct ektm_binding dy, struct ektm_binding w, struct ektm_binding bias,
                           size_t outs, size_t ins)
{
    const struct network *n = m->network;
    if (n->constant[w.index])
        return;
    struct ektm_layer *layer = emit(m, &weightgrad_op, of);
    layer->dims = (struct dims){.extent = {[IN] = ins, [OUT] = outs}};
    layer->binding[WEIGHTGRAD_X] = x;
    layer->binding[WEIGHTGRAD_DY] = dy;
    layer->binding[WEIGHTGRAD_DW] = gradient_of(n, w);
    layer->binding[WEIGHTGRAD_DB] = gradient_of(n, bias);
    if (w.column == 0)
        settle(m, layer);
}

static void dense_backward(struct making *m, const struct ektm_layer *l)
{
    const struct ektm_binding *b = l->binding, dy = gradient_of(m->network, b[DENSE_Y]);
    const size_t ins = l->dims.extent[IN], outs = l->dims.extent[OUT];
    if (b[DENSE_X].index != BUFFER_DENSE)
        add_inputgrad(m, l, dy, b[DENSE_W], b[DENSE_X], outs, ins);
    add_weightgrad(m, l, b[DENSE_X], dy, b[DENSE_W], b[DENSE_B], outs, ins);
}

/* The gradient of the gate's logits is kept as that of the gate. */
static void gated_backward(struct making *m, const struct ektm_layer *l)
{
    const struct network *n = m->network;
    const struct ektm_binding *b = l->binding, ds = gradient_of(n, b[GATED_G]);
    const struct ektm_binding none = {SOURCE_NONE, 0, 0};
    const size_t width = l->dims.extent[WIDTH];
    struct ektm_layer *gate = emit(m, &gategrad_op, l);
    gate->binding[GATEGRAD_DZ] = gradient_of(n, b[GATED_Z]);
    gate->binding[GATEGRAD_M] = b[GATED_M];
    gate->binding[GATEGRAD_G] = b[GATED_G];
    gate->binding[GATEGRAD_DS] = ds;
    gate->binding[GATEGRAD_DM] = gradient_of(n, b[GATED_M]);
    gate->binding[GATEGRAD_DF] = gradient_of(n, b[GATED_F]);
    settle(m, gate);
    add_inputgrad(m, l, ds, b[GATED_GF], b[GATED_F], width, width);
    add_inputgrad(m, l, ds, b[GATED_GM], b[GATED_M], width, width);
    add_weightgrad(m, l, b[GATED_F], ds, b[GATED_GF], b[GATED_C], width, width);
    add_weightgrad(m, l, b[GATED_M], ds, b[GATED_GM], none, width, width);
}

static void router_backward(struct making *m, const struct ektm_layer *l)
{
    const struct network *n = m->network;
    const struct ektm_binding *b = l->binding;
    const bool task = l->options.similarity == SIMILARITY_TASK;
    struct ektm_layer *layer = emit(m, &routergrad_op, l);
    layer->options = l->options;
    layer->options.activation = made_by(n, &b[ROUTER_F0]);
    layer->binding[ROUTERGRAD_F0] = b[ROUTER_F0];
    layer->binding[ROUTERGRAD_F] = b[ROUTER_F];
    layer->binding[ROUTERGRAD_U] = b[ROUTER_U];
    layer->binding[ROUTERGRAD_DY] = gradient_of(n, b[ROUTER_Y]);
    layer->binding[ROUTERGRAD_DF0] = gradient_of(n, b[ROUTER_F0]);
    layer->binding[ROUTERGRAD_DF] = gradient_of(n, b[ROUTER_F]);
    if (task)
        layer->binding[ROUTERGRAD_DS] =
            gradient_of(n, (struct ektm_binding){SOURCE_BUFFER, n->shares, 0});
    settle(m, layer);
    if (!task || n->constant[b[ROUTER_U].index])
        return;
    struct ektm_layer *vectors = emit(m, &similaritygrad_op, l);
    vectors->options = l->options;
    vectors->binding[SIMILARITYGRAD_U] = b[ROUTER_U];
    vectors->binding[SIMILARITYGRAD_DS] = layer->binding[ROUTERGRAD_DS];
    vectors->binding[SIMILARITYGRAD_DU] = gradient_of(n, b[ROUTER_U]);
    settle(m, vectors);
}

static void mixture_backward(struct making *m, const struct ektm_layer *l)
{
    const struct network *n = m->network;
    const struct ektm_binding *b = l->binding;
    struct ektm_layer *layer = emit(m, &mixturegrad_op, l);
    layer->options.activation = made_by(n, &b[MIXTURE_OWN]);
    for (size_t i = MIXTURE_LOGITS; i < MIXTURE_Y; i++) {
        layer->binding[i] = b[i];
        layer->binding[MIXTUREGRAD_DLOGITS + i] = gradient_of(n, b[i]);
    }
    layer->binding[MIXTUREGRAD_DY] = gradient_of(n, b[MIXTURE_Y]);
    settle(m, layer);
}

static void match_backward(struct making *m, const struct ektm_layer *l)
{
    const struct network *n = m->network;
    const struct ektm_binding *b = l->binding;
    struct ektm_layer *layer = emit(m, &matchgrad_op, l);
    for (size_t i = MATCH_K; i < MATCH_S; i++) {
        layer->binding[i] = b[i];
        layer->binding[MATCHGRAD_DK + i] = gradient_of(n, b[i]);
    }
    layer->binding[MATCHGRAD_DS] = gradient_of(n, b[MATCH_S]);
    settle(m, layer);
}

static const struct {
    const struct op *op;
    void (*backward)(struct making *m, const struct ektm_layer *layer);
} backward[] = {
    {&dense_op, dense_backward},     {&gated_op, gated_backward}, {&router_op, router_backward},
    {&mixture_op, mixture_backward}, {&match_op, match_backward},
};

/* ---- table ----------------------------------------------------------------------------------- */

/* Columns that are cleared count as written. */
static void begin(struct making *m)
{
    struct network *n = m->network;
    n->gradients = 0;
    m->again = false;
    memset(m->weight, false, n->weights);
    for (size_t b = 0; b < n->buffers; b++)
        memset(m->column[b], n->clear[b], n->width[b]);
}

static void walk(struct making *m)
{
    const struct network *n = m->network;
    begin(m);
    for (size_t l = n->layers; l-- > 0;)
        for (size_t i = 0; i < sizeof backward / sizeof *backward; i++)
            if (n->layer[l].op == backward[i].op)
                backward[i].backward(m, &n->layer[l]);
}

static bool make_room(struct making *m)
{
    struct network *n = m->network;
    n->gradient = calloc(n->layers * GRADIENTS_OF_LAYER, sizeof *n->gradient);
    n->clear = calloc(n->buffers, sizeof *n->clear);
    m->weight = calloc(n->weights, sizeof *m->weight);
    m->column = calloc(n->buffers, sizeof *m->column);
    bool fine = n->gradient && n->clear && m->weight && m->column;
    for (size_t b = 0; fine && b < n->buffers; b++)
        fine = (m->column[b] = calloc(n->width[b] + 1, sizeof **m->column)) != NULL;
    return fine;
}

bool network_differentiate(struct network *network)
{
    struct making making = {.network = network};
    const bool fine = make_room(&making);
    do {
        if (fine)
            walk(&making);
    } while (making.again);
    for (size_t b = 0; making.column && b < network->buffers; b++)
        free(making.column[b]);
    free(making.column);
    free(making.weight);
    return fine;
}
