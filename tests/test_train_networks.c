/* Networks as tables: the gradients of each kind against central differences, and the predictions
 * of the baselines against their papers' formulas, written down here once more. All in double. */
#include "harness/random.h"
#include "reference/network.h"
#include "reference/operands.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_OF = 2, WIDEST = 128 };

extern const struct op embedding_op;

/* A network and all its numbers. What was embedded is made up: tables are not there. */
struct bench {
    struct network network;
    struct tensor *weight, *buffer; /* values; gradients */
    double *coefficient;            /* of the loss: by each logit and each base logit */
};

static struct ektm_config small(void)
{
    struct ektm_config c = ektm_preset_find("tiny")->config;
    c.bottoms = 2;
    c.bottom[0] = 10;
    c.bottom[1] = 7;
    return c;
}

static struct tensor numbers(struct random *r, size_t rows, size_t columns, double scale)
{
    double *data = calloc(rows * columns + 1, sizeof *data);
    cr_assert(data);
    for (size_t i = 0; i < rows * columns; i++)
        data[i] = random_between(r, -scale, scale);
    return (struct tensor){data, columns ? columns : 1, DTYPE_F64};
}

static void make(struct bench *b, const char *kind, const struct ektm_config *config)
{
    struct random r = random_stream(7, 0);
    struct network *n = &b->network;
    cr_assert(network_build(n, network_kind_find(kind), config));
    b->weight = calloc(2 * n->weights, sizeof *b->weight);
    b->buffer = calloc(2 * n->buffers, sizeof *b->buffer);
    for (size_t w = n->sets * n->config.fields; w < 2 * n->weights; w++) {
        const struct ektm_weight *weight = &n->weight[w % n->weights];
        const size_t columns = weight->columns ? weight->columns : 1;
        const bool table = w % n->weights < n->sets * n->config.fields;
        const double scale = w >= n->weights || n->constant[w % n->weights] ? 0 : 0.7;
        if (!table)
            b->weight[w] = numbers(&r, weight->rows, columns, scale);
    }
    for (size_t i = BUFFER_DENSE; i < 2 * n->buffers; i++)
        b->buffer[i] = numbers(&r, ROWS_OF, n->width[i % n->buffers], i < n->buffers ? 1 : 0);
    b->coefficient = numbers(&r, ROWS_OF, n->width[n->logits] + n->config.tasks, 1).data;
}

static void drop(struct bench *b)
{
    for (size_t w = 0; w < 2 * b->network.weights; w++)
        free(b->weight[w].data);
    for (size_t i = 0; i < 2 * b->network.buffers; i++)
        free(b->buffer[i].data);
    free(b->weight);
    free(b->buffer);
    free(b->coefficient);
    network_free(&b->network);
}

static void walk(const struct bench *b, const struct ektm_layer *layer, size_t layers)
{
    const struct ektm_places places = {.weight = b->weight, .buffer = b->buffer};
    for (size_t l = 0; l < layers; l++) {
        if (layer[l].op == &embedding_op)
            continue;
        const struct call call = ektm_layer_call(&layer[l], &places, ROWS_OF);
        layer[l].op->reference(&call);
    }
}

/* A loss that is linear in the logits, so that its derivatives are its coefficients. */
static double forward(const struct bench *b)
{
    const struct network *n = &b->network;
    const size_t heads = n->config.tasks + 1, all = heads + n->config.tasks;
    double loss = 0;
    walk(b, n->layer, n->layers);
    for (size_t r = 0; r < ROWS_OF; r++)
        for (size_t i = 0; i < (n->base ? all : heads); i++) {
            const struct tensor *t = &b->buffer[i < heads ? n->logits : n->base];
            loss += b->coefficient[r * all + i] * real_at(t, r, i < heads ? i : i - heads);
        }
    return loss;
}

static void backward(const struct bench *b)
{
    const struct network *n = &b->network;
    const size_t heads = n->config.tasks + 1, all = heads + n->config.tasks;
    for (size_t r = 0; r < ROWS_OF; r++)
        for (size_t i = 0; i < (n->base ? all : heads); i++) {
            const struct tensor *t = &b->buffer[n->buffers + (i < heads ? n->logits : n->base)];
            real_put(t, r, i < heads ? i : i - heads, b->coefficient[r * all + i]);
        }
    for (size_t i = BUFFER_X; i < n->buffers; i++) {
        double *gradient = b->buffer[n->buffers + i].data;
        for (size_t k = 0; k < ROWS_OF * n->width[i] && n->clear[i]; k++)
            gradient[k] = 0;
    }
    walk(b, n->gradient, n->gradients);
}

/* A derivative by one number, taken from both sides. */
static double difference(const struct bench *b, double *x)
{
    const double step = 1e-6, old = *x;
    *x = old + step;
    const double above = forward(b);
    *x = old - step;
    const double below = forward(b);
    *x = old;
    return (above - below) / (2 * step);
}

/* Every so many of `count` numbers: the derivative that the table computes is that of the loss. */
static void expect_gradient(const struct bench *b, const char *name, double *x, const double *dx,
                            size_t count, size_t stride)
{
    for (size_t i = 0; i < count; i += stride) {
        const double expected = difference(b, &x[i]);
        cr_assert_float_eq(dx[i], expected, 1e-7 * (1 + fabs(expected)), "%s: %s[%zu]: %g, not %g",
                           b->network.kind->name, name, i, dx[i], expected);
    }
}

static void expect_gradients(const char *kind, const struct ektm_config *config)
{
    struct bench b;
    make(&b, kind, config);
    const struct network *n = &b.network;
    forward(&b);
    backward(&b);
    for (size_t w = n->sets * n->config.fields; w < n->weights; w++)
        if (!n->constant[w])
            expect_gradient(&b, n->weight[w].name, b.weight[w].data, b.weight[n->weights + w].data,
                            n->weight[w].rows * b.weight[w].ld, n->weight[w].columns ? 7 : 3);
    for (size_t l = 0; l < n->layers; l++)
        if (n->layer[l].op == &embedding_op) {
            const size_t x = n->layer[l].binding[EMBEDDING_X].index;
            const size_t embedded = n->config.fields * n->config.width;
            expect_gradient(&b, "x", b.buffer[x].data, b.buffer[n->buffers + x].data, embedded, 3);
        }
    drop(&b);
}

Test(train_networks, gradients_of_every_kind_are_those_of_its_loss)
{
    const struct ektm_config config = small();
    for (const struct network_kind *k = network_kinds; k->name; k++)
        expect_gradients(k->name, &config);
}

Test(train_networks, gradients_with_task_vectors)
{
    struct ektm_config config = small();
    config.similarity = SIMILARITY_TASK;
    expect_gradients("ektm", &config);
}

/* ---- forward --------------------------------------------------------------------------------- */

/* y = W x + b of the weights NAME.weight and NAME.bias, behind a ReLU or not. */
static void product(const struct bench *b, const char *name, const double *x, double *y, bool relu)
{
    const struct network *n = &b->network;
    char text[64];
    size_t w = 0;
    snprintf(text, sizeof text, "%s.weight", name);
    while (w < n->weights && strcmp(n->weight[w].name, text) != 0)
        w++;
    cr_assert_lt(w, n->weights, "%s is missing", text);
    for (size_t o = 0; o < n->weight[w].rows; o++) {
        double sum = real_at(&b->weight[w + 1], o, 0);
        for (size_t i = 0; i < n->weight[w].columns; i++)
            sum += real_at(&b->weight[w], o, i) * x[i];
        y[o] = relu && sum < 0 ? 0 : sum;
    }
}

static void softmax(double *x, size_t count)
{
    double total = 0;
    for (size_t i = 0; i < count; i++)
        total += x[i] = exp(x[i]);
    for (size_t i = 0; i < count; i++)
        x[i] /= total;
}

/* What `product` is told of a name with a number in it. */
static void numbered(const struct bench *b, const char *format, size_t at, const double *x,
                     double *y, bool relu)
{
    char name[48];
    const char *mark = strchr(format, '#');
    snprintf(name, sizeof name, "%.*s%zu%s", (int)(mark - format), format, at, mark + 1);
    product(b, name, x, y, relu);
}

static void add_scaled(double *to, const double *from, double scale, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] += scale * from[i];
}

/* The head's logit of a task, held against the table's. */
static void expect_logit(const struct bench *b, size_t task, const double *representation)
{
    double hidden[WIDEST], logit;
    numbered(b, "head.#.0", task, representation, hidden, true);
    numbered(b, "head.#.1", task, hidden, &logit, false);
    cr_expect_float_eq(real_at(&b->buffer[b->network.logits], 0, task), logit, 1e-9, "%s: task %zu",
                       b->network.kind->name, task);
}

/* [x_1 .. x_F, x_D] of the first row, in which the table has put the projection. */
static const double *inputs(const struct bench *b) { return b->buffer[BUFFER_X].data; }

Test(train_networks, shared_bottom_is_one_bottom_and_a_tower_for_each_task)
{
    const struct ektm_config c = small();
    struct bench b;
    double one[WIDEST], two[WIDEST], tower[WIDEST];
    make(&b, "shared-bottom", &c);
    forward(&b);
    product(&b, "bottom.0", inputs(&b), one, true);
    product(&b, "bottom.1", one, two, true);
    for (size_t t = 0; t <= c.tasks; t++) {
        numbered(&b, "tower.#", t, two, tower, true);
        expect_logit(&b, t, tower);
    }
    drop(&b);
}

Test(train_networks, esmm_has_a_bottom_for_each_task)
{
    const struct ektm_config c = small();
    struct bench b;
    double one[WIDEST], two[WIDEST], tower[WIDEST];
    make(&b, "esmm", &c);
    forward(&b);
    for (size_t t = 0; t <= c.tasks; t++) {
        numbered(&b, "bottom.#.0", t, inputs(&b), one, true);
        numbered(&b, "bottom.#.1", t, one, two, true);
        numbered(&b, "tower.#", t, two, tower, true);
        expect_logit(&b, t, tower);
    }
    drop(&b);
}

/* f_k = sum over n of softmax(W_k x)_n Expert_n(x) */
Test(train_networks, mmoe_mixes_experts_by_the_gate_of_each_task)
{
    enum { EXPERTS = 4 };
    const struct ektm_config c = small();
    struct bench b;
    double one[WIDEST], expert[EXPERTS][WIDEST], gate[EXPERTS], tower[WIDEST];
    make(&b, "mmoe", &c);
    forward(&b);
    for (size_t e = 0; e < EXPERTS; e++) {
        numbered(&b, "expert.#.0", e, inputs(&b), one, true);
        numbered(&b, "expert.#.1", e, one, expert[e], true);
    }
    for (size_t t = 0; t <= c.tasks; t++) {
        double mixed[WIDEST] = {0};
        numbered(&b, "gate.#", t, inputs(&b), gate, false);
        softmax(gate, EXPERTS);
        for (size_t e = 0; e < EXPERTS; e++)
            add_scaled(mixed, expert[e], gate[e], c.bottom[1]);
        numbered(&b, "tower.#", t, mixed, tower, true);
        expect_logit(&b, t, tower);
    }
    drop(&b);
}

/* Two levels; the experts of a level are numbered: one of each task, then two shared ones. */
Test(train_networks, ple_separates_own_and_shared_experts)
{
    enum { TASKS_OF = 3, SHARED_OF = 2, ALL = TASKS_OF + SHARED_OF };
    const struct ektm_config c = small();
    struct bench b;
    double expert[ALL][WIDEST], gate[ALL], level[TASKS_OF + 1][WIDEST] = {{0}}, tower[WIDEST];
    make(&b, "ple", &c);
    forward(&b);
    for (size_t e = 0; e < ALL; e++)
        numbered(&b, "expert.0.#", e, inputs(&b), expert[e], true);
    for (size_t t = 0; t <= TASKS_OF; t++) {
        const bool shared = t == TASKS_OF;
        size_t parts = 0;
        numbered(&b, "gate.0.#", t, inputs(&b), gate, false);
        softmax(gate, shared ? ALL : 1 + SHARED_OF);
        for (size_t e = 0; e < ALL; e++)
            if (shared || e == t || e >= TASKS_OF)
                add_scaled(level[t], expert[e], gate[parts++], c.bottom[0]);
    }
    for (size_t e = 0; e < ALL; e++)
        numbered(&b, "expert.1.#", e, level[e < TASKS_OF ? e : TASKS_OF], expert[e], true);
    for (size_t t = 0; t < TASKS_OF; t++) {
        double mixed[WIDEST] = {0};
        numbered(&b, "gate.1.#", t, level[t], gate, false);
        softmax(gate, 1 + SHARED_OF);
        add_scaled(mixed, expert[t], gate[0], c.bottom[1]);
        for (size_t s = 0; s < SHARED_OF; s++)
            add_scaled(mixed, expert[TASKS_OF + s], gate[1 + s], c.bottom[1]);
        numbered(&b, "tower.#", t, mixed, tower, true);
        expect_logit(&b, t, tower);
    }
    drop(&b);
}

/* z = sum over u in {p, q} of softmax_u(<key u, query u> / sqrt(d)) value u */
Test(train_networks, aitm_attends_to_what_the_previous_task_hands_on)
{
    const struct ektm_config c = small();
    struct bench b;
    double one[WIDEST], two[WIDEST], z[WIDEST], u[2][WIDEST];
    make(&b, "aitm", &c);
    forward(&b);
    product(&b, "bottom.0.0", inputs(&b), one, true);
    product(&b, "bottom.0.1", one, two, true);
    product(&b, "tower.0", two, z, true);
    expect_logit(&b, 0, z);
    for (size_t t = 1; t <= c.tasks; t++) {
        double key[2][WIDEST], query[2][WIDEST], value[2][WIDEST], weight[2] = {0};
        numbered(&b, "info.#", t, z, u[0], true);
        numbered(&b, "bottom.#.0", t, inputs(&b), one, true);
        numbered(&b, "bottom.#.1", t, one, two, true);
        numbered(&b, "tower.#", t, two, u[1], true);
        for (size_t i = 0; i < 2; i++) {
            numbered(&b, "key.#", t, u[i], key[i], false);
            numbered(&b, "query.#", t, u[i], query[i], false);
            numbered(&b, "value.#", t, u[i], value[i], false);
            for (size_t e = 0; e < c.rep; e++)
                weight[i] += key[i][e] * query[i][e] / sqrt((double)c.rep);
        }
        softmax(weight, 2);
        memset(z, 0, sizeof z);
        add_scaled(z, value[0], weight[0], c.rep);
        add_scaled(z, value[1], weight[1], c.rep);
        expect_logit(&b, t, z);
    }
    drop(&b);
}

Test(train_networks, a_budget_of_parameters_is_met_by_every_baseline)
{
    struct ektm_config config = ektm_preset_find("aliccp")->config;
    struct network ektm;
    cr_assert(network_build(&ektm, &network_kinds[0], &config));
    const double budget = (double)network_dense_parameters(&ektm);
    network_free(&ektm);
    for (const struct network_kind *k = network_kinds; k->name; k++) {
        struct ektm_config c = config;
        struct network n;
        if (k->part_of_ektm)
            continue;
        cr_assert(network_fit(&c, k, (size_t)budget) && network_build(&n, k, &c));
        cr_expect_float_eq((double)network_dense_parameters(&n) / budget, 1, 0.05, "%s: %zu of %g",
                           k->name, network_dense_parameters(&n), budget);
        network_free(&n);
    }
}
