#include "harness/model/compose.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* Multiply-adds of one row in a layer whose kernel asks for rows ahead. A fusion asks as its layers
 * do. */
static double row_products(const struct composed *composed, size_t layer)
{
    const struct ektm_layer *l = &composed->model->ektm.layer[layer];
    struct call call = {.dims = l->dims, .options = l->options};
    call.dims.extent[BATCH] = 1;
    return composed->kernel[layer]->asks_ahead ? l->op->flops(&call) / 2 : 0;
}

/* The kernel of a layer, or of a fusion that the backend has one for, with its weights. */
static bool add_entry(struct composed *composed, size_t entry, const struct backend *backend,
                      enum isa isa)
{
    const struct ektm *ektm = &composed->model->ektm;
    const struct op *op = ektm->layer[entry].op;
    bool layer = entry < ektm->layers;
    const struct kernel *kernel = layer ? choose(op, backend, isa) : find(op, backend->name, isa);
    composed->kernel[entry] = kernel;
    if (!kernel)
        return true;
    composed->cut_changes_bits |= kernel->cut_changes_bits;
    if (kernel->backend != backend)
        note_borrowed(composed, entry);
    if (layer)
        composed->row_products += row_products(composed, entry);
    return prepare_layer(composed, entry);
}

bool compose(struct composed *composed, const struct model *model, const struct backend *backend,
             enum isa isa, struct fault *fault)
{
    size_t entries = ektm_entries(&model->ektm);
    char reason[128];
    *composed = (struct composed){.model = model};
    if (!backend->usable(reason, sizeof reason) || !isa_usable(isa, reason, sizeof reason))
        return fault_machine(fault, "backend %s cannot run here: %s", backend->name, reason);
    composed->kernel = calloc(entries, sizeof *composed->kernel);
    composed->prepared = calloc(entries, sizeof *composed->prepared);
    bool fine = composed->kernel && composed->prepared;
    for (size_t l = 0; l < entries && fine; l++)
        fine = add_entry(composed, l, backend, isa);
    if (fine)
        return true;
    composed_free(composed);
    return fault_memory(fault, "the packed weights");
}

void composed_free(struct composed *composed)
{
    bool both = composed->kernel && composed->prepared;
    for (size_t l = 0; both && l < ektm_entries(&composed->model->ektm); l++) {
        struct call call = {.prepared = composed->prepared[l]};
        if (composed->kernel[l])
            kernel_release(composed->kernel[l], &call);
    }
    free(composed->kernel);
    free(composed->prepared);
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
