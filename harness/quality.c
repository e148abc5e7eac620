/* `ektm quality`: what narrow formats cost a model in its predictions and in how it ranks. */
#include "harness/bench/quality.h"

#include "harness/arguments.h"
#include "harness/command.h"
#include "harness/model/predictor.h"
#include "harness/model/rows.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REQUEST_ROWS = 64 };

struct comparison {
    const struct arguments *arguments;
    struct topology topology;
    struct model model;
    struct predictor wide, narrow;
    struct activations activations;
    struct rows rows;
    struct team *team;
    struct quality quality;
    size_t request; /* rows */
    size_t requests;
    float *wide_predictions;
};

/* ---- computing ------------------------------------------------------------------------------- */

static bool compare_request(struct comparison *c, size_t rows, struct fault *fault)
{
    const struct tensor *predictions = &c->activations.memory.buffer[BUFFER_P];
    const size_t columns = c->model.ektm.config.tasks + 1;
    if (!predictor_run(&c->wide, &c->activations, rows, c->team, fault))
        return false;
    memcpy(c->wide_predictions, predictions->data, rows * columns * sizeof(float));
    c->requests++;
    return predictor_run(&c->narrow, &c->activations, rows, c->team, fault) &&
           quality_add(&c->quality, c->wide_predictions, predictions->data, c->activations.label,
                       rows, fault);
}

static bool compare_all(struct comparison *c, struct fault *fault)
{
    for (;;) {
        size_t count;
        if (!rows_read(&c->rows, &c->activations, c->request, &count, fault))
            return false;
        if (count == 0)
            break;
        if (!compare_request(c, count, fault))
            return false;
    }
    return c->quality.rows ? true : fault_caller(fault, "%s: has no rows", c->rows.path);
}

/* ---- telling --------------------------------------------------------------------------------- */

static void print_difference(double number)
{
    if (isfinite(number))
        printf("  %+10.2e", number);
    else
        printf("  %10s", "-");
}

static void print_value(const char *format, double number)
{
    if (isfinite(number))
        printf(format, number);
    else
        printf("%9s", "-");
}

static bool print_prediction(const struct comparison *c, size_t p, bool labels, struct fault *fault)
{
    const struct quality *q = &c->quality;
    char name[32];
    struct fit area, loss = quality_loss(q, p);
    prediction_name(q->tasks, p, name, sizeof name);
    printf("%-10s  %10.2e  %10.2e", name, quality_most(q, p), quality_mean(q, p));
    print_value("%9.5f", quality_tau(q, p));
    if (labels && !quality_area(q, p, &area, fault))
        return false;
    if (labels) {
        printf("  |");
        print_value("%9.6f", area.wide);
        print_difference(area.narrow - area.wide);
        printf("  |");
        print_value("%9.6f", loss.wide);
        print_difference(loss.narrow - loss.wide);
    }
    printf("\n");
    return true;
}

static bool report(const struct comparison *c, struct fault *fault)
{
    const struct quality *q = &c->quality;
    const bool labels = quality_has_labels(q);
    char formats[FORMATS_TEXT];
    formats_describe(&c->arguments->formats, &c->model.ektm, formats, sizeof formats);
    printf("formats  %s, against f32, both by %s\n", formats, c->wide.backend->name);
    printf("rows     %zu, in %zu requests of up to %zu\n\n", q->rows, c->requests, c->request);
    printf("%-10s  %10s  %10s%9s", "", "largest", "mean", "tau");
    printf(labels ? "  |%9s  %10s  |%9s  %10s\n" : "\n", "AUC", "change", "log loss", "change");
    for (size_t p = 0; p < q->predictions; p++)
        if (!print_prediction(c, p, labels, fault))
            return false;
    printf(
        "\nlargest, mean: differences from f32; tau: Kendall's, of the rankings within requests\n");
    return true;
}

/* ---- the command ----------------------------------------------------------------------------- */

static bool compose_both(struct comparison *c, struct fault *fault)
{
    const struct arguments *a = c->arguments;
    const char *backend = a->backend.count ? a->backend.name[0] : NULL;
    const struct formats f32 = {.count = 0};
    return formats_check(&a->formats, &c->model.ektm, "--dtype", fault) &&
           model_narrow_all(&c->model, &a->formats, &c->topology, PAGES_THP, fault) &&
           predictor_make(&c->wide, &c->model, backend, &f32, &c->topology, "none", fault) &&
           predictor_make(&c->narrow, &c->model, backend, &a->formats, &c->topology, "none", fault);
}

static bool prepare(struct comparison *c, struct fault *fault)
{
    const struct arguments *a = c->arguments;
    c->request = a->batch.count ? a->batch.size[0] : REQUEST_ROWS;
    c->team = team_start(&c->topology, PLACEMENT_COMPACT, 1, fault);
    if (!c->team || !model_load(&c->model, a->model, &c->topology, fault) ||
        !rows_open(&c->rows, a->input, &c->model.ektm.config, fault))
        return false;
    const size_t ids = c->request * c->model.ektm.config.fields;
    const size_t columns = c->model.ektm.config.tasks + 1;
    quality_make(&c->quality, c->model.ektm.config.tasks);
    c->wide_predictions = malloc(c->request * columns * sizeof(float));
    if (!c->wide_predictions)
        return fault_memory(fault, "predictions");
    return activations_make(&c->activations, &c->model, c->request, ids, fault) &&
           compose_both(c, fault);
}

static void release(struct comparison *c)
{
    predictor_free(&c->wide);
    predictor_free(&c->narrow);
    quality_free(&c->quality);
    free(c->wide_predictions);
    activations_free(&c->activations);
    rows_close(&c->rows);
    model_free(&c->model);
    if (c->team)
        team_stop(c->team);
}

static bool check(const struct arguments *a, struct fault *fault)
{
    if (!a->model)
        return fault_caller(fault, "--model is needed: a .safetensors file");
    if (!a->input)
        return fault_caller(fault, "--input is needed: a CSV file, or - for standard input");
    if (!asks_for_formats(a))
        return fault_caller(fault, "--dtype is needed: bf16, i8, or formats of single layers such "
                                   "as embedding=i8");
    if (a->dtype.count > 1 || a->backend.count > 1 || a->batch.count > 1)
        return fault_caller(fault, "--dtype, --backend and --batch: one of each is allowed, beside "
                                   "LAYER=TYPE in --dtype");
    return true;
}

int quality_command(int argc, char **argv)
{
    struct arguments arguments;
    struct fault fault;
    arguments_parse(
        &arguments,
        TAKES(OPTION_MODEL) | TAKES(OPTION_INPUT) | TAKES_ONE(OPTION_DTYPE) |
            TAKES_ONE(OPTION_BACKEND) | TAKES_ONE(OPTION_BATCH),
        "Predicts the rows twice, in f32 and in other number formats, and tells what that "
        "changes: the predictions, how they rank within each request (so many rows, 64 "
        "unless --batch says otherwise), and, where the rows have labels, area under the "
        "curve and log loss.",
        argc, argv);
    struct comparison c = {.arguments = &arguments};
    if (!check(&arguments, &fault) || !topology_load(&c.topology, NULL, &fault))
        return fault_print(&fault);
    bool fine = prepare(&c, &fault) && compare_all(&c, &fault) && report(&c, &fault);
    release(&c);
    topology_free(&c.topology);
    return fine ? STATUS_DONE : fault_print(&fault);
}
