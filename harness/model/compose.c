#include "harness/model/compose.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The backend's kernel that uses most of what this CPU has beyond the level, or NULL. */
static const struct kernel *find(const struct op *op, enum dtype dtype, const char *backend,
                                 enum isa isa)
{
    const struct kernel *best = NULL;
    char reason[128];
    for (const struct kernel *const *k = kernels; *k; k++)
        if ((*k)->op == op && (*k)->dtype == dtype && kernel_isa(*k) == isa &&
            strcmp((*k)->backend->name, backend) == 0 &&
            (!best || (*k)->features > best->features) &&
            (!(*k)->features || kernel_usable(*k, reason, sizeof reason)))
            best = *k;
    return best;
}

static const struct kernel *borrow(const struct op *op, enum dtype dtype, enum isa isa)
{
    const struct kernel *baseline = find(op, dtype, "compiler", isa);
    baseline = baseline ? baseline : find(op, DTYPE_F32, "compiler", isa);
    return baseline ? baseline : find(op, DTYPE_F32, "reference", ISA_SCALAR);
}

const struct kernel *kernel_for(const struct op *op, const struct backend *backend, enum isa isa)
{
    const struct kernel *own = find(op, DTYPE_F32, backend->name, isa);
    return own ? own : borrow(op, DTYPE_F32, isa);
}

/* Adds the layer and its kernel to `text`, once for all tasks that have the same one. */
static void note(const struct composed *composed, size_t layer, char *text, size_t size)
{
    size_t used = strlen(text);
    if (!ektm_repeats(&composed->model->ektm, layer) ||
        composed->kernel[layer] != composed->kernel[layer - 1])
        snprintf(text + used, size - used, "%s%s: %s", used ? ", " : "",
                 composed->model->ektm.layer[layer].name, composed->kernel[layer]->name);
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

/* Gives the layer that kernel; a borrowed one in place of NULL. */
static bool take(struct composed *composed, size_t layer, const struct kernel *kernel, enum isa isa,
                 const struct formats *formats, struct fault *fault)
{
    const struct ektm_layer *l = &composed->model->ektm.layer[layer];
    const struct kernel *taken = kernel ? kernel : borrow(l->op, formats_of(formats, l), isa);
    char reason[128];
    if (taken->op != l->op)
        return fault_caller(fault, "kernel %s cannot compute layer %s, which takes %s", taken->name,
                            l->name, l->op->name);
    if (dtype_narrow(taken->dtype) && !composed->model->narrowed[taken->dtype].block)
        return fault_caller(fault, "kernel %s: the model holds no weights in %s", taken->name,
                            dtype_name(taken->dtype));
    if (!kernel_usable(taken, reason, sizeof reason))
        return fault_machine(fault, "kernel %s cannot run here: %s", taken->name, reason);
    composed->kernel[layer] = taken;
    composed->cut_changes_bits |= taken->cut_changes_bits;
    composed->row_products += row_products(composed, layer);
    if (kernel)
        note(composed, layer, composed->chosen, sizeof composed->chosen);
    else
        note(composed, layer, composed->borrowed, sizeof composed->borrowed);
    return true;
}

/* What `prepare` made of the weights of a layer or fusion stays in composed->prepared. */
static bool prepare_entry(struct composed *composed, size_t entry, struct fault *fault)
{
    const struct model *model = composed->model;
    struct ektm_memory weights = {
        .weight = model->weight, .table = model->table, .first = model->first};
    for (enum ektm_buffer b = 0; b < BUFFERS; b++)
        weights.buffer[b].ld = model->ektm.buffer_width[b];
    struct call call = model_call(model, &weights, entry, 0, composed->kernel[entry]->dtype);
    if (!kernel_prepare(composed->kernel[entry], &call))
        return fault_memory(fault, "the packed weights");
    composed->prepared[entry] = (void *)(uintptr_t)call.prepared;
    return true;
}

/* The fusion's kernel, which is an f32 one, of the backend and ISA of all of `kernel` at its
 * layers. NULL: they are not f32 kernels of one backend and ISA, or it has none. */
static const struct kernel *fused(const struct ektm *ektm, const struct kernel *const *kernel,
                                  size_t fusion)
{
    const struct kernel *first = NULL;
    for (size_t l = 0; l < ektm->layers; l++) {
        if (ektm->layer[l].fusion != fusion)
            continue;
        if (!kernel[l] || kernel[l]->dtype != DTYPE_F32 ||
            (first &&
             (kernel[l]->backend != first->backend || kernel_isa(kernel[l]) != kernel_isa(first))))
            return NULL;
        first = kernel[l];
    }
    return first ? find(ektm->layer[fusion].op, DTYPE_F32, first->backend->name, kernel_isa(first))
                 : NULL;
}

static bool fuse(struct composed *composed, size_t fusion, const struct kernel *const *kernel,
                 struct fault *fault)
{
    const struct kernel *one = fused(&composed->model->ektm, kernel, fusion);
    composed->kernel[fusion] = one;
    if (!one)
        return true;
    composed->cut_changes_bits |= one->cut_changes_bits;
    return prepare_entry(composed, fusion, fault);
}

/* kernel[l] for each layer l; where that is NULL, one is borrowed in the layer's format. */
static bool build(struct composed *composed, const struct model *model,
                  const struct kernel *const *kernel, enum isa isa, const struct formats *formats,
                  struct fault *fault)
{
    size_t layers = model->ektm.layers, entries = ektm_entries(&model->ektm);
    *composed = (struct composed){.model = model};
    composed->kernel = calloc(entries, sizeof *composed->kernel);
    composed->prepared = calloc(entries, sizeof *composed->prepared);
    bool fine = composed->kernel && composed->prepared;
    if (!fine)
        fault_memory(fault, "a composed model");
    for (size_t l = 0; l < layers && fine; l++)
        fine =
            take(composed, l, kernel[l], isa, formats, fault) && prepare_entry(composed, l, fault);
    for (size_t f = layers; f < entries && fine; f++)
        fine = fuse(composed, f, kernel, fault);
    if (!fine)
        composed_free(composed);
    return fine;
}

bool compose(struct composed *composed, const struct model *model,
             const struct kernel *const *kernel, enum isa isa, struct fault *fault)
{
    return build(composed, model, kernel, isa, &(struct formats){.count = 0}, fault);
}

bool compose_backend(struct composed *composed, const struct model *model,
                     const struct backend *backend, enum isa isa, const struct formats *formats,
                     struct fault *fault)
{
    size_t layers = model->ektm.layers;
    char reason[128];
    *composed = (struct composed){0};
    if (!backend->usable(reason, sizeof reason) || !isa_usable(isa, reason, sizeof reason))
        return fault_machine(fault, "backend %s cannot run here: %s", backend->name, reason);
    const struct kernel **own = calloc(layers, sizeof *own);
    if (!own)
        return fault_memory(fault, "a composed model");
    for (size_t l = 0; l < layers; l++) {
        const struct ektm_layer *layer = &model->ektm.layer[l];
        own[l] = find(layer->op, formats_of(formats, layer), backend->name, isa);
    }
    bool fine = build(composed, model, own, isa, formats, fault);
    free(own);
    return fine;
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
