#include "harness/bench/subject.h"

#include "reference/operands.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

extern const struct op embedding_op;

/* What a prediction may differ from the f32 reference's: predictions are between 0 and 1. */
static double prediction_bound(const struct formats *formats, const struct ektm *ektm)
{
    return formats_include(formats, ektm, DTYPE_I8)     ? 3e-2
           : formats_include(formats, ektm, DTYPE_BF16) ? 1e-2
                                                        : 1e-5;
}

static size_t predictions(const struct subject *subject, size_t rows)
{
    return rows * subject->model.ektm.buffer_width[BUFFER_P];
}

static float *predicted(const struct subject *subject)
{
    return subject->activations.memory.buffer[BUFFER_P].data;
}

/* The ids and dense features of `rows` rows, after the law. */
static bool fill(struct subject *subject, const struct id_law *law, size_t rows, uint64_t seed,
                 struct fault *fault)
{
    if (law->kind == IDS_FILE)
        return inputs_recorded(&subject->activations, &subject->preset->config, law->path, rows,
                               fault);
    inputs_random(&subject->activations, subject->preset, law, rows, seed);
    return true;
}

const struct formats *subject_formats(const struct subject *subject, const struct run *run)
{
    const struct formats *given = &run->arguments->formats;
    return given->count ? given : &subject->model.formats;
}

/* Whether a kernel of the format may be timed. */
static bool is_asked(const struct subject *subject, const struct run *run, enum dtype dtype)
{
    char reason[128];
    if (formats_include(subject_formats(subject, run), &subject->model.ektm, dtype))
        return true;
    for (const struct kernel *const *k = kernels; *k; k++)
        if ((*k)->dtype == dtype && ((*k)->isa != ISA_SCALAR || (*k)->backend->peer) &&
            !(*k)->op->probe && arguments_admit(run->arguments, *k) &&
            kernel_usable(*k, reason, sizeof reason))
            return true;
    return false;
}

static bool narrow_weights(struct subject *subject, const struct run *run, struct fault *fault)
{
    bool fine = true;
    for (enum dtype d = 0; d < DTYPES && fine; d++)
        fine = !is_asked(subject, run, d) ||
               model_narrow(&subject->model, d, &run->topology, run->plan.pages, fault);
    return fine;
}

struct call subject_call(const struct subject *subject, size_t layer, size_t rows, enum dtype dtype)
{
    return model_call(&subject->model, &subject->activations.memory, layer, rows, dtype);
}

struct tensor subject_table(const struct subject *subject, enum dtype dtype)
{
    const struct narrowed *narrowed = &subject->model.narrowed[dtype];
    return narrowed->block ? narrowed->table : subject->activations.memory.table;
}

bool subject_make(struct subject *subject, const struct run *run, const struct ektm_preset *preset,
                  struct fault *fault)
{
    size_t rows = plan_rows_most(&run->plan), ids = rows * inputs_ids_per_row(preset);
    uint64_t seed = run->arguments->seed;
    *subject = (struct subject){.preset = preset, .rows = plan_batch_most(&run->plan)};
    const char *path = run->arguments->model;
    if (!(path ? model_load(&subject->model, path, &run->topology, fault)
               : model_random(&subject->model, &preset->config, seed, &run->topology,
                              run->plan.pages, fault)))
        return false;
    if (!activations_make(&subject->activations, &subject->model, rows, ids, fault)) {
        model_free(&subject->model);
        return false;
    }
    subject->expected = malloc(predictions(subject, subject->rows) * sizeof *subject->expected);
    if (!subject->expected) {
        subject_free(subject);
        return fault_memory(fault, "the expected predictions");
    }
    if (!narrow_weights(subject, run, fault) || !fill(subject, &run->plan.law, rows, seed, fault)) {
        subject_free(subject);
        return false;
    }
    ektm_reference(&subject->model.ektm, &subject->activations.memory, subject->rows);
    memcpy(subject->expected, predicted(subject),
           predictions(subject, subject->rows) * sizeof *subject->expected);
    return true;
}

void subject_free(struct subject *subject)
{
    free(subject->expected);
    activations_free(&subject->activations);
    model_free(&subject->model);
    subject->expected = NULL;
}

void subject_forget(struct subject *subject)
{
    float *p = predicted(subject);
    for (size_t i = 0; i < predictions(subject, subject->activations.rows_max); i++)
        p[i] = NAN;
}

double subject_error(const struct subject *subject, size_t rows, const struct formats *formats)
{
    const float *p = predicted(subject);
    double largest = 0;
    for (size_t i = 0; i < predictions(subject, rows); i++) {
        double error = fabs((double)p[i] - (double)subject->expected[i]);
        if (isnan(error))
            return INFINITY;
        largest = fmax(largest, error);
    }
    return largest / prediction_bound(formats, &subject->model.ektm);
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static int compare_rows(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

size_t subject_rows(const struct subject *subject)
{
    size_t rows = 0;
    for (size_t f = 0; f < subject->preset->config.fields; f++)
        rows += subject->preset->config.rows[f];
    return rows;
}

int32_t *subject_table_rows(const struct subject *subject, size_t rows, size_t *count)
{
    const struct ektm_memory *memory = &subject->activations.memory;
    size_t fields = subject->preset->config.fields;
    *count = index_at(&memory->buffer[BUFFER_BAGS], rows * fields);
    int32_t *row = malloc((*count + 1) * sizeof *row);
    for (size_t q = 0; q < rows * fields && row; q++)
        for (size_t i = index_at(&memory->buffer[BUFFER_BAGS], q);
             i < index_at(&memory->buffer[BUFFER_BAGS], q + 1); i++)
            row[i] = (int32_t)(index_at(&memory->first, q % fields) +
                               index_at(&memory->buffer[BUFFER_IDS], i));
    return row;
}

double subject_embedding_bytes(const struct subject *subject, size_t rows, enum dtype dtype)
{
    const struct ektm_config *config = &subject->preset->config;
    size_t ids, different = 0;
    int32_t *row = subject_table_rows(subject, rows, &ids);
    if (row)
        qsort(row, ids, sizeof *row, compare_rows);
    for (size_t i = 0; i < ids; i++)
        different += !row || i == 0 || row[i] != row[i - 1];
    free(row);
    size_t bags = rows * config->fields, vector = config->width * sizeof(float);
    return (double)(different * row_bytes(dtype, config->width) + bags * vector +
                    (ids + bags) * sizeof(int32_t));
}

double subject_layer_bytes(const struct subject *subject, size_t layer, size_t rows)
{
    const struct op *op = subject->model.ektm.layer[layer].op;
    struct call call = ektm_call(&subject->model.ektm, &subject->activations.memory, layer, rows);
    return op == &embedding_op ? subject_embedding_bytes(subject, rows, DTYPE_F32)
                               : op_bytes(op, &call);
}
