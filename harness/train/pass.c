#include "harness/train/pass.h"

#include "harness/measure/clock.h"
#include "harness/model/compose.h"
#include "reference/operands.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

extern const struct op loss_op, adam_op, adagrad_op, embedding_op, dense_op;

/* ---- memory ---------------------------------------------------------------------------------- */

enum { LINE = 16 };

static size_t whole_lines(size_t numbers) { return (numbers + LINE - 1) / LINE * LINE; }

/* Whether the buffer is the pass's own, not the batch's. */
static bool computed(size_t buffer) { return buffer >= BUFFER_X; }

/* Values and gradients of what is computed. */
static bool make_buffers(struct pass *p, size_t rows_max, struct fault *fault)
{
    const struct network *n = p->network;
    size_t numbers = 0;
    for (size_t b = 0; b < n->buffers; b++)
        if (computed(b))
            numbers += 2 * whole_lines(rows_max * n->width[b]);
    p->block_bytes = numbers * sizeof(float);
    p->buffer = calloc(2 * n->buffers + 1, sizeof *p->buffer);
    p->block = p->buffer ? memory_alloc(p->block_bytes, PAGES_THP) : NULL;
    if (!p->block)
        return fault_memory(fault, "the activations of a batch");
    float *at = p->block;
    for (size_t b = 0; b < 2 * n->buffers; b++) {
        const size_t of = b % n->buffers;
        if (!computed(of))
            continue;
        p->buffer[b] = (struct tensor){at, n->width[of], DTYPE_F32};
        at += whole_lines(rows_max * n->width[of]);
    }
    return true;
}

/* Whether a ReLU of the forward pass made the input of a dense layer. */
static bool rectified(const struct network *n, const struct ektm_layer *layer)
{
    for (size_t l = 0; l < n->layers && layer->op == &dense_op; l++) {
        const struct ektm_layer *maker = &n->layer[l];
        if (maker->op == &dense_op && maker->options.activation == ACTIVATION_RELU &&
            maker->binding[DENSE_Y].index == layer->binding[DENSE_X].index)
            return true;
    }
    return false;
}

static bool make_steps(struct pass *p, const struct backend *backend, enum isa isa,
                       struct fault *fault)
{
    const struct network *n = p->network;
    p->forward = n->layers;
    p->steps = n->layers + n->gradients;
    p->step = calloc(p->steps, sizeof *p->step);
    if (!p->step)
        return fault_memory(fault, "the layers of a pass");
    for (size_t s = 0; s < p->steps; s++) {
        const struct ektm_layer *layer = s < n->layers ? &n->layer[s] : &n->gradient[s - n->layers];
        p->step[s].layer = layer;
        p->step[s].kernel = kernel_for(layer->op, backend, isa);
        p->step[s].rectified = rectified(n, layer);
    }
    p->adam = kernel_for(&adam_op, backend, isa);
    p->adagrad = kernel_for(&adagrad_op, backend, isa);
    return true;
}

bool pass_make(struct pass *p, struct parameters *parameters, const struct backend *backend,
               enum isa isa, size_t rows_max, struct team *team, struct fault *fault)
{
    const struct network *n = parameters->network;
    *p = (struct pass){.network = n, .parameters = parameters, .team = team, .fresh = true};
    if (batch_make(&p->batch, &n->config, rows_max, fault) && make_buffers(p, rows_max, fault) &&
        make_steps(p, backend, isa, fault) &&
        losses_make(&p->losses, n, kernel_for(&loss_op, backend, isa), rows_max, fault))
        return true;
    pass_free(p);
    return false;
}

void pass_free(struct pass *p)
{
    for (size_t s = 0; p->step && s < p->steps; s++)
        kernel_release(p->step[s].kernel, &p->step[s].call);
    losses_free(&p->losses);
    touched_free(&p->touched);
    batch_free(&p->batch);
    memory_free(p->block, p->block_bytes);
    free(p->buffer);
    free(p->step);
    free(p->ns);
    *p = (struct pass){.network = NULL};
}

/* ---- batch ----------------------------------------------------------------------------------- */

/* Where the operands of this batch lie. */
static void bind(struct pass *p)
{
    const struct ektm_memory *memory = &p->batch.activations.memory;
    const struct ektm_places places = {p->parameters->weight, p->buffer, p->parameters->table,
                                       p->parameters->first, memory->ids};
    memcpy(p->buffer, memory->buffer, BUFFER_X * sizeof *p->buffer);
    for (size_t s = 0; s < p->steps; s++) {
        const void *prepared = p->step[s].call.prepared;
        p->step[s].call = ektm_layer_call(p->step[s].layer, &places, p->rows);
        p->step[s].call.prepared = prepared;
    }
}

bool pass_gather(struct pass *p, const struct dataset *data, const uint32_t *row, size_t count,
                 struct fault *fault)
{
    if (!dataset_gather(data, row, count, &p->batch.activations, fault))
        return false;
    p->rows = count;
    losses_label(&p->losses, p->batch.activations.label, count);
    bind(p);
    return true;
}

/* ---- work of the members --------------------------------------------------------------------- */

/* What a team is told: how far to go. */
struct work {
    struct pass *pass;
    bool backward, update;
};

/* A pass without a team has one member, who waits for nobody. */
static void meet(const struct pass *p, size_t member)
{
    if (p->team)
        team_meet(p->team, member);
}

static double now(const struct pass *p, size_t member)
{
    return p->ns && member == 0 ? (double)clock_now() : 0;
}

/* Adds the time since `*begin` to what was spent in `what`. */
static void spent(const struct pass *p, size_t member, size_t what, double *begin)
{
    if (!p->ns || member)
        return;
    const double end = (double)clock_now();
    p->ns[what] += end - *begin;
    *begin = end;
}

/* With so many rows for each member, a kernel that can packs weights as they come, and leaves out
 * what is 0; where nothing is, all rows had better go past weights that are packed once. */
static bool packs_itself(const struct pass *p, const struct pass_step *step, size_t members)
{
    enum { ROWS_EACH = 256 };
    return step->kernel->fresh && step->rectified && p->rows >= ROWS_EACH * members;
}

/* Packs weights that have changed, each layer's by one of the members. */
static void pack(struct pass *p, size_t member, size_t members)
{
    if (!p->fresh)
        return;
    for (size_t s = member; s < p->steps; s += members) {
        kernel_release(p->step[s].kernel, &p->step[s].call);
        if (!packs_itself(p, &p->step[s], members) &&
            !kernel_prepare(p->step[s].kernel, &p->step[s].call))
            __atomic_store_n(&p->failed, true, __ATOMIC_RELAXED);
    }
    meet(p, member);
}

static void run_part(const struct kernel *kernel, const struct call *call, size_t member,
                     size_t members)
{
    const struct share share = share_of(call_parts(kernel->op, call), member, members);
    if (!share.count)
        return;
    const struct call part = call_part(kernel->op, call, share.first, share.count);
    kernel->run(&part);
}

static void walk(struct pass *p, size_t first, size_t last, size_t member, size_t members,
                 double *begin)
{
    for (size_t s = first; s < last; s++) {
        run_part(p->step[s].kernel, &p->step[s].call, member, members);
        meet(p, member);
        spent(p, member, s, begin);
    }
}

/* Gradients that are added to in parts begin as zeros. */
static void clear(struct pass *p, size_t member, size_t members)
{
    const struct network *n = p->network;
    const struct share share = share_of(p->rows, member, members);
    for (size_t b = 0; b < n->buffers; b++)
        if (n->clear[b] && computed(b))
            memset((float *)p->buffer[n->buffers + b].data + share.first * n->width[b], 0,
                   share.count * n->width[b] * sizeof(float));
}

static void update(struct pass *p, size_t member, size_t members)
{
    struct parameters *w = p->parameters;
    struct call call = {.dims.extent[IN] = w->numbers,
                        .options = {.rate = p->rates.dense,
                                    .beta1 = 0.9F,
                                    .beta2 = 0.999F,
                                    .epsilon = 1e-8F,
                                    .decay = p->rates.decay,
                                    .step = p->taken + 1}};
    call.tensor[ADAM_G] = (struct tensor){w->gradient, 1, DTYPE_F32};
    call.tensor[ADAM_W] = (struct tensor){w->dense, 1, DTYPE_F32};
    call.tensor[ADAM_M] = (struct tensor){w->m, 1, DTYPE_F32};
    call.tensor[ADAM_V] = (struct tensor){w->v, 1, DTYPE_F32};
    run_part(p->adam, &call, member, members);
}

/* The tables of one embedding: of those of a set of its own, the same rows are touched. */
static void update_tables(struct pass *p, const struct pass_step *embedding, size_t member,
                          size_t members)
{
    const struct network *n = p->network;
    const struct parameters *w = p->parameters;
    const struct ektm_layer *layer = embedding->layer;
    const size_t set = layer->binding[EMBEDDING_TABLE].index;
    struct call call = {.dims = embedding->call.dims, .options = layer->options};
    call.options.rate = p->rates.tables;
    call.options.epsilon = 1e-8F;
    call.tensor[ADAGRAD_DX] = p->buffer[n->buffers + layer->binding[EMBEDDING_X].index];
    call.tensor[ADAGRAD_BAGS] = embedding->call.tensor[EMBEDDING_BAGS];
    call.tensor[ADAGRAD_TABLE] = embedding->call.tensor[EMBEDDING_TABLE];
    call.tensor[ADAGRAD_S] = (struct tensor){w->s + set * layer->dims.extent[ROWS], 1, DTYPE_F32};
    touched_bind(&p->touched, &call);
    run_part(p->adagrad, &call, member, members);
}

static void run(void *argument, size_t member, size_t members)
{
    const struct work *work = argument;
    struct pass *p = work->pass;
    const struct share rows = share_of(p->rows, member, members);
    double begin = now(p, member);
    pack(p, member, members);
    if (__atomic_load_n(&p->failed, __ATOMIC_RELAXED))
        return;
    walk(p, 0, p->forward, member, members, &begin);
    if (!work->backward)
        return;
    losses_rows(&p->losses, p->buffer, rows.first, rows.count);
    clear(p, member, members);
    meet(p, member);
    spent(p, member, p->steps, &begin);
    walk(p, p->forward, p->steps, member, members, &begin);
    if (!work->update)
        return;
    update(p, member, members);
    for (size_t s = 0; s < p->forward; s++)
        if (p->step[s].layer->op == &embedding_op)
            update_tables(p, &p->step[s], member, members);
    meet(p, member);
    spent(p, member, p->steps + 1, &begin);
}

static bool go(struct pass *p, bool backward, bool update_too, struct fault *fault)
{
    struct work work = {p, backward, update_too};
    if (p->team)
        team_run(p->team, run, &work);
    else
        run(&work, 0, 1);
    p->fresh = update_too;
    if (backward)
        losses_add(&p->losses, p->rows);
    return !p->failed || fault_memory(fault, "the packed weights");
}

bool pass_forward(struct pass *p, struct fault *fault) { return go(p, false, false, fault); }

bool pass_backward(struct pass *p, struct fault *fault) { return go(p, true, false, fault); }

/* The rows that the batch names; those of every set of tables are alike. */
static bool group(struct pass *p, struct fault *fault)
{
    size_t s = 0;
    while (p->step[s].layer->op != &embedding_op)
        s++;
    const size_t ids = p->batch.activations.ids_max;
    if (ids > p->touched.ids_most || !p->touched.row) {
        touched_free(&p->touched);
        if (!touched_make(&p->touched, ids, fault))
            return false;
    }
    touched_group(&p->touched, &p->step[s].call);
    return true;
}

bool pass_step(struct pass *p, struct fault *fault)
{
    if (!group(p, fault) || !go(p, true, true, fault))
        return false;
    p->taken++;
    return true;
}

/* ---- predictions ----------------------------------------------------------------------------- */

static double logistic(double x) { return 1 / (1 + exp(-x)); }

/* A network that learned the probability of both, click and conversion, tells that of the second
 * given the first by dividing. */
void pass_predictions(const struct pass *p, float *to)
{
    const struct network *n = p->network;
    const struct tensor *logit = &p->buffer[n->logits];
    const bool joint = n->kind->objective == OBJECTIVE_JOINT;
    const size_t labels = n->config.tasks + 1;
    for (size_t b = 0; b < p->rows; b++) {
        const double click = logistic(real_at(logit, b, 0));
        to[b * labels] = (float)click;
        for (size_t t = 1; t < labels; t++) {
            const double q = logistic(real_at(logit, b, t));
            to[b * labels + t] = (float)(joint ? fmin(q / click, 1) : q);
        }
    }
}
