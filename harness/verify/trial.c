#include "harness/verify/trial.h"

#include "harness/random.h"
#include "reference/operands.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { EXTENTS_MAX = 40, STREAM_MODES = 3 };

/* Vectors hold 4, 8 or 16 numbers and tiles a few vectors by 4 to 8 rows. */
#define WIDTHS                                                                                     \
    {                                                                                              \
        1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 47, 48, 49, 63, 64, 65, 79, 97, 127,   \
            128, 129, 193, 257                                                                     \
    }
#define ROWS_OF_BATCH                                                                              \
    {                                                                                              \
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 16, 17, 23, 31, 37                               \
    }
#define LENGTHS                                                                                    \
    {                                                                                              \
        1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 127, 128, 129, 191, 255, 256, 257, \
            258, 383, 385, 511, 513, 1025                                                          \
    }
#define FEW_ROWS                                                                                   \
    {                                                                                              \
        0, 1, 2, 3, 5, 8, 9                                                                        \
    }

static const struct awkward {
    const char *op;
    enum axis axis;
    int extent[EXTENTS_MAX];
    size_t count;
} awkward[] = {
#define AWKWARD(op, axis, ...)                                                                     \
    {                                                                                              \
        op, axis, __VA_ARGS__, sizeof((const int[])__VA_ARGS__) / sizeof(int)                      \
    }
    AWKWARD("embedding", BATCH, ROWS_OF_BATCH),
    AWKWARD("embedding", FIELDS, {1, 2, 3, 5, 7, 16, 23}),
    AWKWARD("embedding", WIDTH, WIDTHS),
    AWKWARD("embedding", ROWS, {1, 2, 7, 100, 1000}),
    AWKWARD("dense", BATCH, ROWS_OF_BATCH),
    AWKWARD("dense", IN, LENGTHS),
    AWKWARD("dense", OUT, WIDTHS),
    AWKWARD("router", BATCH, FEW_ROWS),
    AWKWARD("router", TASKS, {1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 17, 33, TASKS_MAX}),
    AWKWARD("router", WIDTH, WIDTHS),
    AWKWARD("transmitter", BATCH, ROWS_OF_BATCH),
    AWKWARD("transmitter", WIDTH, WIDTHS),
    AWKWARD("enhanced", BATCH, ROWS_OF_BATCH),
    AWKWARD("enhanced", WIDTH, WIDTHS),
    AWKWARD("head", BATCH, ROWS_OF_BATCH),
    AWKWARD("head", WIDTH, WIDTHS),
    AWKWARD("head", HIDDEN, WIDTHS),
    AWKWARD("transfer", BATCH, ROWS_OF_BATCH),
    AWKWARD("transfer", WIDTH, WIDTHS),
    AWKWARD("heads", BATCH, ROWS_OF_BATCH),
    AWKWARD("heads", TASKS, {1, 2, 3, 4, 5, 7, 8, 15, 16, 17, TASKS_MAX}),
    AWKWARD("heads", WIDTH, WIDTHS),
    AWKWARD("heads", HIDDEN, WIDTHS),
    AWKWARD("gated", BATCH, ROWS_OF_BATCH),
    AWKWARD("gated", WIDTH, WIDTHS),
    AWKWARD("inputgrad", BATCH, ROWS_OF_BATCH),
    AWKWARD("inputgrad", IN, WIDTHS),
    AWKWARD("inputgrad", OUT, LENGTHS),
    AWKWARD("weightgrad", BATCH, LENGTHS),
    AWKWARD("weightgrad", IN, WIDTHS),
    AWKWARD("weightgrad", OUT, {1,  2,  3,  4,  5,  6,  7,  8,  9,  11, 12, 13,  15,  16,
                                17, 23, 31, 32, 33, 47, 48, 49, 63, 64, 65, 129, 257, 300}),
    AWKWARD("gategrad", BATCH, FEW_ROWS),
    AWKWARD("gategrad", WIDTH, WIDTHS),
    AWKWARD("routergrad", BATCH, {0, 1, 2, 3, 5}),
    AWKWARD("routergrad", TASKS, {1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 17, 33, TASKS_MAX}),
    AWKWARD("routergrad", WIDTH, WIDTHS),
    AWKWARD("similaritygrad", BATCH, ROWS_OF_BATCH),
    AWKWARD("similaritygrad", TASKS, {1, 2, 3, 4, 5, 8, 9, 17, TASKS_MAX}),
    AWKWARD("similaritygrad", WIDTH, WIDTHS),
    AWKWARD("loss", BATCH, ROWS_OF_BATCH),
    AWKWARD("loss", TASKS, {1, 2, 3, 4, 5, 7, 8, 15, 16, 17, TASKS_MAX}),
    AWKWARD("adam", IN, {0,  1,  2,  3,  4,  7,  8,   9,   15,  16,  17,  31,   32,
                         33, 47, 63, 64, 65, 97, 127, 128, 129, 255, 257, 1000, 4097}),
    AWKWARD("adagrad", BATCH, {1, 2, 3, 7, 31}),
    AWKWARD("adagrad", FIELDS, {1, 2, 3, 5, 16}),
    AWKWARD("adagrad", WIDTH, WIDTHS),
    AWKWARD("adagrad", TOUCHED, {0, 1, 2, 3, 7, 23, 64}),
    AWKWARD("mixture", BATCH, FEW_ROWS),
    AWKWARD("mixture", OWN, {1, 2, 3, 5}),
    AWKWARD("mixture", SHARED, {1, 2, 4}),
    AWKWARD("mixture", WIDTH, WIDTHS),
    AWKWARD("mixturegrad", BATCH, FEW_ROWS),
    AWKWARD("mixturegrad", OWN, {1, 2, 3, 5}),
    AWKWARD("mixturegrad", SHARED, {1, 2, 4}),
    AWKWARD("mixturegrad", WIDTH, WIDTHS),
    AWKWARD("match", BATCH, FEW_ROWS),
    AWKWARD("match", VECTORS, {1, 2, 3}),
    AWKWARD("match", WIDTH, WIDTHS),
    AWKWARD("matchgrad", BATCH, FEW_ROWS),
    AWKWARD("matchgrad", VECTORS, {1, 2, 3}),
    AWKWARD("matchgrad", WIDTH, WIDTHS),
    AWKWARD("fma", WIDTH, WIDTHS),
    AWKWARD("fma", STEPS, {0, 1, 2, 3, 7, 17, 100}),
    AWKWARD("dot", WIDTH, WIDTHS),
    AWKWARD("dot", STEPS, {0, 1, 2, 3, 4, 5, 7, 17, 100}),
    AWKWARD("stream", IN, {1, 2, 3, 7, 8, 9, 15, 17, 31, 33, 63, 64, 65, 127, 129, 1000, 4097}),
    AWKWARD("gather", IDS, {0, 1, 2, 3, 7, 8, 9, 31, 100}),
    AWKWARD("gather", WIDTH, WIDTHS),
    AWKWARD("gather", SUMS, {1, 1, 2, 3, 7, 0, 10, 40}),
    AWKWARD("gather", ROWS, {1, 2, 7, 1000}),
#undef AWKWARD
};
enum { AWKWARD = sizeof awkward / sizeof *awkward };

size_t awkward_trials(const struct op *op)
{
    size_t most = 0;
    for (const struct awkward *a = awkward; a < awkward + AWKWARD; a++)
        if (strcmp(a->op, op->name) == 0 && a->count > most)
            most = a->count;
    return strcmp(op->name, "stream") == 0 ? most * STREAM_MODES : most;
}

/* Element `index` of a random order of 0 .. count-1: every round of `count` trials goes through
 * all of them. */
static size_t shuffled(size_t index, size_t count, uint64_t seed, uint64_t stream)
{
    size_t order[EXTENTS_MAX];
    struct random r = random_stream(seed, stream * 1000 + index / count);
    for (size_t i = 0; i < count; i++) {
        size_t j = random_below(&r, i + 1);
        order[i] = order[j];
        order[j] = i;
    }
    return order[index % count];
}

/* Whether inputs meet weights of a narrow format in it. */
static bool multiplies(const struct op *op)
{
    bool narrow = false;
    for (size_t i = 0; i < op->operands; i++)
        narrow = narrow || op->operand[i].narrow;
    return narrow && !op->probe && strcmp(op->name, "embedding") != 0;
}

/* Products that leave out terms of 0. */
static bool may_skip(const struct op *op)
{
    return strcmp(op->name, "dense") == 0 || strcmp(op->name, "gated") == 0 ||
           strcmp(op->name, "inputgrad") == 0 || strcmp(op->name, "weightgrad") == 0;
}

static void choose_training(struct options *o, struct random *r)
{
    o->add = random_below(r, 2);
    o->stop_towers = random_below(r, 4) == 0;
    o->stop_shares = random_below(r, 4) == 0;
    o->hard = (float[]){0, 1, 2}[random_below(r, 3)];
    o->power = (float[]){1, 1, 2, 1.5f}[random_below(r, 4)];
    o->help = (float[]){0, 0.1f, 1}[random_below(r, 3)];
    o->rate = 0.125f;
    o->epsilon = 1e-8f;
    o->beta1 = 0.9f;
    o->beta2 = 0.999f;
    o->decay = (float[]){0, 0.01f}[random_below(r, 2)];
    o->step = (size_t[]){1, 2, 1000}[random_below(r, 3)];
}

static void choose_options(struct trial *trial, size_t index)
{
    static const float taus[] = {1, 0.5f, 0.05f, 3};
    struct random r = random_stream(trial->seed, index);
    trial->options = (struct options){
        .activation = random_below(&r, 2) ? ACTIVATION_RELU : ACTIVATION_NONE,
        .pooling = random_below(&r, 2) ? POOLING_MEAN : POOLING_SUM,
        .similarity = random_below(&r, 3) ? SIMILARITY_SAMPLE : SIMILARITY_TASK,
        .tau = taus[random_below(&r, 4)],
    };
    trial->gap = (size_t[]){0, 1, 5}[random_below(&r, 3)];
    trial->bag_max = random_below(&r, 4) ? 5 : 40;
    trial->extreme = multiplies(trial->op) && random_below(&r, 8) == 0;
    trial->bag_odd = (size_t[]){0, 0, 50, 1000}[random_below(&r, 4)];
    if (trial->op->training)
        choose_training(&trial->options, &r);
    trial->zeros = may_skip(trial->op) && random_below(&r, 2);
}

struct trial awkward_trial(const struct op *op, size_t index, uint64_t seed)
{
    struct trial trial = {.op = op, .seed = random_mix(seed * 1000 + index)};
    size_t *extent = trial.dims.extent;
    for (size_t a = 0; a < AWKWARD; a++)
        if (strcmp(awkward[a].op, op->name) == 0)
            extent[awkward[a].axis] =
                (size_t)awkward[a].extent[shuffled(index, awkward[a].count, seed, a)];
    if (strcmp(op->name, "embedding") == 0)
        extent[ROWS] *= extent[FIELDS];
    if (strcmp(op->name, "heads") == 0 || strcmp(op->name, "loss") == 0)
        extent[HEADS] = extent[TASKS] + 1;
    if (strcmp(op->name, "adagrad") == 0)
        extent[ROWS] = extent[TOUCHED] + trial.seed % 9;
    if (extent[OWN])
        extent[VECTORS] = extent[OWN] + extent[SHARED];
    if (strcmp(op->name, "stream") == 0) {
        size_t mode = index % STREAM_MODES, length = extent[IN];
        extent[IN] = mode == 1 ? 1 : length;
        extent[OUT] = mode == 0 ? 1 : length;
    }
    choose_options(&trial, index);
    return trial;
}

struct trial layer_trial(const struct ektm_preset *preset, const struct ektm_layer *layer,
                         size_t rows, uint64_t seed)
{
    enum { TABLE_ROWS = 1000 };
    struct trial trial = {.op = layer->op,
                          .dims = layer->dims,
                          .options = layer->options,
                          .bag_max = preset->bag_fields ? 2 * preset->bag_ids : 1,
                          .seed = seed};
    trial.dims.extent[BATCH] = rows;
    size_t table_rows = layer->dims.extent[FIELDS] * TABLE_ROWS;
    if (trial.dims.extent[ROWS] > table_rows)
        trial.dims.extent[ROWS] = table_rows;
    return trial;
}

/* Appends to what is in `text`. */
__attribute__((format(printf, 3, 4))) static void append(char *text, size_t size,
                                                         const char *format, ...)
{
    const size_t used = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + used, size - used, format, arguments);
    va_end(arguments);
}

static void describe_training(const struct options *o, char *text, size_t size)
{
    append(text, size, "%s%s%s%s, ", o->activation == ACTIVATION_RELU ? "relu" : "no activation",
           o->add ? ", add" : "", o->stop_towers ? ", stop towers" : "",
           o->stop_shares ? ", stop shares" : "");
    append(text, size, "hard %g^%g, help %g, decay %g, step %zu, ", (double)o->hard,
           (double)o->power, (double)o->help, (double)o->decay, o->step);
}

void trial_describe(const struct trial *trial, char *text, size_t size)
{
    const struct options *o = &trial->options;
    const char *op = trial->op->name;
    text[0] = '\0';
    for (int a = 0; a < AXES; a++)
        if (trial->dims.extent[a] || a == BATCH)
            append(text, size, "%s %zu, ", axis_name((enum axis)a), trial->dims.extent[a]);
    if (strcmp(op, "dense") == 0)
        append(text, size, "%s, ", o->activation == ACTIVATION_RELU ? "relu" : "no activation");
    if (strcmp(op, "embedding") == 0 || strcmp(op, "adagrad") == 0)
        append(text, size, "%s, bags of 0 to %zu%s, ", o->pooling == POOLING_MEAN ? "mean" : "sum",
               trial->bag_max, trial->bag_odd ? ", most of 1" : "");
    if (strcmp(op, "router") == 0 || strcmp(op, "routergrad") == 0)
        append(text, size, "%s, tau %g, ", o->similarity == SIMILARITY_TASK ? "task" : "sample",
               (double)o->tau);
    if (trial->op->training)
        describe_training(o, text, size);
    append(text, size, "%s%sgap %zu, seed %llu", trial->extreme ? "extreme, " : "",
           trial->zeros ? "zeros, " : "", trial->gap, (unsigned long long)trial->seed);
}
