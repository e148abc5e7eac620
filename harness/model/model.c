#include "harness/model/model.h"
#include "harness/model/safetensors.h"
#include "harness/model/shapes.h"
#include "harness/random.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Each weight begins a cache line. */
enum { LINE = 64 };

static size_t columns_of(const struct ektm_weight *w) { return w->columns ? w->columns : 1; }

static size_t lines(size_t bytes) { return (bytes + LINE - 1) / LINE * LINE; }

/* Bytes of the block: the tables one behind the other, without gaps; then the other weights; then
 * `first`. False: more than there are addresses. */
static bool measure(struct model *m)
{
    size_t all = 0;
    for (size_t w = 0; w < m->ektm.weights; w++) {
        const struct ektm_weight *weight = &m->ektm.weight[w];
        size_t bytes;
        if (__builtin_mul_overflow(weight->rows, columns_of(weight), &bytes) ||
            bytes > SIZE_MAX / 8)
            return false;
        bytes *= sizeof(float);
        if (__builtin_add_overflow(all, w < m->ektm.config.fields ? bytes : lines(bytes), &all) ||
            all > SIZE_MAX / 2)
            return false;
        if (w + 1 == m->ektm.config.fields) {
            m->table_bytes = all;
            all = lines(all);
        }
    }
    m->block_bytes = all + m->ektm.config.fields * sizeof(int32_t);
    return true;
}

/* Points the tensors into the block. */
static void lay_out(struct model *m)
{
    const struct ektm_config *c = &m->ektm.config;
    char *at = m->block;
    m->table = (struct tensor){at, c->width, DTYPE_F32};
    for (size_t w = 0; w < m->ektm.weights; w++) {
        const struct ektm_weight *weight = &m->ektm.weight[w];
        size_t bytes = weight->rows * columns_of(weight) * sizeof(float);
        m->weight[w] = (struct tensor){at, columns_of(weight), DTYPE_F32};
        at += w < c->fields ? bytes : lines(bytes);
        if (w + 1 == c->fields)
            at = (char *)m->block + lines(m->table_bytes);
    }
    m->first = (struct tensor){at, 1, DTYPE_I32};
    int32_t *first = m->first.data, row = 0;
    for (size_t f = 0; f < c->fields; f++) {
        first[f] = row;
        row += (int32_t)c->rows[f];
    }
}

/* Gives a model whose table of layers is built its memory, zeros. */
static bool allocate(struct model *m, const struct topology *topology, enum pages pages,
                     struct fault *fault)
{
    m->weight = calloc(m->ektm.weights, sizeof *m->weight);
    m->block = m->weight && measure(m) ? memory_interleaved(topology, m->block_bytes, pages) : NULL;
    if (!m->block)
        return fault_memory(fault, "the model's weights");
    lay_out(m);
    return true;
}

void model_free(struct model *model)
{
    for (enum dtype d = 0; d < DTYPES; d++)
        if (model->narrowed[d].block)
            narrowed_free(&model->narrowed[d]);
    memory_free(model->block, model->block_bytes);
    free(model->weight);
    ektm_free(&model->ektm);
    *model = (struct model){.block = NULL};
}

bool model_narrow(struct model *model, enum dtype dtype, const struct topology *topology,
                  enum pages pages, struct fault *fault)
{
    struct narrowed *narrowed = &model->narrowed[dtype];
    if (!dtype_narrow(dtype) || narrowed->block)
        return true;
    if (!narrowed_make(narrowed, &model->ektm, dtype, topology, pages, fault))
        return false;
    for (size_t w = 0; w < model->ektm.weights; w++)
        narrowed_fill(narrowed, &model->ektm, w, &model->weight[w]);
    return true;
}

bool model_narrow_all(struct model *model, const struct formats *formats,
                      const struct topology *topology, enum pages pages, struct fault *fault)
{
    bool fine = true;
    for (enum dtype d = 0; d < DTYPES && fine; d++)
        fine = !formats_include(formats, &model->ektm, d) ||
               model_narrow(model, d, topology, pages, fault);
    return fine;
}

struct call model_call(const struct model *model, const struct ektm_memory *memory, size_t layer,
                       size_t rows, enum dtype dtype)
{
    const struct call call = ektm_call(&model->ektm, memory, layer, rows);
    const struct narrowed *narrowed = &model->narrowed[dtype];
    return narrowed->block ? narrowed_call(narrowed, &model->ektm, layer, &call) : call;
}

/* ---- random ---------------------------------------------------------------------------------- */

/* Inputs made up with the same seed use the streams below. */
#define FIRST_STREAM (UINT64_C(1) << 32)

/* He et al. 2015 (arXiv 1502.01852): under ReLU, variance 2 / inputs keeps the size of activations.
 * Uniform in +-limit has the variance limit^2 / 3. */
static double limit_of(const struct ektm *ektm, size_t w)
{
    const struct ektm_weight *weight = &ektm->weight[w];
    if (w < ektm->config.fields)
        return 0.5;
    return weight->columns ? sqrt(6.0 / (double)weight->columns) : 0.05;
}

bool model_random(struct model *model, const struct ektm_config *config, uint64_t seed,
                  const struct topology *topology, enum pages pages, struct fault *fault)
{
    *model = (struct model){.block = NULL};
    if (!ektm_build(&model->ektm, config))
        return fault_memory(fault, "the table of layers");
    if (!allocate(model, topology, pages, fault)) {
        model_free(model);
        return false;
    }
    for (size_t w = 0; w < model->ektm.weights; w++) {
        struct random random = random_stream(seed, FIRST_STREAM + w);
        double limit = limit_of(&model->ektm, w);
        float *to = model->weight[w].data;
        size_t count = model->ektm.weight[w].rows * columns_of(&model->ektm.weight[w]);
        for (size_t i = 0; i < count; i++)
            to[i] = (float)random_between(&random, -limit, limit);
    }
    return true;
}

/* ---- file ------------------------------------------------------------------------------------ */

/* The tensor of the weight's scales or offsets. */
static const struct safetensor *companion(const struct safetensors *file, const char *weight,
                                          const char *what)
{
    char name[64];
    snprintf(name, sizeof name, "%s.%s", weight, what);
    return safetensors_find(file, name);
}

/* Reads `what` of each row into the struct affines, `offset` bytes into each. */
static bool read_affine(const struct safetensors *file, const struct ektm_weight *weight,
                        const struct tensor *to, const char *what, size_t offset,
                        struct fault *fault)
{
    const struct safetensor *t = companion(file, weight->name, what);
    if (!t || t->format != SAFETENSOR_F32 || t->axes != 1 || t->shape[0] != weight->rows)
        return fault_caller(fault, "%s: tensor '%s' is I8: F32 '%s.%s' of shape [%zu] is needed",
                            file->path, weight->name, weight->name, what, weight->rows);
    float *number = malloc((weight->rows + 1) * sizeof *number);
    if (!number)
        return fault_memory(fault, "the scales of a weight");
    const bool fine = safetensors_read(file, t, number, fault);
    for (size_t row = 0; row < weight->rows && fine; row++)
        memcpy((char *)to->affine + row * to->ld + offset, &number[row], sizeof *number);
    free(number);
    return fine;
}

/* False: a number is not finite in f32. */
static bool widen_row(const struct tensor *to, const struct tensor *from, size_t row,
                      size_t columns)
{
    bool finite = true;
    for (size_t c = 0; c < columns; c++) {
        real_put(to, row, c, real_at(from, row, c));
        finite = finite && isfinite(real_at(to, row, c));
    }
    return finite;
}

/* An I8 weight, and the f32 numbers that it stands for. */
static bool read_i8(struct model *model, const struct safetensors *file, size_t w,
                    const struct safetensor *tensor, struct fault *fault)
{
    const struct ektm_weight *weight = &model->ektm.weight[w];
    const struct tensor *to = &model->narrowed[DTYPE_I8].weight[w];
    const bool table = w < model->ektm.config.fields;
    if (!to->data)
        return fault_caller(fault, "%s: tensor '%s' is I8; F32 is needed there", file->path,
                            weight->name);
    if (!safetensors_read_i8(file, tensor, to->data, to->ld, fault) ||
        !read_affine(file, weight, to, "scale", offsetof(struct affine, scale), fault) ||
        (table && !read_affine(file, weight, to, "offset", offsetof(struct affine, offset), fault)))
        return false;
    for (size_t row = 0; row < weight->rows; row++)
        if (!widen_row(&model->weight[w], to, row, weight->columns))
            return fault_caller(fault,
                                "%s: tensor '%s': row %zu: with its scale and offset a number "
                                "leaves the range of 32 bits",
                                file->path, weight->name, row);
    return true;
}

/* What a file holds in I8 is taken as it is; what it does not is quantized from f32. */
static bool read_weights(struct model *model, const struct safetensors *file,
                         const struct topology *topology, struct fault *fault)
{
    struct narrowed *i8 = &model->narrowed[DTYPE_I8];
    for (size_t w = 0; w < model->ektm.weights; w++) {
        const struct safetensor *t = safetensors_find(file, model->ektm.weight[w].name);
        const bool narrow = t->format == SAFETENSOR_I8;
        if (narrow && !i8->block &&
            !narrowed_make(i8, &model->ektm, DTYPE_I8, topology, PAGES_THP, fault))
            return false;
        if (narrow ? !read_i8(model, file, w, t, fault)
                   : !safetensors_read(file, t, model->weight[w].data, fault))
            return false;
    }
    for (size_t w = 0; w < model->ektm.weights && i8->block; w++)
        if (safetensors_find(file, model->ektm.weight[w].name)->format != SAFETENSOR_I8)
            narrowed_fill(i8, &model->ektm, w, &model->weight[w]);
    return true;
}

static bool read_formats(struct model *model, const struct safetensors *file, struct fault *fault)
{
    const char *text = safetensors_text(file, "formats");
    char where[PATH_MAX + 32];
    snprintf(where, sizeof where, "%s: __metadata__: formats", file->path);
    return !text || (formats_parse(&model->formats, text, where, fault) &&
                     formats_check(&model->formats, &model->ektm, where, fault));
}

/* Kernels take cosines of the task vectors in f32: their squared lengths must exist there. */
static bool check_task_vectors(const struct model *model, const char *path, struct fault *fault)
{
    size_t w = 0;
    while (w < model->ektm.weights && strcmp(model->ektm.weight[w].name, "router.task") != 0)
        w++;
    if (w == model->ektm.weights)
        return true;
    for (size_t task = 0; task < model->ektm.weight[w].rows; task++) {
        double square = 0;
        for (size_t e = 0; e < model->ektm.weight[w].columns; e++)
            square += pow(real_at(&model->weight[w], task, e), 2);
        if (square != 0 && !(square >= FLT_MIN && square <= FLT_MAX))
            return fault_caller(fault,
                                "%s: tensor 'router.task': the squared length of row %zu is %g; "
                                "0 and %g to %g are allowed",
                                path, task, square, (double)FLT_MIN, (double)FLT_MAX);
    }
    return true;
}

/* Nothing is allocated for weights before their sizes are known to be those of the file. */
static bool load(struct model *model, const struct safetensors *file,
                 const struct topology *topology, struct fault *fault)
{
    struct ektm_config config;
    if (!shapes_read(&config, file, fault))
        return false;
    if (!ektm_build(&model->ektm, &config))
        return fault_memory(fault, "the table of layers");
    if (shapes_check(&model->ektm, file, fault) && allocate(model, topology, PAGES_THP, fault) &&
        read_weights(model, file, topology, fault) && read_formats(model, file, fault) &&
        check_task_vectors(model, file->path, fault))
        return true;
    model_free(model);
    return false;
}

bool model_load(struct model *model, const char *path, const struct topology *topology,
                struct fault *fault)
{
    struct safetensors file;
    *model = (struct model){.block = NULL};
    if (!safetensors_open(&file, path, fault))
        return false;
    bool fine = load(model, &file, topology, fault);
    safetensors_close(&file);
    return fine;
}

/* ---- writing --------------------------------------------------------------------------------- */

enum { NAME_MAX_BYTES = 64, PARTS = 3 }; /* a weight, its scales and its offsets */

/* The tensors of a file, and the names of those that belong to another. */
struct sources {
    struct safetensor_source *source;
    char (*name)[NAME_MAX_BYTES];
    size_t count;
};

static void add_part(struct sources *s, const char *weight, const char *what, size_t rows,
                     const char *data, size_t stride)
{
    char *name = s->name[s->count];
    snprintf(name, NAME_MAX_BYTES, "%s.%s", weight, what);
    s->source[s->count++] = (struct safetensor_source){
        .name = name, .axes = 1, .shape = {rows}, .data = data, .stride = stride};
}

static void add_weight(struct sources *s, const struct model *model, size_t w, enum dtype dtype)
{
    const struct ektm_weight *weight = &model->ektm.weight[w];
    const struct tensor *t =
        dtype_narrow(dtype) ? &model->narrowed[dtype].weight[w] : &model->weight[w];
    s->source[s->count++] = (struct safetensor_source){
        .name = weight->name,
        .format = dtype == DTYPE_I8     ? SAFETENSOR_I8
                  : dtype == DTYPE_BF16 ? SAFETENSOR_BF16
                                        : SAFETENSOR_F32,
        .axes = weight->columns ? 2 : 1,
        .shape = {weight->rows, weight->columns},
        .data = t->data,
        .stride = dtype == DTYPE_I8 ? t->ld : 0,
    };
    if (dtype != DTYPE_I8)
        return;
    add_part(s, weight->name, "scale", weight->rows,
             (char *)t->affine + offsetof(struct affine, scale), t->ld);
    if (w < model->ektm.config.fields)
        add_part(s, weight->name, "offset", weight->rows,
                 (char *)t->affine + offsetof(struct affine, offset), t->ld);
}

/* The format that weight `w` is held in: its layer's where that reads it in narrow ones. */
static enum dtype format_of(const struct model *model, const struct formats *formats, size_t w)
{
    if (w < model->ektm.config.fields)
        return formats_of(formats, &model->ektm.layer[0]);
    for (size_t l = 0; l < model->ektm.layers; l++) {
        const struct ektm_layer *layer = &model->ektm.layer[l];
        for (size_t i = 0; i < layer->op->operands; i++)
            if (layer->op->operand[i].narrow && layer->binding[i].source == SOURCE_WEIGHT &&
                layer->binding[i].index == w)
                return formats_of(formats, layer);
    }
    return DTYPE_F32;
}

static bool save(const struct model *model, const struct formats *formats, const char *path,
                 struct sources *s, struct fault *fault)
{
    const struct ektm_config *c = &model->ektm.config;
    char tau[32], text[FORMATS_TEXT];
    snprintf(tau, sizeof tau, "%.9g", (double)c->tau);
    formats_describe(formats, &model->ektm, text, sizeof text);
    const struct safetensor_text texts[] = {
        {"router", c->similarity == SIMILARITY_TASK ? "task" : "sample"},
        {"tau", tau},
        {"pooling", c->pooling == POOLING_MEAN ? "mean" : "sum"},
        {"formats", text},
    };
    const size_t last = strcmp(text, dtype_name(DTYPE_F32)) == 0; /* says nothing */
    for (size_t w = 0; w < model->ektm.weights; w++)
        add_weight(s, model, w, format_of(model, formats, w));
    return safetensors_write(path, s->source, s->count, texts, sizeof texts / sizeof *texts - last,
                             fault);
}

bool model_save(const struct model *model, const struct formats *formats, const char *path,
                struct fault *fault)
{
    const size_t most = PARTS * model->ektm.weights;
    struct sources s = {calloc(most, sizeof *s.source), calloc(most, sizeof *s.name), 0};
    bool written = s.source && s.name ? save(model, formats, path, &s, fault)
                                      : fault_memory(fault, "the list of tensors");
    free(s.source);
    free(s.name);
    return written;
}
