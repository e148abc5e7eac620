#include "harness/bench/training.h"

#include "harness/machine/memory.h"
#include "harness/random.h"
#include "reference/operands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- which there are ---------------------------------------------------------------------------
 */

struct parts {
    struct ektm_layer *part;
    size_t count;
};

static struct ektm_layer *add(struct parts *parts, const struct ektm_layer *layer, const char *what,
                              const char *op)
{
    struct ektm_layer *part = &parts->part[parts->count++];
    *part = (struct ektm_layer){.op = op_find(op), .dims = layer->dims, .options = layer->options};
    part->options.activation = ACTIVATION_NONE;
    snprintf(part->name, sizeof part->name, "%.24s%s", layer->name, what);
    return part;
}

/* Both gradients of a product of so many outputs. */
static void add_product(struct parts *parts, const struct ektm_layer *layer, size_t in, size_t out,
                        bool inputs, bool relu)
{
    for (int weights = !inputs; weights < 2; weights++) {
        struct ektm_layer *part =
            add(parts, layer, weights ? ".dW" : ".dx", weights ? "weightgrad" : "inputgrad");
        part->dims = (struct dims){.extent = {[IN] = in, [OUT] = out}};
        part->options.activation = relu && !weights ? ACTIVATION_RELU : ACTIVATION_NONE;
    }
}

static void add_layer(struct parts *parts, const struct ektm_layer *layer)
{
    const size_t *n = layer->dims.extent;
    const char *op = layer->op->name;
    if (strcmp(op, "embedding") == 0)
        add(parts, layer, ".dE", "adagrad");
    if (strcmp(op, "dense") == 0)
        add_product(parts, layer, n[IN], n[OUT], layer->binding[DENSE_X].index != BUFFER_DENSE,
                    layer->binding[DENSE_X].index >= BUFFER_BOTTOM);
    if (strcmp(op, "router") == 0)
        add(parts, layer, ".df", "routergrad");
    if (strcmp(op, "transmitter") == 0)
        add_product(parts, layer, n[WIDTH], n[WIDTH], true, false);
    if (strcmp(op, "enhanced") == 0) {
        add(parts, layer, ".g", "gated");
        add(parts, layer, ".ds", "gategrad");
    }
    if (strcmp(op, "head") == 0)
        add_product(parts, layer, n[WIDTH], n[HIDDEN], true, false);
}

/* All weights but the tables'. */
static size_t dense_weights(const struct ektm *ektm)
{
    size_t count = 0;
    for (size_t w = ektm->config.fields; w < ektm->weights; w++)
        count += ektm->weight[w].rows * (ektm->weight[w].columns ? ektm->weight[w].columns : 1);
    return count;
}

size_t training_parts(const struct ektm *ektm, struct ektm_layer part[TRAINING_MAX])
{
    const struct ektm_layer all = {.name = ""};
    struct parts parts = {part, 0};
    for (size_t l = 0; l < ektm->layers; l++)
        if (!ektm_repeats(ektm, l))
            add_layer(&parts, &ektm->layer[l]);
    struct ektm_layer *loss = add(&parts, &all, "loss", "loss");
    loss->dims.extent[TASKS] = ektm->config.tasks;
    loss->dims.extent[HEADS] = ektm->config.tasks + 1;
    add(&parts, &all, "adam", "adam")->dims.extent[IN] = dense_weights(ektm);
    for (size_t p = 0; p < parts.count; p++) {
        struct options *o = &part[p].options;
        o->hard = o->power = 1;
        o->help = 0.1f;
        o->rate = 1e-3f;
        o->epsilon = 1e-8f;
        o->beta1 = 0.9f;
        o->beta2 = 0.999f;
        o->step = 1;
    }
    return parts.count;
}

/* ---- one of them -------------------------------------------------------------------------------
 */

/* A trial of its sizes but for the longest sums, on few rows. */
static struct trial trial_of(const struct training *training)
{
    enum { ROWS_TRIED = 16, TOUCHED_TRIED = 64, WEIGHTS_TRIED = 10007 };
    struct trial trial = {.op = training->part.op,
                          .dims = training->part.dims,
                          .options = training->part.options,
                          .bag_max = 3,
                          .seed = 2};
    size_t *extent = trial.dims.extent;
    extent[BATCH] = ROWS_TRIED;
    if (strcmp(trial.op->name, "adam") == 0)
        extent[IN] = WEIGHTS_TRIED;
    if (strcmp(trial.op->name, "adagrad") == 0) {
        extent[TOUCHED] = TOUCHED_TRIED;
        extent[ROWS] = 2 * TOUCHED_TRIED;
    }
    return trial;
}

/* Between 1/4 and 3/4: a number of any kind, a square, a gate. */
static void fill(const struct operand *operand, const struct tensor *t, size_t count)
{
    struct random r = random_stream(1, 0);
    for (size_t i = 0; i < count; i++)
        if (operand->index)
            ((int32_t *)t->data)[i] = (int32_t)random_below(&r, 2);
        else
            ((float *)t->data)[i] = (float)random_between(&r, 0.25, 0.75);
}

/* What is not an operand of its own: the ids' rows, which touched_bind sets, the bags and the
 * table, which are the model's. */
static bool is_given(const struct op *op, size_t i)
{
    return strcmp(op->name, "adagrad") == 0 && i != ADAGRAD_DX && i != ADAGRAD_S;
}

static bool lay_out(struct training *training, struct fault *fault)
{
    const struct op *op = training->part.op;
    struct call *call = &training->call;
    for (size_t i = 0; i < op->operands; i++) {
        const struct operand *operand = &op->operand[i];
        struct tensor *t = &call->tensor[i];
        const bool task = operand->axes[0] == TASKS || operand->axes[1] == TASKS;
        const bool sample = call->options.similarity == SIMILARITY_SAMPLE;
        if (is_given(op, i) ||
            (operand->optional && strcmp(op->name, "routergrad") == 0 && task && sample))
            continue;
        *t = (struct tensor){.ld = operand_row(operand, &call->dims),
                             .dtype = operand_dtype(operand, DTYPE_F32)};
        training->bytes[i] = span_bytes(operand, &call->dims, t);
        t->data = training->memory[i] = memory_alloc(training->bytes[i], PAGES_THP);
        if (!t->data)
            return fault_memory(fault, "the operands of a training step");
        fill(operand, t, training->bytes[i] / dtype_bytes(t->dtype));
    }
    return true;
}

/* The model's table, which stays as it is: what is learnt of it is times 0. */
static bool group(struct training *training, size_t rows, struct fault *fault)
{
    const struct call embedding = subject_call(training->subject, 0, rows, DTYPE_F32);
    struct call *call = &training->call;
    call->options.rate = 0;
    call->tensor[ADAGRAD_TABLE] = embedding.tensor[EMBEDDING_TABLE];
    if (embedding.options.pooling == POOLING_MEAN)
        call->tensor[ADAGRAD_BAGS] = embedding.tensor[EMBEDDING_BAGS];
    return touched_make(&training->touched, embedding.dims.extent[IDS], fault);
}

bool training_make(struct training *training, const struct subject *subject, size_t index,
                   size_t rows, struct fault *fault)
{
    struct ektm_layer part[TRAINING_MAX];
    *training = (struct training){.subject = subject};
    training_parts(&subject->model.ektm, part);
    training->part = part[index];
    training->call = (struct call){.dims = part[index].dims, .options = part[index].options};
    training->call.dims.extent[BATCH] = rows;
    const struct trial trial = trial_of(training);
    bool fine = bed_make(&training->bed, &trial, DTYPE_F32, fault);
    fine = fine && lay_out(training, fault);
    if (strcmp(training->part.op->name, "adagrad") == 0)
        fine = fine && group(training, rows, fault);
    if (!fine)
        training_free(training);
    return fine;
}

void training_free(struct training *training)
{
    for (size_t i = 0; i < OPERANDS_MAX; i++)
        memory_free(training->memory[i], training->bytes[i]);
    touched_free(&training->touched);
    bed_free(&training->bed);
    *training = (struct training){0};
}

struct call training_call(struct training *training, size_t rows)
{
    if (training->touched.key[0] && training->rows != rows) {
        const struct call embedding = subject_call(training->subject, 0, rows, DTYPE_F32);
        touched_group(&training->touched, &embedding);
        touched_bind(&training->touched, &training->call);
    }
    training->rows = training->call.dims.extent[BATCH] = rows;
    return training->call;
}
