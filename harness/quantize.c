/* `ektm quantize`: a model's weights in narrower formats, and what that saves and costs. */
#include "harness/arguments.h"
#include "harness/command.h"
#include "harness/model/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A layer's weights in f32 and in its format; of a per-task layer those of all tasks. */
struct cost {
    double elements, wide_bytes, bytes;
    double square, error_square; /* sums over the elements */
};

static void add_rows(struct cost *cost, const struct tensor *wide, const struct tensor *narrow,
                     size_t rows, size_t columns)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++) {
            const double value = real_at(wide, r, c), error = value - real_at(narrow, r, c);
            cost->square += value * value;
            cost->error_square += error * error;
        }
    cost->elements += (double)(rows * columns);
    cost->wide_bytes += (double)(rows * row_bytes(wide->dtype, columns));
    cost->bytes += (double)(rows * row_bytes(narrow->dtype, columns));
}

/* The operands of one layer that formats are about. */
static void add_layer(struct cost *cost, const struct model *model, size_t layer, enum dtype dtype)
{
    const struct ektm_memory memory = {
        .weight = model->weight, .table = model->table, .first = model->first};
    const struct op *op = model->ektm.layer[layer].op;
    const struct call wide = model_call(model, &memory, layer, 0, DTYPE_F32);
    const struct call narrow = model_call(model, &memory, layer, 0, dtype);
    for (size_t i = 0; i < op->operands; i++)
        if (op->operand[i].narrow)
            add_rows(cost, &wide.tensor[i], &narrow.tensor[i],
                     operand_rows(&op->operand[i], &wide.dims),
                     operand_row(&op->operand[i], &wide.dims));
}

static void print_cost(const char *name, const char *format, const struct cost *cost)
{
    const double kib = 1 << 10, error = sqrt(cost->error_square / cost->square);
    printf("%-12s %-6s %12.0f %11.1f %11.1f", name, format, cost->elements, cost->wide_bytes / kib,
           cost->bytes / kib);
    if (isfinite(error))
        printf("  %8.2e\n", error);
    else
        printf("  %8s\n", "-");
}

/* Of each layer. A number that leaves the range of its format is a fault. */
static bool measure(struct cost *cost, const struct model *model, const struct formats *formats,
                    struct fault *fault)
{
    for (size_t l = 0; l < model->ektm.layers; l++) {
        const struct ektm_layer *layer = &model->ektm.layer[l];
        const enum dtype dtype = formats_of(formats, layer);
        add_layer(&cost[l], model, l, dtype);
        if (!isfinite(cost[l].error_square))
            return fault_caller(fault, "--dtype: layer %s has weights too large for %s",
                                layer->name, dtype_name(dtype));
    }
    return true;
}

static void add_cost(struct cost *to, const struct cost *cost)
{
    to->elements += cost->elements;
    to->wide_bytes += cost->wide_bytes;
    to->bytes += cost->bytes;
    to->square += cost->square;
    to->error_square += cost->error_square;
}

static void report(const struct cost *cost, const struct ektm *ektm, const struct formats *formats)
{
    struct cost all = {0}, layer = {0};
    printf("%-12s %-6s %12s %11s %11s  %s\n", "layer", "format", "weights", "f32 KiB", "KiB",
           "error");
    for (size_t l = 0; l < ektm->layers; l++) {
        if (!ektm_repeats(ektm, l))
            layer = (struct cost){0};
        add_cost(&layer, &cost[l]);
        const bool last = l + 1 == ektm->layers || !ektm_repeats(ektm, l + 1);
        if (!last || layer.elements == 0)
            continue;
        print_cost(ektm->layer[l].name, dtype_name(formats_of(formats, &ektm->layer[l])), &layer);
        add_cost(&all, &layer);
    }
    print_cost("all", formats_kind(formats, ektm), &all);
    printf("error: root of the mean square of what rounding changes, over that of the weights;\n"
           "`ektm quality` tells what it does to predictions\n");
}

static bool write_and_report(const struct model *model, const struct arguments *a,
                             struct fault *fault)
{
    struct cost *cost = calloc(model->ektm.layers, sizeof *cost);
    if (!cost)
        return fault_memory(fault, "what layers cost");
    bool fine =
        measure(cost, model, &a->formats, fault) && model_save(model, &a->formats, a->out, fault);
    if (fine)
        report(cost, &model->ektm, &a->formats);
    free(cost);
    return fine;
}

static bool quantize(const struct arguments *a, const struct topology *topology,
                     struct fault *fault)
{
    struct model model;
    if (!model_load(&model, a->model, topology, fault))
        return false;
    bool fine = formats_check(&a->formats, &model.ektm, "--dtype", fault) &&
                model_narrow_all(&model, &a->formats, topology, PAGES_THP, fault) &&
                write_and_report(&model, a, fault);
    model_free(&model);
    return fine;
}

static bool check(const struct arguments *a, struct fault *fault)
{
    if (!a->model)
        return fault_caller(fault, "--model is needed: a .safetensors file");
    if (!a->out)
        return fault_caller(fault, "--out is needed: the file to write");
    if (!asks_for_formats(a))
        return fault_caller(fault, "--dtype is needed: bf16, i8, or formats of single layers such "
                                   "as embedding=i8");
    return a->dtype.count <= 1
               ? true
               : fault_caller(fault,
                              "--dtype: %zu formats are given for all layers; one is allowed, "
                              "and LAYER=TYPE for single ones",
                              a->dtype.count);
}

int quantize_command(int argc, char **argv)
{
    struct arguments arguments;
    struct topology topology;
    struct fault fault;
    arguments_parse(
        &arguments, TAKES(OPTION_MODEL) | TAKES_ONE(OPTION_DTYPE) | TAKES(OPTION_OUT),
        "Writes a model with its weights in other number formats. bf16 is rounded to "
        "nearest; i8 has a scale for each output of a layer (NAME.scale) and a scale and "
        "an offset for each row of a table (NAME.scale, NAME.offset). Whoever reads the "
        "file computes in those formats unless --dtype says otherwise. Tells the size, and "
        "what rounding does to the weights.",
        argc, argv);
    if (!check(&arguments, &fault) || !topology_load(&topology, NULL, &fault))
        return fault_print(&fault);
    bool fine = quantize(&arguments, &topology, &fault);
    topology_free(&topology);
    return fine ? STATUS_DONE : fault_print(&fault);
}
