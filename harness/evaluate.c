/* `ektm evaluate`: how well predictions, of a model or from a file, rank and fit labelled rows. */
#include "harness/data/evaluation.h"

#include "harness/arguments.h"
#include "harness/command.h"
#include "harness/data/dataset.h"
#include "harness/data/write.h"
#include "harness/model/predictor.h"

#include <math.h>
#include <stdlib.h>

enum { PIECE_ROWS = 4096 };

struct evaluated {
    const struct arguments *arguments;
    const char *predictions; /* NULL: the model's */
    struct topology topology;
    struct team *team;
    struct model model;
    struct predictor predictor;
    struct activations activations;
    struct rows rows;
    struct evaluation evaluation;
};

static bool next_piece(struct evaluated *e, struct activations *activations, size_t *count,
                       struct fault *fault)
{
    return rows_read(&e->rows, activations, PIECE_ROWS, count, fault);
}

static bool has_rows(const struct evaluated *e, struct fault *fault)
{
    return e->evaluation.rows ? true : fault_caller(fault, "%s: has no rows", e->rows.path);
}

static bool has_labels(const struct evaluated *e, struct fault *fault)
{
    return rows_have_label(&e->rows, 0)
               ? true
               : fault_caller(fault,
                              "%s:1: column 'click' is missing; predictions are held "
                              "against it",
                              e->rows.path);
}

/* ---- of a model ------------------------------------------------------------------------------ */

static bool compose_model(struct evaluated *e, struct fault *fault)
{
    const struct arguments *a = e->arguments;
    const struct formats *formats = asks_for_formats(a) ? &a->formats : &e->model.formats;
    return formats_check(formats, &e->model.ektm, "--dtype", fault) &&
           model_narrow_all(&e->model, formats, &e->topology, PAGES_THP, fault) &&
           predictor_make(&e->predictor, &e->model, a->backend.count ? a->backend.name[0] : NULL,
                          formats, &e->topology, a->tuning, fault);
}

static bool prepare_model(struct evaluated *e, struct fault *fault)
{
    const struct arguments *a = e->arguments;
    const size_t members = a->threads.count ? a->threads.size[0] : 1;
    e->team = team_start(&e->topology, PLACEMENT_COMPACT, members, fault);
    if (!e->team || !model_load(&e->model, a->model, &e->topology, fault) ||
        !rows_open(&e->rows, a->input, &e->model.ektm.config, fault) || !has_labels(e, fault))
        return false;
    evaluation_begin(&e->evaluation, e->model.ektm.config.tasks);
    return activations_make(&e->activations, &e->model, PIECE_ROWS,
                            PIECE_ROWS * e->model.ektm.config.fields, fault) &&
           compose_model(e, fault);
}

static bool predict_all(struct evaluated *e, struct fault *fault)
{
    for (;;) {
        size_t count;
        if (!next_piece(e, &e->activations, &count, fault))
            return false;
        if (count == 0)
            return has_rows(e, fault);
        if (!predictor_run(&e->predictor, &e->activations, count, e->team, fault) ||
            !evaluation_add_batch(&e->evaluation, &e->activations, count, fault))
            return false;
    }
}

static void release_model(struct evaluated *e)
{
    predictor_free(&e->predictor);
    activations_free(&e->activations);
    rows_close(&e->rows);
    model_free(&e->model);
    if (e->team)
        team_stop(e->team);
}

/* ---- from a file ----------------------------------------------------------------------------- */

/* A row of predictions for each of the batch's. */
static bool add_piece(struct evaluated *e, struct prediction_file *file,
                      const struct activations *activations, size_t count, struct fault *fault)
{
    double row[PREDICTIONS_MAX];
    for (size_t b = 0; b < count; b++) {
        bool end;
        if (!predictions_read(file, row, &end, fault))
            return false;
        if (end)
            return fault_caller(fault, "%s: ends after %zu rows; %s has more", file->lines.path,
                                e->evaluation.rows, e->rows.path);
        if (!evaluation_add(&e->evaluation, row, activations->label + b * (file->tasks + 1),
                            activations->user[b], fault))
            return false;
    }
    return true;
}

static bool read_pieces(struct evaluated *e, struct prediction_file *file,
                        struct activations *activations, struct fault *fault)
{
    for (;;) {
        double row[PREDICTIONS_MAX];
        size_t count;
        bool end;
        if (!next_piece(e, activations, &count, fault) ||
            !add_piece(e, file, activations, count, fault))
            return false;
        if (count)
            continue;
        if (!predictions_read(file, row, &end, fault))
            return false;
        return end ? has_rows(e, fault)
                   : fault_caller(fault, "%s:%zu: is one row too many; %s has %zu",
                                  file->lines.path, file->lines.line, e->rows.path,
                                  e->evaluation.rows);
    }
}

static bool read_predictions(struct evaluated *e, struct fault *fault)
{
    struct prediction_file file;
    struct ektm_config config;
    struct batch batch;
    if (!predictions_open(&file, e->predictions, fault))
        return false;
    evaluation_begin(&e->evaluation, file.tasks);
    bool fine = rows_sizes(e->arguments->input, &config, fault);
    if (fine && config.tasks > file.tasks)
        fine = fault_caller(fault, "%s: has labels of %zu conversions; %s predicts %zu",
                            e->arguments->input, config.tasks, e->predictions, file.tasks);
    config.tasks = file.tasks;
    fine = fine && rows_open(&e->rows, e->arguments->input, &config, fault) && has_labels(e, fault);
    if (fine && batch_make(&batch, &config, PIECE_ROWS, fault)) {
        fine = read_pieces(e, &file, &batch.activations, fault);
        batch_free(&batch);
    }
    rows_close(&e->rows);
    predictions_close(&file);
    return fine;
}

/* ---- telling --------------------------------------------------------------------------------- */

static void print_number(const char *format, double number)
{
    if (isfinite(number))
        printf(format, number);
    else
        printf("%10s", "-");
}

static void print_measures(const char *name, const struct measures *m)
{
    const struct calibration *c = &m->calibration;
    printf("%-10s%10zu%10zu", name, m->rows, m->positives);
    print_number("%10.6f", m->area);
    print_number("%10.6f", m->by_user.area);
    printf("%9zu", m->by_user.groups);
    print_number("%10.6f", m->loss);
    print_number("%10.4f", c->predicted / c->observed);
    print_number("%10.6f\n", c->error);
}

/* The same with all digits, for programs. */
static void write_measures(FILE *file, const char *name, const struct measures *m)
{
    const struct calibration *c = &m->calibration;
    const double number[] = {m->area,      m->by_user.area, m->loss,
                             c->predicted, c->observed,     c->error};
    fprintf(file, "%s,%zu,%zu,%zu", name, m->rows, m->positives, m->by_user.groups);
    for (size_t i = 0; i < sizeof number / sizeof *number; i++)
        fprintf(file, isfinite(number[i]) ? ",%.17g" : ",", number[i]);
    fprintf(file, "\n");
}

static bool report(const struct evaluation *e, FILE *file, struct fault *fault)
{
    printf("%-10s%10s%10s%10s%10s%9s%10s%10s%10s\n", "", "rows", "positive", "AUC", "GAUC", "users",
           "log loss", "pred/obs", "ECE");
    if (file)
        fprintf(file, "prediction,rows,positives,users,auc,gauc,log_loss,predicted,observed,ece\n");
    for (size_t p = 0; p < e->predictions; p++) {
        struct measures m;
        char name[32];
        if (!evaluation_measure(e, p, &m, fault))
            return false;
        prediction_name(e->tasks, p, name, sizeof name);
        print_measures(name, &m);
        if (file)
            write_measures(file, name, &m);
    }
    printf("\nGAUC: mean AUC within users who tell, by their rows; pred/obs: mean prediction over "
           "share of positives;\nECE: expected calibration error, %d bins of as many rows each\n",
           CALIBRATION_BINS);
    return true;
}

static bool tell(const struct evaluated *e, struct fault *fault)
{
    struct output out;
    if (!e->arguments->out)
        return report(&e->evaluation, NULL, fault);
    if (!output_open(&out, e->arguments->out, fault))
        return false;
    const bool fine = report(&e->evaluation, out.file, fault);
    return output_close(&out, fine, fault);
}

/* ---- the command ----------------------------------------------------------------------------- */

static bool evaluate_model(struct evaluated *e, struct fault *fault)
{
    if (!topology_load(&e->topology, NULL, fault))
        return false;
    bool fine = prepare_model(e, fault) && predict_all(e, fault);
    release_model(e);
    topology_free(&e->topology);
    return fine;
}

static bool check(const struct arguments *a, const char *predictions, struct fault *fault)
{
    if (!a->input)
        return fault_caller(fault, "--input is needed: a CSV file of rows with labels");
    if (!a->model == !predictions)
        return fault_caller(fault, "one of --model and --predictions is needed: a .safetensors "
                                   "file, or a CSV file of predictions for the same rows");
    if (predictions && (a->backend.count || asks_for_formats(a) || a->threads.count))
        return fault_caller(fault, "--backend, --dtype and --threads go with --model");
    if (a->dtype.count > 1 || a->backend.count > 1 || a->threads.count > 1)
        return fault_caller(fault, "--dtype, --backend and --threads: one of each is allowed, "
                                   "beside LAYER=TYPE in --dtype");
    return true;
}

int evaluate_command(int argc, char **argv)
{
    struct arguments arguments;
    struct fault fault;
    struct evaluated e = {.arguments = &arguments};
    const struct own_option own[] = {
        {.name = "predictions",
         .value = "FILE",
         .about = "Predictions of the rows, a CSV file, in place of a model's",
         .text = &e.predictions},
        {.name = NULL},
    };
    arguments_parse_own(&arguments,
                        TAKES(OPTION_MODEL) | TAKES(OPTION_INPUT) | TAKES_ONE(OPTION_DTYPE) |
                            TAKES_ONE(OPTION_BACKEND) | TAKES_ONE(OPTION_THREADS) |
                            TAKES(OPTION_TUNING) | TAKES(OPTION_OUT),
                        own,
                        "Holds predictions, of a model or from a file, against the labels of the "
                        "rows: area under the ROC curve of all rows and within users, log loss, "
                        "calibration; pCTR over all rows, pCVR over clicked ones, pCTCVR over all. "
                        "--out: a CSV file of the same with all digits.",
                        argc, argv);
    bool fine = check(&arguments, e.predictions, &fault) &&
                (e.predictions ? read_predictions(&e, &fault) : evaluate_model(&e, &fault)) &&
                tell(&e, &fault);
    evaluation_free(&e.evaluation);
    return fine ? STATUS_DONE : fault_print(&fault);
}
