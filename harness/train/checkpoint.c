#include "harness/train/checkpoint.h"

#include "harness/model/safetensors.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PARTS = 5 };

/* What a checkpoint holds, in this order. */
struct part {
    const char *name;
    float *data;
    size_t count;
};

static void parts_of(const struct pass *p, float *learned, const float *best,
                     struct part part[PARTS])
{
    const struct parameters *w = p->parameters;
    const size_t count = parameters_learned(w);
    part[0] = (struct part){"learned", learned, count};
    part[1] = (struct part){"best", (float *)(uintptr_t)best, count};
    part[2] = (struct part){"adagrad.s", w->s, w->rows};
    part[3] = (struct part){"adam.m", w->m, w->numbers};
    part[4] = (struct part){"adam.v", w->v, w->numbers};
}

/* FNV-1a over the bits: damage that leaves lengths alone is seen. */
static uint64_t sum_bits(uint64_t sum, const void *data, size_t count)
{
    const uint32_t *word = data;
    for (size_t i = 0; i < count; i++)
        sum = (sum ^ word[i]) * UINT64_C(0x100000001b3);
    return sum;
}

static uint64_t checksum(const struct part part[PARTS])
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < PARTS; i++)
        sum = sum_bits(sum, part[i].data, part[i].count);
    return sum;
}

/* The labels and ids of the rows, so that other rows are noticed. */
static uint64_t rows_sum(const struct dataset *d)
{
    uint64_t sum = sum_bits(d->rows, d->id, d->ids);
    return sum_bits(sum, d->label, d->rows * (d->tasks + 1) / sizeof(uint32_t));
}

void checkpoint_identity(const struct pass *p, const struct dataset *train,
                         const struct dataset *validation, const struct training *t, char *text,
                         size_t size)
{
    const struct ektm_config *c = &p->network->config;
    snprintf(
        text, size,
        "network %s, %zu fields of %zu, %zu dense, d %zu, %zu tasks, H %zu, %zu dense weights, "
        "batch %zu, rates %a %a decay %a, conversions %a, seed %" PRIu64
        ", patience %zu, rows %zu (%016" PRIx64 ") and %zu (%016" PRIx64 "), %s",
        p->network->kind->name, c->fields, c->width, c->dense, c->rep, c->tasks, c->hidden,
        network_dense_parameters(p->network), t->batch, (double)t->rates.dense,
        (double)t->rates.tables, (double)t->rates.decay, t->conversions, t->seed, t->patience,
        train->rows, rows_sum(train), validation->rows, rows_sum(validation),
        t->sequential ? "sequential" : "parallel");
}

static void describe(const struct pass *p, const struct progress *g, char *text, size_t size)
{
    snprintf(text, size, "%zu %zu %zu %zu %zu %a %a", g->epoch, g->step, g->worse, g->best_epoch,
             p->taken, g->best, g->loss);
}

bool checkpoint_write(const char *path, const struct pass *p, const float *best,
                      const struct progress *progress, const char *identity, struct fault *fault)
{
    struct part part[PARTS];
    struct safetensor_source source[PARTS];
    char state[256], sum[32];
    float *learned = malloc(parameters_learned(p->parameters) * sizeof *learned);
    if (!learned)
        return fault_memory(fault, "a checkpoint");
    parameters_take(p->parameters, learned);
    parts_of(p, learned, best, part);
    describe(p, progress, state, sizeof state);
    snprintf(sum, sizeof sum, "%016" PRIx64, checksum(part));
    const struct safetensor_text texts[] = {
        {"training", identity}, {"progress", state}, {"checksum", sum}};
    for (size_t i = 0; i < PARTS; i++)
        source[i] = (struct safetensor_source){.name = part[i].name,
                                               .format = SAFETENSOR_F32,
                                               .axes = 1,
                                               .shape = {part[i].count},
                                               .data = part[i].data};
    const bool written =
        safetensors_write(path, source, PARTS, texts, sizeof texts / sizeof *texts, fault);
    free(learned);
    return written;
}

/* ---- reading --------------------------------------------------------------------------------- */

static bool read_part(const struct safetensors *file, const struct part *part, struct fault *fault)
{
    const struct safetensor *t = safetensors_find(file, part->name);
    if (!t || t->format != SAFETENSOR_F32 || t->axes != 1 || t->shape[0] != part->count)
        return fault_caller(fault,
                            "%s: is no checkpoint of this training: F32 '%s' of %zu numbers "
                            "is needed",
                            file->path, part->name, part->count);
    return safetensors_read(file, t, part->data, fault);
}

static bool read_progress(const struct safetensors *file, struct pass *p, struct progress *g,
                          struct fault *fault)
{
    const char *text = safetensors_text(file, "progress");
    char again[256];
    if (!text || sscanf(text, "%zu %zu %zu %zu %zu %la %la", &g->epoch, &g->step, &g->worse,
                        &g->best_epoch, &p->taken, &g->best, &g->loss) != 7)
        return fault_caller(fault, "%s: __metadata__: progress is missing or damaged", file->path);
    describe(p, g, again, sizeof again);
    return strcmp(text, again) == 0
               ? true
               : fault_caller(fault, "%s: __metadata__: progress is damaged", file->path);
}

static bool read_all(const struct safetensors *file, struct pass *p, float *learned, float *best,
                     struct progress *progress, struct fault *fault)
{
    struct part part[PARTS];
    char sum[32];
    parts_of(p, learned, best, part);
    for (size_t i = 0; i < PARTS; i++)
        if (!read_part(file, &part[i], fault))
            return false;
    snprintf(sum, sizeof sum, "%016" PRIx64, checksum(part));
    const char *text = safetensors_text(file, "checksum");
    if (!text || strcmp(text, sum) != 0)
        return fault_caller(fault, "%s: is damaged: its numbers have the checksum %s, not %.32s",
                            file->path, sum, text ? text : "(missing)");
    if (!read_progress(file, p, progress, fault))
        return false;
    parameters_give(p->parameters, learned);
    return true;
}

bool checkpoint_read(const char *path, struct pass *p, float *best, struct progress *progress,
                     const char *identity, bool *found, struct fault *fault)
{
    struct safetensors file;
    *found = access(path, F_OK) == 0 || errno != ENOENT;
    if (!*found)
        return true;
    if (!safetensors_open(&file, path, fault))
        return false;
    const char *text = safetensors_text(&file, "training");
    float *learned = malloc(parameters_learned(p->parameters) * sizeof *learned);
    bool fine;
    if (!learned)
        fine = fault_memory(fault, "a checkpoint");
    else if (!text || strcmp(text, identity) != 0)
        fine = fault_caller(fault,
                            "%s: is the checkpoint of another training (%.400s); this one is "
                            "%.400s",
                            path, text ? text : "none", identity);
    else
        fine = read_all(&file, p, learned, best, progress, fault);
    free(learned);
    safetensors_close(&file);
    return fine;
}
