/* Gradients of the whole of preset `tiny` in double, by the ops' references one after the other,
 * against central differences of a loss that is written down here from EKTM.md. */
#include "harness/model/touched.h"
#include "harness/random.h"
#include "reference/ektm.h"
#include "reference/operands.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

enum { BATCH_ROWS = 3, TOWERS_MAX = 4, BAG = 2 };

extern const struct op dense_op, embedding_op, router_op, transmitter_op, enhanced_op, head_op;
extern const struct op gated_op, inputgrad_op, weightgrad_op, gategrad_op, routergrad_op;
extern const struct op similaritygrad_op, loss_op, adagrad_op;

/* Numbers of the model and beside them, for each, the derivative of the loss by it. */
struct side {
    struct ektm_memory memory;
    struct tensor gate, hidden, logit,
        base; /* [rows, T d], [rows, (T+1) H], [rows, T+1], [rows, T] */
    struct tensor base_weight, base_bias, ds; /* [T, d], [T], [rows, T T] */
};

struct training {
    struct ektm ektm;
    struct side value, grad;
    int32_t ids[BATCH_ROWS * 8 * BAG], bags[BATCH_ROWS * 8 + 1], first[8];
    int32_t label[BATCH_ROWS * TOWERS_MAX];
    double scale[TOWERS_MAX];
    struct options options;
};

static struct tensor zeros(size_t rows, size_t columns)
{
    double *data = calloc(rows * columns + 1, sizeof *data);
    cr_assert(data);
    return (struct tensor){data, columns, DTYPE_F64};
}

static struct tensor from(const struct tensor *t, size_t row, size_t column)
{
    return (struct tensor){(double *)t->data + row * t->ld + column, t->ld, t->dtype};
}

static void make_side(struct side *side, const struct ektm *ektm)
{
    const struct ektm_config *c = &ektm->config;
    const size_t towers = c->tasks + 1;
    struct ektm_memory *m = &side->memory;
    m->weight = calloc(ektm->weights, sizeof *m->weight);
    m->table = zeros(c->fields * c->rows[0], c->width);
    for (size_t w = 0; w < ektm->weights; w++)
        m->weight[w] = w < c->fields ? from(&m->table, w * c->rows[0], 0)
                                     : zeros(ektm->weight[w].rows,
                                             ektm->weight[w].columns ? ektm->weight[w].columns : 1);
    for (size_t b = BUFFER_DENSE; b < BUFFERS; b++)
        m->buffer[b] = zeros(BATCH_ROWS, ektm->buffer_width[b]);
    side->gate = zeros(BATCH_ROWS, c->tasks * c->rep);
    side->hidden = zeros(BATCH_ROWS, towers * c->hidden);
    side->logit = zeros(BATCH_ROWS, towers);
    side->base = zeros(BATCH_ROWS, c->tasks);
    side->base_weight = zeros(c->tasks, c->rep);
    side->base_bias = zeros(c->tasks, 1);
    side->ds = zeros(BATCH_ROWS, c->tasks * c->tasks);
}

static void free_side(struct side *side, const struct ektm *ektm)
{
    struct tensor *const own[] = {&side->gate, &side->hidden,      &side->logit,    &side->base,
                                  &side->ds,   &side->base_weight, &side->base_bias};
    for (size_t w = ektm->config.fields; w < ektm->weights; w++)
        free(side->memory.weight[w].data);
    for (size_t b = BUFFER_DENSE; b < BUFFERS; b++)
        free(side->memory.buffer[b].data);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        free(own[i]->data);
    free(side->memory.table.data);
    free(side->memory.weight);
}

static void randomise(struct random *r, const struct tensor *t, size_t rows, double scale)
{
    for (size_t i = 0; i < rows * t->ld; i++)
        ((double *)t->data)[i] = random_between(r, -scale, scale);
}

static void make_rows(struct training *t, struct random *r)
{
    const struct ektm_config *c = &t->ektm.config;
    struct ektm_memory *m = &t->value.memory;
    const size_t bags = BATCH_ROWS * c->fields;
    for (size_t f = 0; f < c->fields; f++)
        t->first[f] = (int32_t)(f * c->rows[0]);
    for (size_t q = 0; q < bags; q++) {
        const size_t size = random_below(r, BAG + 1); /* few ids, so that rows meet again */
        t->bags[q + 1] = t->bags[q] + (int32_t)size;
        for (int32_t i = t->bags[q]; i < t->bags[q + 1]; i++)
            t->ids[i] = (int32_t)random_below(r, 3);
    }
    m->first = (struct tensor){t->first, 1, DTYPE_I32};
    m->ids = (size_t)t->bags[bags];
    m->buffer[BUFFER_IDS] = (struct tensor){t->ids, 1, DTYPE_I32};
    m->buffer[BUFFER_BAGS] = (struct tensor){t->bags, c->fields, DTYPE_I32};
    t->grad.memory.first = m->first;
    t->grad.memory.ids = m->ids;
    randomise(r, &m->buffer[BUFFER_DENSE], BATCH_ROWS, 1);
}

static void make_labels(struct training *t)
{
    static const int32_t label[BATCH_ROWS][TOWERS_MAX] = {{1, 1, 0}, {1, 0, -1}, {0, 1, 1}};
    for (size_t b = 0; b < BATCH_ROWS; b++)
        for (size_t i = 0; i <= t->ektm.config.tasks; i++)
            t->label[b * (t->ektm.config.tasks + 1) + i] = label[b][i];
    t->scale[0] = 1.0 / 3;
    t->scale[1] = 1.0 / 2;
    t->scale[2] = 1;
}

static void make_training(struct training *t, enum similarity similarity, enum pooling pooling,
                          uint64_t seed)
{
    struct ektm_config config = ektm_preset_find("tiny")->config;
    struct random r = random_stream(seed, 0);
    *t = (struct training){
        .options = {.hard = 1, .power = 1.5f, .help = 0.5f, .tau = 0.5f, .similarity = similarity}};
    config.similarity = similarity;
    config.pooling = pooling;
    config.tau = 0.5f;
    cr_assert(ektm_build(&t->ektm, &config));
    make_side(&t->value, &t->ektm);
    make_side(&t->grad, &t->ektm);
    make_rows(t, &r);
    make_labels(t);
    randomise(&r, &t->value.memory.table, config.fields * config.rows[0], 1);
    for (size_t w = config.fields; w < t->ektm.weights; w++)
        randomise(&r, &t->value.memory.weight[w], t->ektm.weight[w].rows, 0.6);
    randomise(&r, &t->value.base_weight, config.tasks, 0.6);
    randomise(&r, &t->value.base_bias, config.tasks, 0.6);
}

static void free_training(struct training *t)
{
    free_side(&t->value, &t->ektm);
    free_side(&t->grad, &t->ektm);
    ektm_free(&t->ektm);
}

/* ---- forward --------------------------------------------------------------------------------- */

static void dense(struct tensor x, size_t in, struct tensor w, struct tensor b, size_t out,
                  struct tensor y, enum activation activation)
{
    const struct call call = {.dims.extent = {[BATCH] = BATCH_ROWS, [IN] = in, [OUT] = out},
                              .options.activation = activation,
                              .tensor = {x, w, b, y}};
    dense_op.reference(&call);
}

static struct call gated_of(const struct training *t, const struct ektm_layer *l,
                            const struct call *enhanced)
{
    struct call call = *enhanced;
    call.tensor[GATED_G] = from(&t->value.gate, 0, (l->task - 1) * t->ektm.config.rep);
    call.tensor[GATED_Z] = enhanced->tensor[ENHANCED_Z];
    return call;
}

static void forward_layer(const struct training *t, size_t layer)
{
    const struct ektm_layer *l = &t->ektm.layer[layer];
    const size_t hidden = t->ektm.config.hidden, rep = t->ektm.config.rep;
    struct call call = ektm_call(&t->ektm, &t->value.memory, layer, BATCH_ROWS);
    if (l->op == &enhanced_op) {
        call = gated_of(t, l, &call);
        gated_op.reference(&call);
    } else if (l->op == &head_op) {
        const struct tensor *h = call.tensor, units = from(&t->value.hidden, 0, l->task * hidden);
        dense(h[HEAD_X], rep, h[HEAD_U], h[HEAD_UBIAS], hidden, units, ACTIVATION_RELU);
        struct tensor w = h[HEAD_W];
        w.ld = hidden;
        dense(units, hidden, w, h[HEAD_V], 1, from(&t->value.logit, 0, l->task), ACTIVATION_NONE);
    } else
        l->op->reference(&call);
}

static void forward(const struct training *t)
{
    const size_t rep = t->ektm.config.rep;
    for (size_t l = 0; l < t->ektm.layers; l++)
        forward_layer(t, l);
    for (size_t i = 0; i < t->ektm.config.tasks; i++)
        dense(from(&t->value.memory.buffer[BUFFER_TOWERS], 0, (i + 1) * rep), rep,
              from(&t->value.base_weight, i, 0), from(&t->value.base_bias, i, 0), 1,
              from(&t->value.base, 0, i), ACTIVATION_NONE);
}

static double logistic(double x) { return 1 / (1 + exp(-x)); }

static double cross_entropy(double y, double p) { return -(y * log(p) + (1 - y) * log(1 - p)); }

/* The total loss, where q counts as the logistic function of `constant` wherever the gradient is
 * stopped. */
static double loss_of(const struct training *t, const struct tensor *constant)
{
    const size_t towers = t->ektm.config.tasks + 1;
    double loss = 0;
    for (size_t b = 0; b < BATCH_ROWS; b++) {
        const int32_t *label = &t->label[b * towers];
        loss += t->scale[0] * cross_entropy(label[0], logistic(real_at(&t->value.logit, b, 0)));
        for (size_t i = 1; i < towers; i++) {
            const double y = label[i], p = logistic(real_at(&t->value.logit, b, i));
            const double q = logistic(real_at(&t->value.base, b, i - 1));
            const double stopped = logistic(real_at(constant, b, i - 1));
            const double weight =
                1 + (double)t->options.hard * pow(fabs(y - stopped), (double)t->options.power);
            const double t4 = y * fmax(stopped - p, 0) + (1 - y) * fmax(p - stopped, 0);
            if (label[0] == 1 && label[i] >= 0)
                loss += t->scale[i] * (weight * cross_entropy(y, p) + cross_entropy(y, q) +
                                       (double)t->options.help * t4);
        }
    }
    return loss;
}

/* ---- backward -------------------------------------------------------------------------------- */

/* Of a dense layer: its weights, and where there is a dx its inputs. */
static void dense_back(struct tensor x, struct tensor dx, size_t in, bool relu, struct tensor w,
                       struct tensor dw, struct tensor db, struct tensor dy, size_t out)
{
    struct call call = {
        .dims.extent = {[BATCH] = BATCH_ROWS, [IN] = in, [OUT] = out},
        .options = {.add = true},
        .tensor = {
            [WEIGHTGRAD_X] = x, [WEIGHTGRAD_DY] = dy, [WEIGHTGRAD_DW] = dw, [WEIGHTGRAD_DB] = db}};
    weightgrad_op.reference(&call);
    if (!dx.data)
        return;
    call = (struct call){
        .dims = call.dims,
        .options = {.add = true, .activation = relu ? ACTIVATION_RELU : ACTIVATION_NONE},
        .tensor = {[INPUTGRAD_DY] = dy, [INPUTGRAD_W] = w, [INPUTGRAD_X] = x, [INPUTGRAD_DX] = dx}};
    inputgrad_op.reference(&call);
}

static const struct tensor none;

static void head_back(const struct training *t, const struct ektm_layer *l, const struct call *v,
                      const struct call *g)
{
    const size_t hidden = t->ektm.config.hidden, rep = t->ektm.config.rep;
    const struct tensor units = from(&t->value.hidden, 0, l->task * hidden);
    const struct tensor dunits = from(&t->grad.hidden, 0, l->task * hidden);
    struct tensor w = v->tensor[HEAD_W], dw = g->tensor[HEAD_W];
    w.ld = dw.ld = hidden;
    dense_back(units, dunits, hidden, true, w, dw, g->tensor[HEAD_V],
               from(&t->grad.logit, 0, l->task), 1);
    dense_back(v->tensor[HEAD_X], g->tensor[HEAD_X], rep, false, v->tensor[HEAD_U],
               g->tensor[HEAD_U], g->tensor[HEAD_UBIAS], dunits, hidden);
}

static void enhanced_back(const struct training *t, const struct ektm_layer *l,
                          const struct call *v, const struct call *g)
{
    const size_t rep = t->ektm.config.rep;
    const struct tensor ds = from(&t->grad.gate, 0, (l->task - 1) * rep);
    const struct call gate = {
        .dims = v->dims,
        .options = {.add = true},
        .tensor = {[GATEGRAD_DZ] = g->tensor[ENHANCED_Z],
                   [GATEGRAD_M] = v->tensor[ENHANCED_M],
                   [GATEGRAD_G] = from(&t->value.gate, 0, (l->task - 1) * rep),
                   [GATEGRAD_DS] = ds,
                   [GATEGRAD_DM] = g->tensor[ENHANCED_M],
                   [GATEGRAD_DF] = g->tensor[ENHANCED_F]}};
    gategrad_op.reference(&gate);
    dense_back(v->tensor[ENHANCED_F], g->tensor[ENHANCED_F], rep, false, v->tensor[ENHANCED_GF],
               g->tensor[ENHANCED_GF], g->tensor[ENHANCED_C], ds, rep);
    dense_back(v->tensor[ENHANCED_M], g->tensor[ENHANCED_M], rep, true, v->tensor[ENHANCED_GM],
               g->tensor[ENHANCED_GM], none, ds, rep);
}

static void router_back(const struct training *t, const struct call *v, const struct call *g)
{
    const bool task = v->options.similarity == SIMILARITY_TASK;
    struct call call = {.dims = v->dims,
                        .options = v->options,
                        .tensor = {[ROUTERGRAD_F0] = v->tensor[ROUTER_F0],
                                   [ROUTERGRAD_F] = v->tensor[ROUTER_F],
                                   [ROUTERGRAD_U] = v->tensor[ROUTER_U],
                                   [ROUTERGRAD_DY] = g->tensor[ROUTER_Y],
                                   [ROUTERGRAD_DF0] = g->tensor[ROUTER_F0],
                                   [ROUTERGRAD_DF] = g->tensor[ROUTER_F],
                                   [ROUTERGRAD_DS] = task ? t->grad.ds : none}};
    call.options.add = true;
    call.options.activation = ACTIVATION_RELU;
    routergrad_op.reference(&call);
    if (!task)
        return;
    call.tensor[SIMILARITYGRAD_U] = v->tensor[ROUTER_U];
    call.tensor[SIMILARITYGRAD_DS] = t->grad.ds;
    call.tensor[SIMILARITYGRAD_DU] = g->tensor[ROUTER_U];
    similaritygrad_op.reference(&call);
}

/* Adagrad changes the table; with sums of 0 before and a large epsilon that can be undone, which
 * leaves the gradient, in the gradients' own table. */
static void embedding_back(const struct training *t, const struct call *v, const struct call *g)
{
    enum { RATE = 1 << 10 };
    const size_t rows = v->dims.extent[ROWS], width = v->dims.extent[WIDTH];
    struct tensor s = zeros(rows, 1);
    struct touched touched;
    struct fault fault;
    cr_assert(touched_make(&touched, v->dims.extent[IDS], &fault), "%s", fault.text);
    touched_group(&touched, v);
    struct call call = {.dims = v->dims,
                        .options = {.pooling = v->options.pooling, .rate = RATE, .epsilon = RATE},
                        .tensor = {[ADAGRAD_DX] = g->tensor[EMBEDDING_X],
                                   [ADAGRAD_BAGS] = v->tensor[EMBEDDING_BAGS],
                                   [ADAGRAD_TABLE] = t->grad.memory.table,
                                   [ADAGRAD_S] = s}};
    touched_bind(&touched, &call);
    adagrad_op.reference(&call);
    for (size_t r = 0; r < rows; r++)
        for (size_t e = 0; e < width; e++) {
            const double root = sqrt(real_at(&s, r, 0)) + RATE;
            real_put(&t->grad.memory.table, r, e,
                     -real_at(&t->grad.memory.table, r, e) * root / RATE);
        }
    touched_free(&touched);
    free(s.data);
}

static void backward_layer(const struct training *t, size_t layer)
{
    const struct ektm_layer *l = &t->ektm.layer[layer];
    const struct call v = ektm_call(&t->ektm, &t->value.memory, layer, BATCH_ROWS);
    const struct call g = ektm_call(&t->ektm, &t->grad.memory, layer, BATCH_ROWS);
    if (l->op == &head_op)
        head_back(t, l, &v, &g);
    else if (l->op == &enhanced_op)
        enhanced_back(t, l, &v, &g);
    else if (l->op == &transmitter_op)
        dense_back(v.tensor[TRANSMITTER_F], g.tensor[TRANSMITTER_F], t->ektm.config.rep, false,
                   v.tensor[TRANSMITTER_A], g.tensor[TRANSMITTER_A], g.tensor[TRANSMITTER_BIAS],
                   g.tensor[TRANSMITTER_M], t->ektm.config.rep);
    else if (l->op == &router_op)
        router_back(t, &v, &g);
    else if (l->op == &embedding_op)
        embedding_back(t, &v, &g);
    else
        dense_back(v.tensor[DENSE_X], g.tensor[DENSE_X], v.dims.extent[IN],
                   l->binding[DENSE_X].index >= BUFFER_BOTTOM, v.tensor[DENSE_W], g.tensor[DENSE_W],
                   g.tensor[DENSE_B], g.tensor[DENSE_Y], v.dims.extent[OUT]);
}

/* Returns the loss that the op says. */
static double backward(struct training *t)
{
    const size_t tasks = t->ektm.config.tasks, rep = t->ektm.config.rep;
    double loss[BATCH_ROWS], sum = 0;
    const struct tensor scale = {t->scale, 1, DTYPE_F64};
    const struct call call = {
        .dims.extent = {[BATCH] = BATCH_ROWS, [TASKS] = tasks, [HEADS] = tasks + 1},
        .options = t->options,
        .tensor = {[LOSS_LOGIT] = t->value.logit,
                   [LOSS_BASE] = t->value.base,
                   [LOSS_LABEL] = {t->label, tasks + 1, DTYPE_I32},
                   [LOSS_SCALE] = scale,
                   [LOSS_DLOGIT] = t->grad.logit,
                   [LOSS_DBASE] = t->grad.base,
                   [LOSS_LOSS] = {loss, 1, DTYPE_F64}}};
    loss_op.reference(&call);
    for (size_t b = 0; b < BATCH_ROWS; b++)
        sum += loss[b];
    for (size_t i = 0; i < tasks; i++)
        dense_back(from(&t->value.memory.buffer[BUFFER_TOWERS], 0, (i + 1) * rep),
                   from(&t->grad.memory.buffer[BUFFER_TOWERS], 0, (i + 1) * rep), rep, false,
                   from(&t->value.base_weight, i, 0), from(&t->grad.base_weight, i, 0),
                   from(&t->grad.base_bias, i, 0), from(&t->grad.base, 0, i), 1);
    for (size_t l = t->ektm.layers; l-- > 0;)
        backward_layer(t, l);
    return sum;
}

/* ---- against differences --------------------------------------------------------------------- */

/* The loss with `*weight` moved. */
static double moved(const struct training *t, const struct tensor *constant, double *weight,
                    double by)
{
    const double old = *weight;
    *weight = old + by;
    forward(t);
    *weight = old;
    return loss_of(t, constant);
}

/* Of fourth order: what is left out is some 1e-13 of the fifth derivative. */
static double difference(const struct training *t, const struct tensor *constant, double *weight)
{
    const double h = 1e-3;
    const double near = moved(t, constant, weight, h) - moved(t, constant, weight, -h);
    const double far = moved(t, constant, weight, 2 * h) - moved(t, constant, weight, -2 * h);
    return (8 * near - far) / (12 * h);
}

/* Derivatives below a millionth of the loss drown in what is rounded of it. */
static void compare(const struct training *t, const struct tensor *constant, const char *name,
                    const struct tensor *value, const struct tensor *grad, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const double expected = difference(t, constant, (double *)value->data + i);
        const double found = ((double *)grad->data)[i];
        cr_expect(fabs(found - expected) <= 1e-6 * fmax(fabs(found), 1e-6),
                  "%s[%zu]: the gradient is %.12g, the difference %.12g", name, i, found, expected);
    }
}

static void compare_all(struct training *t)
{
    const struct ektm_config *c = &t->ektm.config;
    forward(t);
    const double loss = backward(t);
    struct tensor constant = zeros(BATCH_ROWS, c->tasks);
    for (size_t i = 0; i < BATCH_ROWS * c->tasks; i++)
        ((double *)constant.data)[i] = ((double *)t->value.base.data)[i];
    cr_expect_float_eq(loss_of(t, &constant), loss, 1e-12, "the loss");
    for (size_t w = 0; w < t->ektm.weights; w++) {
        const size_t rows = w < c->fields ? 4 : t->ektm.weight[w].rows; /* one that nobody names */
        compare(t, &constant, t->ektm.weight[w].name, &t->value.memory.weight[w],
                &t->grad.memory.weight[w], rows * t->value.memory.weight[w].ld);
    }
    compare(t, &constant, "base.weight", &t->value.base_weight, &t->grad.base_weight,
            c->tasks * c->rep);
    compare(t, &constant, "base.bias", &t->value.base_bias, &t->grad.base_bias, c->tasks);
    free(constant.data);
}

/* Seeds with which no ReLU turns between the numbers that a difference compares. */
Test(gradients, of_every_parameter_of_tiny_are_those_of_differences)
{
    struct training t;
    make_training(&t, SIMILARITY_SAMPLE, POOLING_SUM, 7);
    compare_all(&t);
    free_training(&t);
}

Test(gradients, in_mode_task_and_with_mean_pooling_too)
{
    struct training t;
    make_training(&t, SIMILARITY_TASK, POOLING_MEAN, 12);
    compare_all(&t);
    free_training(&t);
}

/* ---- what is stopped --------------------------------------------------------------------------
 */

enum { ROUTED_TASKS = 3, ROUTED_WIDTH = 4, ROUTED = ROUTED_TASKS * ROUTED_WIDTH };

/* A row of the router's inputs, f_0 first. */
typedef double routed[ROUTED_WIDTH + ROUTED];

static double cosine(const double *a, const double *b)
{
    double ab = 0, aa = 0, bb = 0;
    for (size_t e = 0; e < ROUTED_WIDTH; e++) {
        ab += a[e] * b[e];
        aa += a[e] * a[e];
        bb += b[e] * b[e];
    }
    return ab / sqrt(aa * bb);
}

static const double *tower(const double *row, size_t task)
{
    return row + (task + 1) * ROUTED_WIDTH;
}

/* dF F, summed up, where what is stopped is taken from `constant`. */
static double routed_sum(const double *row, const double *constant, const double *dy,
                         const struct options *o)
{
    const double *first = o->stop_towers ? constant : row;
    double sum = 0;
    for (size_t i = 0; i < ROUTED_TASKS; i++) {
        double share[ROUTED_TASKS], total = 0;
        const double *other[ROUTED_TASKS];
        for (size_t j = 0; j < ROUTED_TASKS; j++) {
            other[j] = tower(o->stop_towers && j != i ? constant : row, j);
            share[j] = exp((o->stop_shares ? cosine(tower(constant, i), tower(constant, j))
                                           : cosine(tower(row, i), other[j])) /
                           (double)o->tau);
            total += share[j];
        }
        for (size_t e = 0; e < ROUTED_WIDTH; e++) {
            double average = first[e];
            for (size_t j = 0; j < ROUTED_TASKS; j++)
                average += share[j] / total * other[j][e];
            sum += dy[i * ROUTED_WIDTH + e] * average / (ROUTED_TASKS + 1);
        }
    }
    return sum;
}

static void route_back(double *row, double *dy, double *grad, const struct options *o)
{
    const struct tensor t[] = {{row, ROUTED_WIDTH, DTYPE_F64},
                               {row + ROUTED_WIDTH, ROUTED, DTYPE_F64},
                               {NULL},
                               {dy, ROUTED, DTYPE_F64},
                               {grad, ROUTED_WIDTH, DTYPE_F64},
                               {grad + ROUTED_WIDTH, ROUTED, DTYPE_F64}};
    struct call call = {
        .dims.extent = {[BATCH] = 1, [TASKS] = ROUTED_TASKS, [WIDTH] = ROUTED_WIDTH},
        .options = *o};
    for (size_t i = 0; i < sizeof t / sizeof *t; i++)
        call.tensor[i] = t[i];
    routergrad_op.reference(&call);
}

Test(gradients, through_towers_and_shares_can_be_stopped)
{
    const double h = 1e-5;
    for (unsigned stops = 0; stops < 4; stops++) {
        const struct options o = {.tau = 0.5f, .stop_towers = stops & 1, .stop_shares = stops & 2};
        struct random r = random_stream(3, stops);
        routed row, constant, grad;
        double dy[ROUTED];
        for (size_t i = 0; i < ROUTED_WIDTH + ROUTED; i++)
            constant[i] = row[i] = random_between(&r, -1, 1);
        for (size_t i = 0; i < ROUTED; i++)
            dy[i] = random_between(&r, -1, 1);
        route_back(row, dy, grad, &o);
        for (size_t i = 0; i < ROUTED_WIDTH + ROUTED; i++) {
            row[i] = constant[i] + h;
            double difference = routed_sum(row, constant, dy, &o);
            row[i] = constant[i] - h;
            difference = (difference - routed_sum(row, constant, dy, &o)) / (2 * h);
            row[i] = constant[i];
            cr_expect_float_eq(grad[i], difference, 1e-9, "stops %u, number %zu", stops, i);
        }
    }
}

/* A zero vector is like no other, however it moves. */
Test(gradients, of_zero_vectors_go_through_the_averages_alone)
{
    struct options o = {.tau = 0.5f};
    routed row = {1, 2, 3, 4}, grad, averages;
    double dy[ROUTED];
    for (size_t e = 0; e < ROUTED_WIDTH; e++)
        row[ROUTED_WIDTH + ROUTED_WIDTH + e] = (double)e;
    for (size_t i = 0; i < ROUTED; i++)
        dy[i] = (double)i;
    route_back(row, dy, grad, &o);
    o.stop_shares = true;
    route_back(row, dy, averages, &o);
    for (size_t i = 0; i < ROUTED_WIDTH + ROUTED; i++)
        cr_expect_float_eq(grad[i], averages[i], 0, "number %zu", i);
}

/* ---- rows that a batch names ------------------------------------------------------------------
 */

Test(touched, rows_ascend_and_so_do_the_bags_of_a_row)
{
    int32_t ids[] = {9, 1, 0, 1, 1, 1}, bags[] = {1, 2, 3, 5, 6}, first[] = {0, 2};
    const struct call embedding = {.dims.extent = {[BATCH] = 2, [FIELDS] = 2, [ROWS] = 1 << 20},
                                   .tensor = {[EMBEDDING_IDS] = {ids, 1, DTYPE_I32},
                                              [EMBEDDING_BAGS] = {bags, 2, DTYPE_I32},
                                              [EMBEDDING_FIRST] = {first, 1, DTYPE_I32}}};
    struct touched touched;
    struct fault fault;
    cr_assert(touched_make(&touched, 6, &fault), "%s", fault.text);
    touched_group(&touched, &embedding);
    cr_assert_eq(touched.rows, 3);
    cr_assert_eq(touched.ids, 5);
    cr_expect_arr_eq(touched.row, ((int32_t[]){1, 2, 3}), 3 * sizeof(int32_t));
    cr_expect_arr_eq(touched.begin, ((int32_t[]){0, 3, 4, 5}), 4 * sizeof(int32_t));
    cr_expect_arr_eq(touched.bag, ((int32_t[]){0, 2, 2, 1, 3}), 5 * sizeof(int32_t));
    touched_free(&touched);
}
