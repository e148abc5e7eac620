#include "harness/model/shapes.h"
#include "reference/operands.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The tensor "<layer>.<number>.<part>", or NULL. */
static const struct safetensor *numbered(const struct safetensors *file, const char *layer,
                                         size_t number, const char *part)
{
    char name[64];
    snprintf(name, sizeof name, "%s.%zu.%s", layer, number, part);
    return safetensors_find(file, name);
}

/* How many there are of `layer`.0, .1, .2, ... At most `most`. */
static bool count(const struct safetensors *file, const char *layer, size_t least, size_t most,
                  size_t *number, struct fault *fault)
{
    *number = 0;
    while (*number <= most && numbered(file, layer, *number, "weight"))
        ++*number;
    if (*number < least)
        return fault_caller(fault, "%s: tensor '%s.%zu.weight' is missing", file->path, layer,
                            *number);
    return *number <= most ? true
                           : fault_caller(fault,
                                          "%s: tensor '%s.%zu.weight' is one too many; at "
                                          "most %zu are allowed",
                                          file->path, layer, most, most);
}

/* The sizes of matrix `name`. */
static bool matrix(const struct safetensors *file, const char *name, size_t *rows, size_t *columns,
                   struct fault *fault)
{
    const struct safetensor *t = safetensors_find(file, name);
    *rows = *columns = 0;
    if (!t)
        return fault_caller(fault, "%s: tensor '%s' is missing", file->path, name);
    if (t->axes != 2 || t->shape[0] == 0 || t->shape[1] == 0) {
        char shape[64];
        safetensor_shape(t, shape, sizeof shape);
        return fault_caller(fault,
                            "%s: tensor '%s' has the shape %s; two sizes of at least 1 are "
                            "needed",
                            file->path, name, shape);
    }
    *rows = t->shape[0];
    *columns = t->shape[1];
    return true;
}

static bool read_tables(struct ektm_config *config, const struct safetensors *file,
                        struct fault *fault)
{
    size_t all = 0;
    if (!count(file, "embedding", 1, FIELDS_MAX, &config->fields, fault))
        return false;
    for (size_t f = 0; f < config->fields; f++) {
        char name[64];
        size_t width;
        snprintf(name, sizeof name, "embedding.%zu.weight", f);
        if (!matrix(file, name, &config->rows[f], &width, fault))
            return false;
        if (f == 0)
            config->width = width;
        if (__builtin_add_overflow(all, config->rows[f], &all) || all > INT32_MAX)
            return fault_caller(fault,
                                "%s: tensor '%s': with it the tables have more than %d rows, the "
                                "most that is allowed",
                                file->path, name, INT32_MAX);
    }
    return true;
}

static bool read_layers(struct ektm_config *config, const struct safetensors *file,
                        struct fault *fault)
{
    size_t towers, ignored;
    if (safetensors_find(file, "dense.weight") || safetensors_find(file, "dense.bias"))
        if (!matrix(file, "dense.weight", &ignored, &config->dense, fault))
            return false;
    if (!count(file, "bottom", 1, BOTTOM_MAX, &config->bottoms, fault))
        return false;
    for (size_t l = 0; l < config->bottoms; l++) {
        char name[64];
        snprintf(name, sizeof name, "bottom.%zu.weight", l);
        if (!matrix(file, name, &config->bottom[l], &ignored, fault))
            return false;
    }
    if (!count(file, "tower", 2, TASKS_MAX + 1, &towers, fault))
        return false;
    config->tasks = towers - 1;
    return matrix(file, "tower.0.weight", &config->rep, &ignored, fault) &&
           matrix(file, "head.0.0.weight", &config->hidden, &ignored, fault);
}

/* Sets `*second` to whether the text of `key` is the second of two; the first is the default. */
static bool choice(const struct safetensors *file, const char *key, const char *const names[2],
                   bool *second, struct fault *fault)
{
    const char *text = safetensors_text(file, key);
    *second = text && strcmp(text, names[1]) == 0;
    return !text || *second || strcmp(text, names[0]) == 0
               ? true
               : fault_caller(fault, "%s: __metadata__: %s is '%.64s'; %s and %s are allowed",
                              file->path, key, text, names[0], names[1]);
}

static bool read_options(struct ektm_config *config, const struct safetensors *file,
                         struct fault *fault)
{
    static const char *const routers[] = {"sample", "task"}, *const poolings[] = {"sum", "mean"};
    const char *tau = safetensors_text(file, "tau");
    bool task, mean;
    if (!choice(file, "router", routers, &task, fault) ||
        !choice(file, "pooling", poolings, &mean, fault))
        return false;
    config->similarity = task ? SIMILARITY_TASK : SIMILARITY_SAMPLE;
    config->pooling = mean ? POOLING_MEAN : POOLING_SUM;
    config->tau = 1;
    if (tau) {
        char *end;
        config->tau = strtof(tau, &end);
        if (end == tau || *end || !(config->tau >= TAU_MIN && config->tau <= TAU_MAX))
            return fault_caller(fault,
                                "%s: __metadata__: tau is '%.64s'; a number from %g to %g is "
                                "allowed",
                                file->path, tau, (double)TAU_MIN, (double)TAU_MAX);
    }
    return true;
}

bool shapes_read(struct ektm_config *config, const struct safetensors *file, struct fault *fault)
{
    *config = (struct ektm_config){.fields = 0};
    return read_tables(config, file, fault) && read_layers(config, file, fault) &&
           read_options(config, file, fault);
}

static bool has_shape(const struct safetensor *t, const struct ektm_weight *w)
{
    return w->columns ? t->axes == 2 && t->shape[0] == w->rows && t->shape[1] == w->columns
                      : t->axes == 1 && t->shape[0] == w->rows;
}

static bool check_shape(const struct safetensors *file, const struct ektm_weight *w,
                        struct fault *fault)
{
    const struct safetensor *t = safetensors_find(file, w->name);
    const struct safetensor right = {.axes = w->columns ? 2 : 1, .shape = {w->rows, w->columns}};
    char found[64], wanted[64];
    if (has_shape(t, w))
        return true;
    safetensor_shape(t, found, sizeof found);
    safetensor_shape(&right, wanted, sizeof wanted);
    return fault_caller(fault, "%s: tensor '%s' has the shape %s; the other tensors ask for %s",
                        file->path, w->name, found, wanted);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Whether it holds the scales or offsets of an I8 tensor of the file. */
static bool belongs_to_i8(const struct safetensors *file, const char *name)
{
    char weight[64];
    const char *dot = strrchr(name, '.');
    if (!dot || (strcmp(dot, ".scale") != 0 && strcmp(dot, ".offset") != 0) ||
        (size_t)(dot - name) >= sizeof weight)
        return false;
    snprintf(weight, sizeof weight, "%.*s", (int)(dot - name), name);
    const struct safetensor *t = safetensors_find(file, weight);
    return t && t->format == SAFETENSOR_I8;
}

/* `name` holds the names of the model's weights, sorted. */
static bool check_known(const struct ektm *ektm, const struct safetensors *file,
                        const char *const *name, struct fault *fault)
{
    for (size_t i = 0; i < file->count; i++) {
        const char *found = file->tensor[i].name;
        if (strncmp(found, "base.", 5) == 0 || belongs_to_i8(file, found) ||
            bsearch(&found, name, ektm->weights, sizeof *name, compare_names))
            continue;
        if (strcmp(found, "router.task") == 0)
            return fault_caller(fault,
                                "%s: tensor 'router.task' is for the router mode task; "
                                "__metadata__ says sample",
                                file->path);
        return fault_caller(fault,
                            "%s: tensor '%s' is unknown to a model of %zu embedding tables, %zu "
                            "dense features, %zu bottom layers and %zu towers",
                            file->path, found, ektm->config.fields, ektm->config.dense,
                            ektm->config.bottoms, ektm->config.tasks + 1);
    }
    return true;
}

/* That each tensor of the file is one of the model's. */
static bool check_all_known(const struct ektm *ektm, const struct safetensors *file,
                            struct fault *fault)
{
    const char **name = calloc(ektm->weights + 1, sizeof *name);
    if (!name)
        return fault_memory(fault, "the names of the weights");
    for (size_t w = 0; w < ektm->weights; w++)
        name[w] = ektm->weight[w].name;
    qsort(name, ektm->weights, sizeof *name, compare_names);
    bool known = check_known(ektm, file, name, fault);
    free(name);
    return known;
}

bool shapes_check(const struct ektm *ektm, const struct safetensors *file, struct fault *fault)
{
    for (size_t w = 0; w < ektm->weights; w++)
        if (!safetensors_find(file, ektm->weight[w].name))
            return fault_caller(fault, "%s: tensor '%s' is missing", file->path,
                                ektm->weight[w].name);
    if (!check_all_known(ektm, file, fault))
        return false;
    for (size_t w = 0; w < ektm->weights; w++)
        if (!check_shape(file, &ektm->weight[w], fault))
            return false;
    return true;
}
