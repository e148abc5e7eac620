/* The models that EKTM is compared with. EKTM.md, "Baselines". */
#include "reference/network_kinds.h"
#include "reference/network_parts.h"
#include "reference/operands.h"

#include <stdio.h>
#include <string.h>

extern const struct op match_op;

/* Experts of MMoE; of PLE: those that all tasks share, beside one of each task's own. */
enum { MMOE_EXPERTS = 4, PLE_SHARED = 2 };

bool network_build_shared_bottom(struct network *n)
{
    if (!network_take_ektm(n, "tower"))
        return false;
    for (size_t t = 0; t <= n->config.tasks; t++)
        network_add_head(n, t, at(BUFFER_TOWERS, t * n->config.rep));
    return true;
}

/* Each task has bottom layers of its own, above what `x` says that it reads. */
static void add_own_stacks(struct network *n, const size_t *x)
{
    for (size_t t = 0; t <= n->config.tasks; t++) {
        char name[64];
        snprintf(name, sizeof name, "bottom.%zu", t);
        network_add_tower(n, t, network_add_stack(n, name, x[t], NULL));
        network_add_head(n, t, at(BUFFER_TOWERS, t * n->config.rep));
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
    network_add_dense(n, name, ACTIVATION_NONE, c->dense, c->width, at(BUFFER_DENSE, 0),
                      at(x, c->fields * c->width));
}

/* One model for each task, nothing shared: tables, projection, bottom, tower, head. */
bool network_build_single_task(struct network *n)
{
    const struct ektm_config *c = &n->config;
    size_t x[TASKS_MAX + 1] = {BUFFER_X};
    if (!network_take_ektm(n, "embedding"))
        return false;
    n->layers = 1;
    n->weights = c->fields;
    for (size_t t = 1; t <= c->tasks; t++)
        for (size_t f = 0; f < c->fields; f++)
            network_add_weight(n, c->rows[f], c->width, "embedding.%zu.%zu.weight", t, f);
    n->sets = c->tasks + 1;
    for (size_t t = 0; t <= c->tasks; t++) {
        x[t] = t ? network_add_buffer(n, n->width[BUFFER_X]) : BUFFER_X;
        repeat_inputs(n, t, x[t]);
    }
    memmove(n->layer, n->layer + 1, --n->layers * sizeof *n->layer);
    add_own_stacks(n, x);
    return true;
}

/* Embedding and projection, shared by all tasks. */
static bool take_inputs(struct network *n)
{
    return network_take_ektm(n, n->config.dense ? "projection" : "embedding");
}

bool network_build_esmm(struct network *n)
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
    const size_t logits = network_add_buffer(n, gates);
    network_add_dense(n, name, ACTIVATION_NONE, ins, gates, at(from, column), at(logits, 0));
    return at(logits, 0);
}

/* Ma et al., 10.1145/3219819.3220007: f_k = sum over n of softmax(W_k x)_n Expert_n(x). */
bool network_build_mmoe(struct network *n)
{
    const struct ektm_config *c = &n->config;
    const size_t width = c->bottom[c->bottoms - 1];
    if (!take_inputs(n))
        return false;
    const size_t experts = network_add_buffer(n, MMOE_EXPERTS * width);
    for (size_t e = 0; e < MMOE_EXPERTS; e++) {
        char name[64];
        const struct ektm_binding to = at(experts, e * width);
        snprintf(name, sizeof name, "expert.%zu", e);
        network_add_stack(n, name, BUFFER_X, &to);
    }
    for (size_t t = 0; t <= c->tasks; t++) {
        char name[64];
        const size_t mixed = network_add_buffer(n, width), own = MMOE_EXPERTS - 1;
        snprintf(name, sizeof name, "gate.%zu", t);
        const struct ektm_binding logits =
            add_gate(n, name, BUFFER_X, 0, n->width[BUFFER_X], MMOE_EXPERTS);
        network_add_mixture(n, width, logits, at(experts, 0), own, at(experts, own * width), 1,
                            at(mixed, 0));
        network_add_tower(n, t, mixed);
        network_add_head(n, t, at(BUFFER_TOWERS, t * c->rep));
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
    const size_t experts = network_add_buffer(n, (own + PLE_SHARED) * width);
    for (size_t e = 0; e < own + PLE_SHARED; e++) {
        char name[64];
        const size_t in = level->in[e < own ? e : own];
        snprintf(name, sizeof name, "expert.%zu.%zu", l, e);
        network_add_dense(n, name, ACTIVATION_RELU, n->width[in], width, at(in, 0),
                          at(experts, e * width));
    }
    return experts;
}

/* Tang et al., 10.1145/3383313.3412236: in each level a task's gate mixes its own experts and the
 * shared ones; the shared gate, which the last level has no use for, mixes all of them. */
bool network_build_ple(struct network *n)
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
            level.out[t] = network_add_buffer(n, width);
            const struct ektm_binding logits =
                add_gate(n, name, in, 0, n->width[in], owns + PLE_SHARED);
            network_add_mixture(n, width, logits, at(experts, shared ? 0 : t * width), owns,
                                at(experts, own * width), PLE_SHARED, at(level.out[t], 0));
        }
        memcpy(level.in, level.out, sizeof level.in);
    }
    for (size_t t = 0; t < own; t++) {
        network_add_tower(n, t, level.in[t]);
        network_add_head(n, t, at(BUFFER_TOWERS, t * c->rep));
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
        network_add_dense(n, name, ACTIVATION_NONE, d, d, at(from, 0), at(to[i], 0));
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
    const size_t d = n->config.rep, pair = network_add_buffer(n, 2 * d),
                 z = network_add_buffer(n, d);
    const size_t projected[] = {network_add_buffer(n, 2 * d), network_add_buffer(n, 2 * d),
                                network_add_buffer(n, 2 * d)};
    const size_t logits = network_add_buffer(n, 2);
    char name[64];
    snprintf(name, sizeof name, "info.%zu", task);
    network_add_dense(n, name, ACTIVATION_RELU, d, d, previous, at(pair, 0));
    snprintf(name, sizeof name, "tower.%zu", task);
    char bottom[64];
    snprintf(bottom, sizeof bottom, "bottom.%zu", task);
    const size_t from = network_add_stack(n, bottom, BUFFER_X, NULL);
    network_add_dense(n, name, ACTIVATION_RELU, n->width[from], d, at(from, 0), at(pair, d));
    add_projections(n, task, pair, projected);
    struct ektm_layer *match = network_add_layer(n, &match_op, "match");
    match->dims.extent[WIDTH] = d;
    match->dims.extent[VECTORS] = 2;
    match->binding[MATCH_K] = at(projected[0], 0);
    match->binding[MATCH_Q] = at(projected[1], 0);
    match->binding[MATCH_S] = at(logits, 0);
    network_add_mixture(n, d, at(logits, 0), at(projected[2], 0), 1, at(projected[2], d), 1,
                        at(z, 0));
    return z;
}

bool network_build_aitm(struct network *n)
{
    const struct ektm_config *c = &n->config;
    if (!take_inputs(n))
        return false;
    network_add_tower(n, 0, network_add_stack(n, "bottom.0", BUFFER_X, NULL));
    struct ektm_binding z = at(BUFFER_TOWERS, 0);
    network_add_head(n, 0, z);
    for (size_t t = 1; t <= c->tasks; t++) {
        z = at(add_transfer(n, t, z), 0);
        network_add_head(n, t, z);
    }
    return true;
}
