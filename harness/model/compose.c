#include "harness/model/compose.h"

#include "harness/machine/team.h"
#include "reference/operands.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* ---- memory of a batch ----------------------------------------------------------------------- */

enum { LINE = 64 };

static size_t lines(size_t bytes) { return (bytes + LINE - 1) / LINE * LINE; }

/* BAGS and DENSE are in the block of inputs, the buffers behind them in that of what is computed.
 */
static size_t buffer_bytes(const struct model *model, enum ektm_buffer buffer, size_t rows)
{
    size_t width = model->ektm.buffer_width[buffer];
    return lines(buffer == BUFFER_BAGS ? (rows * width + 1) * sizeof(int32_t)
                                       : rows * width * sizeof(float));
}

bool activations_make(struct activations *activations, const struct model *model, size_t rows_max,
                      size_t ids_max, struct fault *fault)
{
    *activations = (struct activations){.rows_max = rows_max};
    for (enum ektm_buffer b = BUFFER_BAGS; b < BUFFERS; b++)
        *(b < BUFFER_X ? &activations->block_bytes : &activations->computed_bytes) +=
            buffer_bytes(model, b, rows_max);
    activations->block = memory_alloc(activations->block_bytes, PAGES_THP);
    activations->computed = memory_alloc(activations->computed_bytes, PAGES_THP);
    if (!activations->block || !activations->computed) {
        activations_free(activations);
        return fault_memory(fault, "the activations of a batch");
    }

    struct ektm_memory *memory = &activations->memory;
    char *at = activations->block;
    memory->buffer[BUFFER_IDS] = (struct tensor){NULL, 1, DTYPE_I32};
    for (enum ektm_buffer b = BUFFER_BAGS; b < BUFFERS; b++) {
        at = b == BUFFER_X ? activations->computed : at;
        memory->buffer[b] = (struct tensor){at, model->ektm.buffer_width[b],
                                            b == BUFFER_BAGS ? DTYPE_I32 : DTYPE_F32};
        at += buffer_bytes(model, b, rows_max);
    }
    memory->weight = model->weight;
    memory->table = model->table;
    memory->first = model->first;
    if (activations_reserve(activations, ids_max, fault))
        return true;
    activations_free(activations);
    return false;
}

bool activations_reserve(struct activations *activations, size_t ids, struct fault *fault)
{
    struct tensor *buffer = &activations->memory.buffer[BUFFER_IDS];
    size_t old = activations->ids_max, room = old + old / 2;
    if (buffer->data && ids <= old)
        return true;
    if (ids > INT32_MAX)
        return fault_caller(fault, "a batch of %zu ids is too large; at most %d are allowed", ids,
                            INT32_MAX);
    room = room < ids ? ids : room;
    room = room > INT32_MAX ? INT32_MAX : room;
    void *data = memory_alloc(room * sizeof(int32_t), PAGES_THP);
    if (!data)
        return fault_memory(fault, "the ids of a batch");
    if (buffer->data) {
        memcpy(data, buffer->data, old * sizeof(int32_t));
        memory_free(buffer->data, old * sizeof(int32_t));
    }
    buffer->data = data;
    activations->ids_max = room;
    return true;
}

void activations_free(struct activations *activations)
{
    memory_free(activations->memory.buffer[BUFFER_IDS].data,
                activations->ids_max * sizeof(int32_t));
    memory_free(activations->block, activations->block_bytes);
    memory_free(activations->computed, activations->computed_bytes);
    *activations = (struct activations){0};
}

void activations_refresh(const struct activations *activations)
{
    madvise(activations->computed, activations->computed_bytes, MADV_DONTNEED);
}

/* ---- a kernel for each layer ----------------------------------------------------------------- */

static const struct kernel *find(const struct op *op, const char *backend, enum isa isa)
{
    for (const struct kernel *const *k = kernels; *k; k++)
        if ((*k)->op == op && (*k)->dtype == DTYPE_F32 && kernel_isa(*k) == isa &&
            strcmp((*k)->backend->name, backend) == 0)
            return *k;
    return NULL;
}

static const struct kernel *choose(const struct op *op, const struct backend *backend, enum isa isa)
{
    const struct kernel *own = find(op, backend->name, isa);
    const struct kernel *baseline = own ? own : find(op, "compiler", isa);
    return baseline ? baseline : find(op, "reference", ISA_SCALAR);
}

/* Names a layer whose kernel is somebody else's, once for all tasks. */
static void note_borrowed(struct composed *composed, size_t layer)
{
    size_t used = strlen(composed->borrowed);
    if (!ektm_repeats(&composed->model->ektm, layer))
        snprintf(composed->borrowed + used, sizeof composed->borrowed - used, "%s%s: %s",
                 used ? ", " : "", composed->model->ektm.layer[layer].name,
                 composed->kernel[layer]->name);
}

/* What `prepare` made of the layer's weights stays in composed->prepared. */
static bool prepare_layer(struct composed *composed, size_t layer)
{
    const struct model *model = composed->model;
    struct ektm_memory weights = {
        .weight = model->weight, .table = model->table, .first = model->first};
    for (enum ektm_buffer b = 0; b < BUFFERS; b++)
        weights.buffer[b].ld = model->ektm.buffer_width[b];
    struct call call = ektm_call(&model->ektm, &weights, layer, 0);
    if (!kernel_prepare(composed->kernel[layer], &call))
        return false;
    composed->prepared[layer] = (void *)(uintptr_t)call.prepared;
    return true;
}

bool compose(struct composed *composed, const struct model *model, const struct backend *backend,
             enum isa isa, struct fault *fault)
{
    size_t layers = model->ektm.layers;
    char reason[128];
    *composed = (struct composed){.model = model};
    if (!backend->usable(reason, sizeof reason) || !isa_usable(isa, reason, sizeof reason))
        return fault_machine(fault, "backend %s cannot run here: %s", backend->name, reason);
    composed->kernel = calloc(layers, sizeof *composed->kernel);
    composed->prepared = calloc(layers, sizeof *composed->prepared);
    bool fine = composed->kernel && composed->prepared;
    for (size_t l = 0; l < layers && fine; l++) {
        composed->kernel[l] = choose(model->ektm.layer[l].op, backend, isa);
        composed->cut_changes_bits |= composed->kernel[l]->cut_changes_bits;
        if (composed->kernel[l]->backend != backend)
            note_borrowed(composed, l);
        fine = prepare_layer(composed, l);
    }
    if (fine)
        return true;
    composed_free(composed);
    return fault_memory(fault, "the packed weights");
}

void composed_free(struct composed *composed)
{
    bool both = composed->kernel && composed->prepared;
    for (size_t l = 0; both && l < composed->model->ektm.layers; l++) {
        struct call call = {.prepared = composed->prepared[l]};
        if (composed->kernel[l])
            kernel_release(composed->kernel[l], &call);
    }
    free(composed->kernel);
    free(composed->prepared);
    free(composed->call);
    *composed = (struct composed){0};
}

bool backend_best_isa(const struct backend *backend, enum isa *isa, char *reason, size_t size)
{
    bool found = false;
    snprintf(reason, size, "it has no f32 kernels in this build");
    if (!backend->usable(reason, size))
        return false;
    for (const struct kernel *const *k = kernels; *k; k++)
        if ((*k)->backend == backend && (*k)->dtype == DTYPE_F32 &&
            (!found || kernel_isa(*k) > *isa) && kernel_usable(*k, reason, size)) {
            *isa = kernel_isa(*k);
            found = true;
        }
    return found;
}

/* ---- the forward pass ------------------------------------------------------------------------ */

bool composed_bind(struct composed *composed, const struct activations *activations, size_t rows,
                   size_t members, struct fault *fault)
{
    const struct ektm *ektm = &composed->model->ektm;
    if (members > composed->members) {
        struct call *call = realloc(composed->call, members * ektm->layers * sizeof *call);
        if (!call)
            return fault_memory(fault, "the calls of a forward pass");
        composed->call = call;
    }
    composed->members = members;
    composed->bags = &activations->memory.buffer[BUFFER_BAGS];
    composed->rows = rows;
    for (size_t m = 0; m < members; m++) {
        struct share share = share_of(rows, m, members);
        for (size_t l = 0; l < ektm->layers; l++) {
            struct call whole = ektm_call(ektm, &activations->memory, l, rows);
            struct call *part = &composed->call[m * ektm->layers + l];
            *part = call_rows(ektm->layer[l].op, &whole, share.first, share.count);
            part->prepared = composed->prepared[l];
        }
    }
    return true;
}

void composed_turn(struct composed *composed, size_t row)
{
    const struct ektm *ektm = &composed->model->ektm;
    assert(ektm->layer[0].op == op_find("embedding"));
    for (size_t m = 0; m < composed->members; m++) {
        size_t first = row + share_of(composed->rows, m, composed->members).first;
        composed->call[m * ektm->layers].tensor[EMBEDDING_BAGS].data =
            (int32_t *)composed->bags->data + first * composed->bags->ld;
    }
}

void composed_forward(void *argument, size_t member, size_t members)
{
    (void)members;
    const struct composed *composed = argument;
    size_t layers = composed->model->ektm.layers;
    const struct call *call = composed->call + member * layers;
    for (size_t l = 0; l < layers; l++)
        composed->kernel[l]->run(&call[l]);
}
