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

static const char *kind_of(const struct contender *c)
{
    return formats_kind(&c->formats, &c->composed->model->ektm);
}

bool contender_is_wide(const struct contender *c)
{
    return strcmp(kind_of(c), dtype_name(DTYPE_F32)) == 0;
}

bool contenders_alike(const struct contender *a, const struct contender *b)
{
    return strcmp(kind_of(a), kind_of(b)) == 0;
}

/* The scalar reference is timed in f32 alone. */
static bool is_narrow_reference(const struct kernel *kernel)
{
    return dtype_narrow(kernel->dtype) && strcmp(kernel->backend->name, "reference") == 0;
}

/* Whether the kernel is a layer's, so that its backend and ISA can compose a model. */
static bool composes(const struct run *run, const struct kernel *kernel)
{
    char reason[128];
    return !kernel->op->probe && !is_narrow_reference(kernel) &&
           arguments_admit(run->arguments, kernel) && kernel_usable(kernel, reason, sizeof reason);
}

static struct contender *find(struct models *models, const struct backend *backend, enum isa isa,
                              enum dtype dtype)
{
    for (size_t i = 0; i < models->count; i++) {
        struct contender *c = &models->contender[i];
        if (c->backend == backend && c->isa == isa && !c->formats.count &&
            c->formats.others == dtype)
            return c;
    }
    return NULL;
}

/* Copies of the weights that passes go round. The scalar reference reads the model's own. */
static size_t copies_of(const struct models *models, const struct run *run,
                        const struct contender *c)
{
    bool rotates = run->plan.cache == CACHE_ROTATE && !contender_is_reference(c);
    return rotates
               ? run->plan.rotation / schedule_weight_bytes(&models->subject->model, &c->formats) +
                     1
               : 1;
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
    if (c->quality)
        quality_free(c->quality);
    free(c->quality);
    c->quality = NULL;
    c->forward = NULL;
    c->composed = NULL;
}

/* A contender with the backend's kernels in those formats, or with `kernel[l]` at layer l. */
static bool add(struct models *models, const struct run *run, const struct backend *backend,
                enum isa isa, const struct formats *formats, const struct kernel *const *kernel,
                struct fault *fault)
{
    const struct model *model = &models->subject->model;
    struct contender *c = &models->contender[models->count];
    *c = (struct contender){.backend = backend, .isa = isa, .formats = *formats};
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
                     : compose_backend(composed, model, backend, isa, formats, fault))) {
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
    c->quality = NULL;
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
    const bool narrow = !contender_is_wide(c);
    c->schedule = ours ? schedule_of(model, &c->formats, &run->topology) : schedule_layers;
    if (ours && !narrow &&
        !tuning_find(run->arguments->tuning, &run->topology, &model->ektm.config, c->backend->name,
                     &c->schedule, &tuned, fault))
        return false;
    c->schedule_from = tuned ? "tuned" : "built-in";
    if (run->arguments->tile != TILE_UNSET && !contender_is_reference(c)) {
        c->schedule.tile = run->arguments->tile;
        c->schedule_from = "given";
    }
    if (!ours || narrow || !c->schedule.tile || models->count == MODELS_MAX)
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
    snprintf(name, size, "model_%s_%s_%s%s", kind_of(c), c->backend->name, isa_name(c->isa),
             c->by_layers ? BY_LAYERS_SUFFIX : "");
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

/* One more contender, walked as such a backend's are; nothing where there is no room. */
static bool enter(struct models *models, const struct run *run, const struct backend *backend,
                  enum isa isa, const struct formats *formats, struct fault *fault)
{
    return models->count == MODELS_MAX || (add(models, run, backend, isa, formats, NULL, fault) &&
                                           choose_schedule(models, run, fault));
}

struct contender *models_add(struct models *models, const struct run *run,
                             const struct contender *like, const struct formats *formats,
                             struct fault *fault)
{
    const size_t before = models->count;
    const struct backend *backend = like->backend;
    if (!enter(models, run, backend, like->isa, formats, fault))
        return NULL;
    if (models->count == before)
        fault_memory(fault, "more models");
    return models->count > before ? &models->contender[before] : NULL;
}

/* Ours for the widest instruction set, of the models all in that format or, DTYPES, in any; it
 * borrows no kernels where it is f32. NULL: there is none. */
static struct contender *widest(struct models *models, enum dtype dtype)
{
    struct contender *best = NULL;
    for (size_t i = 0; i < models->count; i++) {
        struct contender *c = &models->contender[i];
        const bool wide = contender_is_wide(c);
        if (contender_is_ours(c) && !(wide && c->borrows) &&
            (dtype == DTYPES || strcmp(kind_of(c), dtype_name(dtype)) == 0) &&
            (!best || c->isa > best->isa))
            best = c;
    }
    return best;
}

/* Ours for the widest instruction set, with the formats that --dtype gives to single layers. */
static bool enter_mixed(struct models *models, const struct run *run, struct fault *fault)
{
    const struct contender *ours = widest(models, DTYPES);
    const struct formats *formats = subject_formats(models->subject, run);
    return !ours || strcmp(formats_kind(formats, &models->subject->model.ektm), "mixed") != 0 ||
           enter(models, run, ours->backend, ours->isa, formats, fault);
}

bool models_make(struct models *models, struct run *run, struct subject *subject,
                 struct fault *fault)
{
    *models = (struct models){.subject = subject};
    bool fine = formats_check(&run->arguments->formats, &subject->model.ektm, "--dtype", fault);
    for (const struct kernel *const *k = kernels; *k && fine; k++)
        if (composes(run, *k) && !find(models, (*k)->backend, kernel_isa(*k), (*k)->dtype))
            fine = enter(models, run, (*k)->backend, kernel_isa(*k),
                         &(struct formats){.others = (*k)->dtype}, fault);
    fine = fine && enter_mixed(models, run, fault);
    if (!fine) {
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
                (add(models, run, &peers_backend, isa_widest(), &(struct formats){.count = 0},
                     kernel, fault) &&
                 choose_schedule(models, run, fault));
    free(kernel);
    return fine;
}

struct contender *models_ours(struct models *models) { return widest(models, DTYPE_F32); }

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
    char formats[FORMATS_TEXT];
    formats_describe(&c->formats, &c->composed->model->ektm, formats, sizeof formats);
    record_text(record, "dtype", kind_of(c));
    record_text(record, "formats", formats);
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
    c->error = subject_error(models->subject, known, &c->formats);
    if (c->error <= 1)
        return true;
    snprintf(reason, sizeof reason, "a prediction is wrong by %.3g times what is allowed",
             c->error);
    return contender_drop(models, run, c, reason, fault);
}

bool contender_judge(const struct models *models, struct run *run, struct contender *c,
                     struct fault *fault)
{
    enum { REQUEST_ROWS = 64 };
    const struct subject *subject = models->subject;
    const struct activations *activations = &subject->activations;
    const size_t tasks = subject->model.ektm.config.tasks, columns = tasks + 1;
    const float *predicted = activations->memory.buffer[BUFFER_P].data;
    c->quality = malloc(sizeof *c->quality);
    if (!c->quality)
        return fault_memory(fault, "the predictions to compare");
    quality_make(c->quality, tasks);
    bool fine = contender_bind(models, run, c, subject->rows, fault);
    if (fine)
        contender_run(c);
    for (size_t row = 0; row < subject->rows && fine; row += REQUEST_ROWS) {
        const size_t left = subject->rows - row, rows = left < REQUEST_ROWS ? left : REQUEST_ROWS;
        fine = quality_add(c->quality, subject->expected + row * columns, predicted + row * columns,
                           activations->label + row * columns, rows, fault);
    }
    return fine;
}
