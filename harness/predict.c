/* `ektm predict`: the predictions of a model for rows of a CSV file, read, computed and written
 * piece by piece, so that memory does not grow with their number. */
#include "harness/arguments.h"
#include "harness/command.h"
#include "harness/fault.h"
#include "harness/machine/team.h"
#include "harness/model/predictions.h"
#include "harness/model/predictor.h"
#include "harness/model/rows.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { THREAD_ROWS = 64, USUAL_ROWS_MAX = 4096 };

struct prediction {
    const struct arguments *arguments;
    struct topology topology;
    struct model model;
    struct predictor predictor;
    struct activations activations;
    struct rows rows;
    struct team *team;
    size_t batch; /* rows of a piece */
    FILE *out;
    const char *out_name;
};

/* ---- model ----------------------------------------------------------------------------------- */

static bool compose_model(struct prediction *p, struct fault *fault)
{
    const struct arguments *a = p->arguments;
    const struct formats *formats = asks_for_formats(a) ? &a->formats : &p->model.formats;
    char text[FORMATS_TEXT];
    bool fine = formats_check(formats, &p->model.ektm, "--dtype", fault);
    for (enum dtype d = 0; d < DTYPES && fine; d++)
        fine = !formats_include(formats, &p->model.ektm, d) ||
               model_narrow(&p->model, d, &p->topology, PAGES_THP, fault);
    if (!fine ||
        !predictor_make(&p->predictor, &p->model, a->backend.count ? a->backend.name[0] : NULL,
                        formats, &p->topology, a->tuning, fault))
        return false;
    formats_describe(formats, &p->model.ektm, text, sizeof text);
    fprintf(stderr, "backend %s (%s), formats %s, threads %zu, batches of %zu\n",
            p->predictor.backend->name, isa_name(p->predictor.isa), text, team_members(p->team),
            p->batch);
    if (*p->predictor.composed.borrowed)
        fprintf(stderr, "borrowed: %s\n", p->predictor.composed.borrowed);
    if (p->predictor.composed.cut_changes_bits)
        fprintf(stderr, "%s: last bits of the predictions may depend on --threads and --batch\n",
                p->predictor.backend->name);
    return true;
}

/* ---- threads --------------------------------------------------------------------------------- */

/* One for each core, as far as the quota goes. */
static size_t usual_threads(const struct topology *topology)
{
    size_t granted = (size_t)ceil(topology->quota);
    return granted > 0 && granted < topology->cores ? granted : topology->cores;
}

static bool start_team(struct prediction *p, struct fault *fault)
{
    const struct arguments *a = p->arguments;
    size_t members = a->threads.count ? a->threads.size[0] : usual_threads(&p->topology);
    size_t usual = members * THREAD_ROWS < USUAL_ROWS_MAX ? members * THREAD_ROWS : USUAL_ROWS_MAX;
    p->batch = a->batch.count ? a->batch.size[0] : usual;
    p->team = team_start(&p->topology, PLACEMENT_COMPACT, members, fault);
    return p->team != NULL;
}

/* ---- output ---------------------------------------------------------------------------------- */

static bool same_file(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* Opened when everything else is ready, so that a mistake costs no older predictions. */
static bool open_output(struct prediction *p, struct fault *fault)
{
    const char *path = p->arguments->out;
    p->out = stdout;
    p->out_name = "standard output";
    if (!path)
        return true;
    if (same_file(path, p->arguments->model) || same_file(path, p->arguments->input))
        return fault_caller(fault, "--out: %s is also what is read", path);
    p->out_name = path;
    p->out = fopen(path, "we");
    return p->out ? true
                  : fault_caller(fault, "--out: %s: cannot be created: %s", path, strerror(errno));
}

static bool output_fault(const struct prediction *p, struct fault *fault)
{
    return fault_machine(fault, "%s: cannot be written: %s", p->out_name, strerror(errno));
}

static bool flush(const struct prediction *p, struct fault *fault)
{
    return fflush(p->out) == 0 && !ferror(p->out) ? true : output_fault(p, fault);
}

static bool write_names(const struct prediction *p, struct fault *fault)
{
    predictions_write_names(p->out, p->model.ektm.config.tasks);
    return flush(p, fault);
}

static bool write_predictions(const struct prediction *p, size_t count, struct fault *fault)
{
    size_t tasks = p->model.ektm.config.tasks;
    const struct tensor *predictions = &p->activations.memory.buffer[BUFFER_P];
    for (size_t b = 0; b < count; b++) {
        const float *row = (const float *)predictions->data + b * predictions->ld;
        for (size_t i = 0; i <= tasks; i++)
            if (!isfinite(row[i]))
                return fault_caller(fault,
                                    "%s:%zu: the prediction of task %zu is no number: the model's "
                                    "weights and the row's numbers overflow 32 bits",
                                    p->rows.path, p->rows.first_line + b, i);
        for (size_t i = 0; i <= tasks; i++)
            fprintf(p->out, i ? ",%.9g" : "%.9g", (double)row[i]);
        for (size_t i = 1; i <= tasks; i++)
            fprintf(p->out, ",%.9g", (double)row[0] * (double)row[i]);
        fprintf(p->out, "\n");
    }
    return flush(p, fault);
}

/* ---- pass ------------------------------------------------------------------------------------ */

static bool predict(struct prediction *p, size_t count, struct fault *fault)
{
    return predictor_run(&p->predictor, &p->activations, count, p->team, fault) &&
           write_predictions(p, count, fault);
}

/* The rows before a damaged one are predicted and written before it is reported. */
static bool predict_all(struct prediction *p, struct fault *fault)
{
    if (!write_names(p, fault))
        return false;
    for (;;) {
        size_t count;
        struct fault damage;
        bool whole = rows_read(&p->rows, &p->activations, p->batch, &count, &damage);
        if (count && !predict(p, count, fault))
            return false;
        if (!whole) {
            *fault = damage;
            return false;
        }
        if (!count)
            return true;
    }
}

static bool prepare(struct prediction *p, struct fault *fault)
{
    const struct arguments *a = p->arguments;
    if (!start_team(p, fault) || !model_load(&p->model, a->model, &p->topology, fault) ||
        !rows_open(&p->rows, a->input, &p->model.ektm.config, fault))
        return false;
    size_t ids = p->batch * p->model.ektm.config.fields; /* one in each bag: more make it grow */
    return activations_make(&p->activations, &p->model, p->batch, ids, fault) &&
           compose_model(p, fault) && open_output(p, fault);
}

static bool close_output(struct prediction *p, struct fault *fault)
{
    if (!p->out || p->out == stdout)
        return true;
    return fclose(p->out) == 0 ? true : output_fault(p, fault);
}

static void release(struct prediction *p)
{
    predictor_free(&p->predictor);
    activations_free(&p->activations);
    rows_close(&p->rows);
    model_free(&p->model);
    if (p->team)
        team_stop(p->team);
}

static bool run(struct prediction *p, struct fault *fault)
{
    struct fault late;
    bool fine = prepare(p, fault) && predict_all(p, fault);
    if (!close_output(p, &late) && fine) {
        *fault = late;
        fine = false;
    }
    release(p);
    return fine;
}

static bool check(const struct arguments *a, struct fault *fault)
{
    if (!a->model)
        return fault_caller(fault, "--model is needed: a .safetensors file");
    if (!a->input)
        return fault_caller(fault, "--input is needed: a CSV file, or - for standard input");
    if (a->backend.count > 1)
        return fault_caller(fault, "--backend: one at a time predicts, %zu are given",
                            a->backend.count);
    if (a->dtype.count > 1)
        return fault_caller(fault,
                            "--dtype: %zu formats are given for all layers; one is allowed, "
                            "and LAYER=TYPE for single ones",
                            a->dtype.count);
    if (a->threads.count > 1)
        return fault_caller(fault, "--threads: %zu numbers are given; one is allowed",
                            a->threads.count);
    return a->batch.count <= 1 ? true
                               : fault_caller(fault,
                                              "--batch: %zu numbers are given; one is "
                                              "allowed",
                                              a->batch.count);
}

int predict_command(int argc, char **argv)
{
    struct arguments arguments;
    struct fault fault;
    arguments_parse(&arguments,
                    TAKES(OPTION_MODEL) | TAKES(OPTION_INPUT) | TAKES_ONE(OPTION_DTYPE) |
                        TAKES_ONE(OPTION_BACKEND) | TAKES_ONE(OPTION_THREADS) |
                        TAKES_ONE(OPTION_BATCH) | TAKES(OPTION_TUNING) | TAKES(OPTION_OUT),
                    "Reads rows and writes a line of predictions for each, in their order. By "
                    "default with the best hand-tuned backend that runs here, on every core, to "
                    "standard output. The predictions do not depend on --threads or --batch; with "
                    "another library as the backend their last bits may.",
                    argc, argv);
    struct prediction p = {.arguments = &arguments};
    signal(SIGPIPE, SIG_IGN); /* a reader that leaves is an error of writing, with its sentence */
    if (!check(&arguments, &fault) || !topology_load(&p.topology, NULL, &fault))
        return fault_print(&fault);
    bool fine = run(&p, &fault);
    topology_free(&p.topology);
    return fine ? STATUS_DONE : fault_print(&fault);
}
