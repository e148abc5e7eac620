#include "harness/bench/plan.h"

#include "harness/bench/training.h"
#include "harness/model/rows.h"
#include "harness/model/shapes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- effort ---------------------------------------------------------------------------------- */

struct effort {
    const char *name;
    double budget; /* ns for all samples of a run */
    double share;  /* ns for those of a job, for each of its shares, at most */
    double sample, warm_up;
    size_t least, most;
    size_t reference_rows;
    size_t batches, batch[8];
};

static const struct effort quick = {
    .name = "quick",
    .budget = 12e9,
    .share = 0.125e9,
    .sample = 20e3,
    .warm_up = 1e6,
    .least = 5,
    .most = 60,
    .reference_rows = 4,
    .batches = 3,
    .batch = {1, 64, 256},
};

static const struct effort usual = {
    .name = "usual",
    .budget = 100e9,
    .share = 0.7e9,
    .sample = 50e3,
    .warm_up = 5e6,
    .least = 11,
    .most = 200,
    .reference_rows = 16,
    .batches = 5,
    .batch = {1, 16, 64, 256, 1024},
};

static const struct effort full = {
    .name = "full",
    .budget = 900e9,
    .share = 2e9,
    .sample = 100e3,
    .warm_up = 20e6,
    .least = 31,
    .most = 500,
    .reference_rows = 16,
    .batches = 8,
    .batch = {1, 4, 16, 64, 128, 256, 1024, 4096},
};

const char *cache_name(enum cache_state cache)
{
    static const char *const names[CACHE_STATES] = {"warm", "cold", "rotate"};
    return names[cache];
}

/* ---- settings -------------------------------------------------------------------------------- */

static int compare_sizes(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x > y) - (x < y);
}

/* Sorts, and leaves one of each. */
static size_t distinct(size_t *size, size_t count)
{
    size_t kept = 0;
    qsort(size, count, sizeof *size, compare_sizes);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || size[i] != size[i - 1])
            size[kept++] = size[i];
    return kept;
}

/* A file's model is as good as a preset: the file's name and its sizes. */
static bool choose_file(struct plan *plan, const char *path, struct fault *fault)
{
    struct safetensors file;
    const char *slash = strrchr(path, '/');
    if (!safetensors_open(&file, path, fault))
        return false;
    snprintf(plan->file_name, sizeof plan->file_name, "%s", slash ? slash + 1 : path);
    plan->of_file = (struct ektm_preset){.name = plan->file_name, .about = "the model of a file"};
    plan->preset[plan->presets++] = &plan->of_file;
    bool fine = shapes_read(&plan->of_file.config, &file, fault);
    safetensors_close(&file);
    return fine;
}

static void choose_presets(struct plan *plan, const struct arguments *a)
{
    for (const struct ektm_preset *p = ektm_presets; p->name; p++) {
        bool asked = a->preset.count ? names_admit(&a->preset, p->name)
                                     : a->full || strcmp(p->name, "aliexpress") == 0;
        if (asked)
            plan->preset[plan->presets++] = p;
    }
}

static void choose_batches(struct plan *plan, const struct arguments *a,
                           const struct effort *effort)
{
    plan->batches = a->batch.count ? a->batch.count : effort->batches;
    memcpy(plan->batch, a->batch.count ? a->batch.size : effort->batch,
           plan->batches * sizeof *plan->batch);
    plan->batches = distinct(plan->batch, plan->batches);
}

/* Whether the first `threads` seats of both placements are the same processors. */
static bool coincide(const struct topology *t, size_t threads, const size_t *compact,
                     const size_t *spread)
{
    size_t n = threads < t->pus ? threads : t->pus, same = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++)
            same += compact[i] == spread[k];
    return same == n;
}

static bool choose_seatings(struct plan *plan, const struct arguments *a, const struct topology *t,
                            struct fault *fault)
{
    size_t count[OPTION_LIST_MAX], counts = a->threads.count;
    memcpy(count, a->threads.size, counts * sizeof *count);
    if (!counts)
        counts = thread_counts(t, count, OPTION_LIST_MAX);
    counts = distinct(count, counts);
    size_t *compact = malloc(2 * t->pus * sizeof *compact);
    if (!compact)
        return fault_memory(fault, "the plan");
    size_t *spread = compact + t->pus;
    placement_order(t, PLACEMENT_COMPACT, compact);
    placement_order(t, PLACEMENT_SPREAD, spread);
    bool asked[PLACEMENTS];
    for (enum placement p = 0; p < PLACEMENTS; p++)
        asked[p] = names_admit(&a->placement, placement_name(p));
    plan->placements_coincide = asked[PLACEMENT_COMPACT] && asked[PLACEMENT_SPREAD];
    for (size_t c = 0; c < counts; c++) {
        bool alike = asked[PLACEMENT_COMPACT] && coincide(t, count[c], compact, spread);
        plan->placements_coincide = plan->placements_coincide && alike;
        for (enum placement p = 0; p < PLACEMENTS; p++)
            if (asked[p] && !(alike && p != PLACEMENT_COMPACT))
                plan->seating[plan->seatings++] = (struct seating){count[c], p};
    }
    free(compact);
    return true;
}

/* Whether the recorded inputs are there and are of the model's columns, for every preset: told
 * before anything is measured. What can be read but once is left for then. */
static bool check_inputs(const struct plan *plan, struct fault *fault)
{
    const char *path = plan->law.path;
    struct stat status;
    if (strcmp(path, "-") == 0 || (stat(path, &status) == 0 && S_ISFIFO(status.st_mode)))
        return true;
    for (size_t p = 0; p < plan->presets; p++) {
        struct rows rows;
        if (!rows_open(&rows, path, &plan->preset[p]->config, fault))
            return false;
        rows_close(&rows);
    }
    return true;
}

/* Copies as much of the text as there is room for, and no part of a UTF-8 character. */
static void copy_characters(char *copy, size_t size, const char *text)
{
    size_t length = strnlen(text, size);
    if (length == size)
        for (length--; length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80;)
            length--;
    memcpy(copy, text, length);
    copy[length] = '\0';
}

static bool choose_law(struct plan *plan, const struct arguments *a, struct fault *fault)
{
    if (!id_law_parse(&plan->law, a->ids, fault))
        return false;
    if (plan->law.kind == IDS_ZIPF)
        snprintf(plan->ids, sizeof plan->ids, "zipf:%g", plan->law.exponent);
    else
        copy_characters(plan->ids, sizeof plan->ids, a->ids);
    return plan->law.kind != IDS_FILE || check_inputs(plan, fault);
}

/* Rows that are read of the tables must not all lie in the nearest cache, and where caches rotate
 * in none at all. */
static void choose_states(struct plan *plan, const struct arguments *a, const struct topology *t)
{
    enum { ROWS_LEAST = 1024, UNKNOWN_CACHE = 64 << 20 };
    size_t last = 0;
    for (size_t level = 0; level < CACHE_LEVELS; level++)
        last = t->cache_bytes[level] > last ? t->cache_bytes[level] : last;
    plan->rotation = 2 * (last ? last : UNKNOWN_CACHE);
    plan->rows_least = ROWS_LEAST;
    for (enum cache_state c = 0; c < CACHE_STATES; c++)
        plan->cache = a->cache && strcmp(a->cache, cache_name(c)) == 0 ? c : plan->cache;
    plan->pages = PAGES_THP;
    for (enum pages p = 0; p < PAGES_KINDS; p++)
        plan->pages = a->pages && strcmp(a->pages, pages_name(p)) == 0 ? p : plan->pages;
    for (size_t p = 0; p < plan->presets && plan->cache == CACHE_ROTATE; p++) {
        size_t row = inputs_ids_per_row(plan->preset[p]) * plan->preset[p]->config.width;
        size_t rows = plan->rotation / (row * sizeof(float)) + 1;
        plan->rows_least = rows > plan->rows_least ? rows : plan->rows_least;
    }
}

/* ---- jobs ------------------------------------------------------------------------------------ */

static bool add_job(struct plan *plan, struct job job)
{
    if ((plan->jobs & (plan->jobs + 1)) == 0) { /* full: room for twice as many and one */
        struct job *more = realloc(plan->job, (2 * plan->jobs + 1) * sizeof *more);
        if (!more)
            return false;
        plan->job = more;
    }
    plan->job[plan->jobs++] = job;
    plan->shares += job.share;
    return true;
}

/* Whether any kernel of that op may be timed. */
static bool op_is_asked(const struct arguments *a, const struct op *op)
{
    char reason[128];
    for (const struct kernel *const *k = kernels; *k; k++)
        if ((*k)->op == op && arguments_admit(a, *k) && kernel_usable(*k, reason, sizeof reason))
            return true;
    return false;
}

/* The jobs of one layer, or of a part of the training step. */
static bool add_layer(struct plan *plan, size_t preset, size_t l, bool shares)
{
    bool fine = add_job(plan, (struct job){JOB_LAYER, preset, l, 0, {1, 0}, 1});
    for (size_t b = 0; b < plan->batches && fine; b++)
        fine = add_job(plan, (struct job){JOB_KERNELS, preset, l, plan->batch[b], {1, 0}, 2});
    for (size_t s = 0; s < plan->seatings && fine && shares; s++)
        if (plan->seating[s].threads > 1)
            fine = add_job(plan, (struct job){JOB_SHARES, preset, l, plan_batch_most(plan),
                                              plan->seating[s], 0.5});
    return fine;
}

/* The parts of a training step, only where ops or kernels are chosen: inference is what is measured
 * else. */
static bool add_training(struct plan *plan, const struct arguments *a, size_t preset,
                         const struct ektm *ektm)
{
    struct ektm_layer part[TRAINING_MAX];
    const size_t parts = training_parts(ektm, part);
    bool fine = true;
    for (size_t p = 0; p < parts && fine && (a->op.count || a->kernel.count); p++)
        if (op_is_asked(a, part[p].op))
            fine = add_layer(plan, preset, ektm_entries(ektm) + p, part[p].op->split != AXIS_NONE);
    return fine;
}

static bool add_layers(struct plan *plan, const struct arguments *a, size_t preset)
{
    struct ektm ektm;
    if (!ektm_build(&ektm, &plan->preset[preset]->config))
        return false;
    bool fine = true;
    for (size_t l = 0; l < ektm_entries(&ektm) && fine; l++)
        if (!ektm_repeats(&ektm, l) && op_is_asked(a, ektm.layer[l].op))
            fine = add_layer(plan, preset, l, true);
    fine = fine && add_training(plan, a, preset, &ektm);
    ektm_free(&ektm);
    return fine;
}

/* Batches shared by the seated threads, and one for each of them. One thread is there to compare
 * with: its largest batch is enough. */
static bool add_scaling(struct plan *plan, size_t preset, struct seating seating)
{
    size_t most = plan_batch_most(plan);
    bool alone = seating.threads == 1, fine = true;
    for (size_t b = 0; b < plan->batches && fine; b++)
        if (!alone || plan->batch[b] == most)
            fine =
                add_job(plan, (struct job){JOB_SCALING, preset, 0, plan->batch[b], seating, 1.5});
    if (alone && most == plan->rows_each)
        return fine;
    return fine && add_job(plan, (struct job){JOB_SCALING, preset, 0, 0, seating, 1.5});
}

/* The batch that formats are searched at: the largest up to 256 rows, or the smallest. */
static size_t search_batch(const struct plan *plan)
{
    size_t rows = plan->batch[0];
    for (size_t b = 0; b < plan->batches; b++)
        rows = plan->batch[b] <= 256 ? plan->batch[b] : rows;
    return rows;
}

/* Whether nothing was chosen of what else is timed: then the model is also put under load. */
static bool is_whole(const struct arguments *a)
{
    return !a->quick && !a->batch.count && !a->threads.count && !a->placement.count &&
           !a->backend.count && !a->dtype.count && !a->formats.count && !a->cache &&
           a->tile == TILE_UNSET;
}

static bool add_models(struct plan *plan, const struct arguments *a, size_t preset)
{
    bool fine = add_job(plan, (struct job){JOB_COMPOSE, preset, 0, 0, {1, 0}, 0.5});
    for (size_t b = 0; b < plan->batches && fine; b++)
        fine = add_job(plan, (struct job){JOB_MODELS, preset, 0, plan->batch[b], {1, 0}, 4});
    if (a->search)
        fine = fine &&
               add_job(plan, (struct job){JOB_SEARCH, preset, 0, search_batch(plan), {1, 0}, 8});
    for (size_t s = 0; s < plan->seatings && fine; s++)
        fine = add_scaling(plan, preset, plan->seating[s]);
    /* It keeps its own time, and takes none of the samples'. */
    if (is_whole(a))
        fine = fine && add_job(plan, (struct job){JOB_LOAD, preset, 0, 0, {1, 0}, 0});
    return fine;
}

static bool add_jobs(struct plan *plan, const struct arguments *a)
{
    struct seating one = {1, PLACEMENT_COMPACT}, widest = plan_widest(plan);
    bool fine = add_job(plan, (struct job){JOB_CEILINGS, 0, 0, 0, one, 4});
    if (widest.threads > 1)
        fine = fine && add_job(plan, (struct job){JOB_CEILINGS, 0, 0, 0, widest, 4});
    for (size_t p = 0; p < plan->presets && fine; p++) {
        fine = add_job(plan, (struct job){JOB_SUBJECT, p, 0, 0, one, 4}) && add_layers(plan, a, p);
        /* A choice of ops or kernels is a choice of layers: no whole model. */
        if (!a->op.count && !a->kernel.count && fine)
            fine = add_models(plan, a, p);
    }
    return fine;
}

/* Whether a kernel that may be timed runs here. If not, the fault says what stands against it. */
static bool find_kernels(const struct arguments *a, struct fault *fault)
{
    const struct kernel *admitted = NULL;
    char reason[128];
    for (const struct kernel *const *k = kernels; *k; k++)
        if (arguments_admit(a, *k)) {
            if (kernel_usable(*k, reason, sizeof reason))
                return true;
            admitted = *k;
        }
    if (admitted) {
        kernel_usable(admitted, reason, sizeof reason);
        return fault_machine(fault, "kernel %s cannot run here: %s", admitted->name, reason);
    }
    for (const struct backend *const *b = backends; *b; b++)
        if (names_admit(&a->backend, (*b)->name) && a->backend.count &&
            !(*b)->usable(reason, sizeof reason))
            return fault_machine(fault, "--backend: %s cannot run here: %s", (*b)->name, reason);
    return fault_caller(fault, "no kernel is admitted by --op, --dtype, --backend and --kernel "
                               "together");
}

bool plan_make(struct plan *plan, const struct arguments *arguments,
               const struct topology *topology, struct fault *fault)
{
    const struct effort *effort = arguments->quick ? &quick : arguments->full ? &full : &usual;
    *plan = (struct plan){
        .effort = effort->name,
        .reference_rows = effort->reference_rows,
        .rows_each = 64,
        .sampling = {.budget = effort->budget,
                     .sample = effort->sample,
                     .warm_up = effort->warm_up,
                     .least = effort->least,
                     .most = effort->most},
    };
    if (!find_kernels(arguments, fault))
        return false;
    if (arguments->model && arguments->preset.count)
        return fault_caller(fault, "--model and --preset: one of both is allowed");
    if (arguments->model && !choose_file(plan, arguments->model, fault))
        return false;
    if (!arguments->model)
        choose_presets(plan, arguments);
    choose_batches(plan, arguments, effort);
    choose_states(plan, arguments, topology);
    if (!choose_law(plan, arguments, fault) || !choose_seatings(plan, arguments, topology, fault))
        return false;
    if (add_jobs(plan, arguments)) {
        if (plan->sampling.budget > effort->share * plan->shares)
            plan->sampling.budget = effort->share * plan->shares;
        return true;
    }
    plan_free(plan);
    return fault_memory(fault, "the plan");
}

void plan_free(struct plan *plan)
{
    free(plan->job);
    plan->job = NULL;
}

size_t plan_batch_most(const struct plan *plan) { return plan->batch[plan->batches - 1]; }

size_t plan_rows_most(const struct plan *plan)
{
    size_t each = plan->rows_each * plan_widest(plan).threads;
    size_t most = each > plan_batch_most(plan) ? each : plan_batch_most(plan);
    return most > plan->rows_least ? most : plan->rows_least;
}

struct seating plan_widest(const struct plan *plan)
{
    struct seating widest = plan->seating[0];
    for (size_t s = 1; s < plan->seatings; s++)
        if (plan->seating[s].threads > widest.threads)
            widest = plan->seating[s];
    return widest;
}
