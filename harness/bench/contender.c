#include "harness/bench/contender.h"

#include "harness/bench/choice.h"
#include "harness/model/tuning.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct backend peers_backend = {
    .name = "peers", .about = "the fastest peer at each layer", .peer = true};

bool contender_is_reference(const struct contender *c)
{
    return strcmp(c->backend->name, "reference") == 0;
}

bool contender_is_ours(const struct contender *c)
{
    return !c->backend->peer && !contender_is_reference(c) &&
           strcmp(c->backend->name, "compiler") != 0;
}

/* Whether the kernel is a layer's, so that its backend and ISA can compose a model. */
static bool composes(const struct run *run, const struct kernel *kernel)
{
    char reason[128];
    return !kernel->op->probe && kernel->dtype == DTYPE_F32 &&
           arguments_admit(run->arguments, kernel) && kernel_usable(kernel, reason, sizeof reason);
}

static struct contender *find(struct models *models, const struct backend *backend, enum isa isa)
{
    for (size_t i = 0; i < models->count; i++)
        if (models->contender[i].backend == backend && models->contender[i].isa == isa)
            return &models->contender[i];
    return NULL;
}

/* Copies of the weights that passes go round. The scalar reference reads the model's own. */
static size_t copies_of(const struct models *models, const struct run *run,
                        const struct contender *c)
{
    bool rotates = run->plan.cache == CACHE_ROTATE && !contender_is_reference(c);
    return rotates ? run->plan.rotation / schedule_weight_bytes(&models->subject->model) + 1 : 1;
}

static void contender_free(struct contender *c)
{
    for (size_t k = 0; k < c->copies && c->forward; k++)
        forward_free(&c->forward[k]);
    for (size_t k = 0; k < c->copies && !c->borrows; k++)
        composed_free(&c->composed[k]);
    free(c->forward);
    if (!c->borrows)
        free(c->composed);
    c->forward = NULL;
    c->composed = NULL;
}

/* A contender with the backend's kernels, or with `kernel[l]` at layer l. */
static bool add(struct models *models, const struct run *run, const struct backend *backend,
                enum isa isa, const struct kernel *const *kernel, struct fault *fault)
{
    const struct model *model = &models->subject->model;
    struct contender *c = &models->contender[models->count];
    *c = (struct contender){.backend = backend, .isa = isa};
    size_t copies = copies_of(models, run, c);
    c->composed = calloc(copies, sizeof *c->composed);
    c->forward = calloc(copies, sizeof *c->forward);
    if (!c->composed || !c->forward) {
        contender_free(c);
        return fault_memory(fault, "the models");
    }
    uint64_t begin = clock_now();
    for (; c->copies < copies; c->copies++) {
        struct composed *composed = &c->composed[c->copies];
        if (!(kernel ? compose(composed, model, kernel, isa, fault)
                     : compose_backend(composed, model, backend, isa, fault))) {
            contender_free(c);
            return false;
        }
        if (c->copies == 0)
            c->prepare_ns = (double)(clock_now() - begin);
    }
    models->count++;
    return true;
}

struct contender *models_vary(struct models *models, const struct contender *of,
                              const struct schedule *schedule, struct fault *fault)
{
    struct contender *c = &models->contender[models->count];
    if (models->count == MODELS_MAX) {
        fault_memory(fault, "more models");
        return NULL;
    }
    *c = *of;
    c->schedule = *schedule;
    c->borrows = true;
    c->speed = 0;
    c->forward = calloc(c->copies, sizeof *c->forward);
    if (!c->forward) {
        fault_memory(fault, "the models");
        return NULL;
    }
    models->count++;
    return c;
}

/* How the last contender goes, and one more of ours layer by layer where it goes depth first. */
static bool choose_schedule(struct models *models, const struct run *run, struct fault *fault)
{
    struct contender *c = &models->contender[models->count - 1];
    const struct model *model = &models->subject->model;
    bool tuned = false, ours = contender_is_ours(c);
    c->schedule = ours ? schedule_of(model, &run->topology) : schedule_layers;
    if (ours && !tuning_find(run->arguments->tuning, &run->topology, &model->ektm.config,
                             c->backend->name, &c->schedule, &tuned, fault))
        return false;
    c->schedule_from = tuned ? "tuned" : "built-in";
    if (run->arguments->tile != TILE_UNSET && !contender_is_reference(c)) {
        c->schedule.tile = run->arguments->tile;
        c->schedule_from = "given";
    }
    if (!ours || !c->schedule.tile || models->count == MODELS_MAX)
        return true;
    struct schedule layers = c->schedule;
    layers.tile = 0;
    struct contender *twin = models_vary(models, c, &layers, fault);
    if (twin)
        twin->by_layers = true;
    return twin != NULL;
}

/* model_<dtype>_<backend>_<isa>, and whether it goes layer by layer for comparison. */
static void name_of(const struct contender *c, char *name, size_t size)
{
    snprintf(name, size, "model_%s_%s_%s%s", dtype_name(DTYPE_F32), c->backend->name,
             isa_name(c->isa), c->by_layers ? BY_LAYERS_SUFFIX : "");
}

static bool named(const struct contender *c, const char *name)
{
    char own[64];
    name_of(c, own, sizeof own);
    return strcmp(own, name) == 0;
}

/* Takes over how fast contenders were in an earlier part of the run. */
static void recall_speeds(struct models *models, const struct run *run)
{
    for (size_t i = 0; i < json_array_size(run->journal.records); i++) {
        const json_t *r = json_array_get(run->journal.records, i);
        if (record_kind(r) != KIND_MODEL || json_object_get(r, "speedup") ||
            strcmp(record_get_text(r, "preset"), models->subject->preset->name) != 0 ||
            strcmp(record_get_text(r, "verdict"), "invalid") == 0)
            continue;
        for (size_t c = 0; c < models->count; c++)
            if (named(&models->contender[c], record_get_text(r, "name")))
                models->contender[c].speed = record_get_number(r, "rows_per_s");
    }
}

bool models_make(struct models *models, struct run *run, struct subject *subject,
                 struct fault *fault)
{
    *models = (struct models){.subject = subject};
    for (const struct kernel *const *k = kernels; *k; k++)
        if (composes(run, *k) && !find(models, (*k)->backend, kernel_isa(*k)) &&
            models->count < MODELS_MAX &&
            (!add(models, run, (*k)->backend, kernel_isa(*k), NULL, fault) ||
             !choose_schedule(models, run, fault))) {
            models_free(models);
            return false;
        }
    recall_speeds(models, run);
    return true;
}

bool models_add_peers(struct models *models, const struct run *run, size_t rows,
                      struct fault *fault)
{
    const struct ektm *ektm = &models->subject->model.ektm;
    struct found found = {run->journal.records, models->subject->preset->name, rows};
    const struct kernel **kernel = calloc(ektm->layers, sizeof *kernel);
    if (!kernel)
        return fault_memory(fault, "the choice of kernels");
    bool fine = models->count == MODELS_MAX || !choice_of_peers(&found, ektm, kernel) ||
                (add(models, run, &peers_backend, isa_widest(), kernel, fault) &&
                 choose_schedule(models, run, fault));
    free(kernel);
    return fine;
}

struct contender *models_ours(struct models *models)
{
    struct contender *best = NULL;
    for (size_t i = 0; i < models->count; i++) {
        struct contender *c = &models->contender[i];
        if (contender_is_ours(c) && !c->borrows && (!best || c->isa > best->isa))
            best = c;
    }
    return best;
}

void models_drop_last(struct models *models)
{
    contender_free(&models->contender[--models->count]);
}

void models_free(struct models *models)
{
    while (models->count)
        models_drop_last(models);
    competitor_free(&models->reference_time);
}

void contender_run(void *argument)
{
    struct contender *c = argument;
    team_run(c->team, forward_run, &c->forward[c->next]);
    c->next = c->next + 1 < c->copies ? c->next + 1 : 0;
    c->row = c->row + 2 * c->rows <= c->rows_all ? c->row + c->rows : 0;
    forward_turn(&c->forward[c->next], c->row);
}

bool contender_bind(const struct models *models, const struct run *run, struct contender *c,
                    size_t rows, struct fault *fault)
{
    c->rows = rows;
    c->row = 0;
    c->rows_all = models->subject->activations.rows_max;
    c->next = 0;
    c->team = run->team;
    bool fine = true;
    for (size_t k = 0; k < c->copies && fine; k++)
        fine = forward_bind(&c->forward[k], &c->composed[k], &models->subject->activations,
                            &c->schedule, rows, team_members(run->team), run->team, fault);
    return fine;
}

void contender_describe(json_t *record, const struct contender *c)
{
    char name[64];
    name_of(c, name, sizeof name);
    record_text(record, "name", name);
    record_text(record, "op", "model");
    record_text(record, "dtype", dtype_name(DTYPE_F32));
    record_text(record, "backend", c->backend->name);
    record_text(record, "isa", isa_name(c->isa));
}

bool contender_drop(const struct models *models, struct run *run, struct contender *c,
                    const char *reason, struct fault *fault)
{
    json_t *record = record_new(KIND_SKIP, run->journal.run);
    contender_describe(record, c);
    record_text(record, "preset", models->subject->preset->name);
    record_dims(record, &(struct dims){.extent = {[BATCH] = c->rows}});
    record_count(record, "threads", team_members(run->team));
    record_number(record, "error", c->error);
    record_text(record, "verdict", "invalid");
    record_text(record, "reason", reason);
    c->invalid = true;
    run->invalid++;
    return journal_add(&run->journal, record, fault);
}

bool contender_check(const struct models *models, struct run *run, struct contender *c,
                     struct fault *fault)
{
    char reason[128];
    size_t known = c->rows < models->subject->rows ? c->rows : models->subject->rows;
    subject_forget(models->subject);
    contender_run(c);
    c->error = subject_error(models->subject, known);
    if (c->error <= 1)
        return true;
    snprintf(reason, sizeof reason, "a prediction is wrong by %.3g times what is allowed",
             c->error);
    return contender_drop(models, run, c, reason, fault);
}
