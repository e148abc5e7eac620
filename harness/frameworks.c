/* `ektm frameworks`: the whole model in PyTorch and ONNX Runtime, on the same weights and the same
 * batches as ours, in the same rounds of samples. */
#include "harness/bench/models.h"
#include "harness/bench/report.h"
#include "harness/command.h"
#include "harness/frameworks/worker.h"
#include "reference/operands.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a framework's prediction may differ from ours. */
#define AGREEMENT 1e-4

#define PYTORCH      "harness/frameworks/pytorch.py"
#define ONNXRUNTIME  "harness/frameworks/onnxruntime.js"
#define NODE_MODULES "build/frameworks/node_modules"
enum { WORKERS_MAX = 3, PATHS = 512 };

struct frameworks {
    struct run run;
    struct request request;
    struct subject subject;
    struct models models;
    struct contender *ours;
    char folder[64]; /* of weights and rows for the workers */
    size_t workers;
    struct worker worker[WORKERS_MAX];
    bool wrong[WORKERS_MAX];
    bool any, has_onnx;
    const char *python, *node;
};

/* ---- what workers read ----------------------------------------------------------------------- */

static bool write_numbers(const struct frameworks *f, const char *name, const void *data,
                          size_t bytes, struct fault *fault)
{
    char path[PATHS];
    snprintf(path, sizeof path, "%s/%s", f->folder, name);
    FILE *out = fopen(path, "we");
    bool fine = out && fwrite(data, 1, bytes, out) == bytes;
    fine = out && fclose(out) == 0 && fine;
    return fine ? true : fault_machine(fault, "cannot write '%s': %s", path, strerror(errno));
}

/* The model's weights as a safetensors file, and the rows' ids, bags and dense features as plain
 * little-endian numbers. */
static bool write_inputs(const struct frameworks *f, struct fault *fault)
{
    char path[PATHS];
    const struct activations *a = &f->subject.activations;
    const struct ektm_config *config = &f->subject.preset->config;
    const struct tensor *buffer = a->memory.buffer;
    snprintf(path, sizeof path, "%s/weights.safetensors", f->folder);
    return model_save(&f->subject.model, &(struct formats){.count = 0}, path, fault) &&
           write_numbers(f, "ids.i32", buffer[BUFFER_IDS].data, a->memory.ids * sizeof(int32_t),
                         fault) &&
           write_numbers(f, "bags.i32", buffer[BUFFER_BAGS].data,
                         (a->rows_max * config->fields + 1) * sizeof(int32_t), fault) &&
           write_numbers(f, "dense.f32", buffer[BUFFER_DENSE].data,
                         a->rows_max * config->dense * sizeof(float), fault);
}

/* ---- workers --------------------------------------------------------------------------------- */

/* The first `threads` processors in the order of the seating. */
static bool seats(const struct run *run, cpu_set_t *cpus)
{
    size_t *order = malloc(run->topology.pus * sizeof *order);
    if (!order)
        return false;
    CPU_ZERO(cpus);
    placement_order(&run->topology, run->seating.placement, order);
    for (size_t i = 0; i < run->seating.threads && i < run->topology.pus; i++)
        if (run->topology.pu[order[i]].os < CPU_SETSIZE)
            CPU_SET(run->topology.pu[order[i]].os, cpus);
    free(order);
    return true;
}

/* Starts one; where it cannot start, says which package brings it and goes on without. */
static void start(struct frameworks *f, const char *framework, const char *package,
                  char *const argv[])
{
    cpu_set_t cpus;
    struct fault fault;
    struct worker *worker = &f->worker[f->workers];
    fprintf(stderr, "starting %s, threads: %zu\n", framework, f->run.seating.threads);
    if (worker_start(worker, framework, argv, seats(&f->run, &cpus) ? &cpus : NULL, &fault))
        f->workers++;
    else
        printf("skipped %s: %s; %s brings it\n", framework, fault.text, package);
}

static void start_pytorch(struct frameworks *f, const char *mode)
{
    char threads[24];
    snprintf(threads, sizeof threads, "%zu", f->run.seating.threads);
    char *argv[] = {(char *)(uintptr_t)f->python, PYTORCH,     "--folder", f->folder, "--mode",
                    (char *)(uintptr_t)mode,      "--threads", threads,    NULL};
    start(f, "pytorch", "Debian's python3-torch", argv);
}

static void start_onnxruntime(struct frameworks *f)
{
    char threads[24];
    snprintf(threads, sizeof threads, "%zu", f->run.seating.threads);
    char *argv[] = {(char *)(uintptr_t)f->node, ONNXRUNTIME, f->folder, threads, NULL};
    start(f, "onnxruntime", "npm's onnxruntime-node, by `make bench-frameworks`,", argv);
}

/* PyTorch writes the file that ONNX Runtime reads. */
static bool export(const struct frameworks *f)
{
    char line[PATHS + 128];
    snprintf(line, sizeof line, "%s " PYTORCH " --folder %s --mode export 2>%s/export.log",
             f->python, f->folder, f->folder);
    return system(line) == 0;
}

static void start_all(struct frameworks *f)
{
    f->workers = 0;
    memset(f->wrong, 0, sizeof f->wrong);
    start_pytorch(f, "eager");
    start_pytorch(f, "torchscript");
    if (f->has_onnx)
        start_onnxruntime(f);
    f->any = f->any || f->workers;
}

static void stop_all(struct frameworks *f)
{
    for (size_t w = 0; w < f->workers; w++)
        worker_stop(&f->worker[w]);
    f->workers = 0;
}

/* ---- predictions ----------------------------------------------------------------------------- */

/* The largest difference to our predictions, of the rows that are in BUFFER_P; INFINITY: NaN. */
static bool differ(const struct frameworks *f, struct worker *worker, size_t rows, double *largest,
                   struct fault *fault)
{
    char path[PATHS], line[PATHS + 16];
    size_t count = rows * f->subject.model.ektm.buffer_width[BUFFER_P];
    const float *ours = f->subject.activations.memory.buffer[BUFFER_P].data;
    float *theirs = malloc(count * sizeof *theirs);
    if (!theirs)
        return fault_memory(fault, "predictions");
    snprintf(path, sizeof path, "%s/predictions.f32", f->folder);
    snprintf(line, sizeof line, "predict %s", path);
    bool fine = worker_ask(worker, line, "done", NULL, 0, fault);
    FILE *in = fine ? fopen(path, "re") : NULL;
    size_t got = in ? fread(theirs, sizeof *theirs, count, in) : 0;
    if (in)
        fclose(in);
    if (fine && got != count)
        fine =
            fault_machine(fault, "%s predicted %zu numbers of %zu", worker->framework, got, count);
    *largest = 0;
    for (size_t i = 0; i < got; i++)
        *largest =
            isnan(theirs[i]) ? INFINITY : fmax(*largest, fabs((double)theirs[i] - (double)ours[i]));
    free(theirs);
    return fine;
}

static void name_worker(json_t *record, const struct worker *worker)
{
    char name[160], path[200];
    snprintf(path, sizeof path, "%s, version %s", worker->path, worker->version);
    snprintf(name, sizeof name, "model_%s_%s_%s", dtype_name(DTYPE_F32), worker->framework,
             strcmp(worker->path, "eager") == 0 ? "eager"
             : strstr(worker->path, "Script")   ? "torchscript"
                                                : "cpu");
    record_text(record, "name", name);
    record_text(record, "backend", worker->framework);
    record_text(record, "path", path);
}

/* A line for a worker whose predictions differ: no time of it is published. */
static bool record_wrong(struct frameworks *f, const struct worker *worker, size_t rows,
                         double largest, struct fault *fault)
{
    char reason[128];
    json_t *record = record_new(KIND_SKIP, f->run.journal.run);
    name_worker(record, worker);
    json_object_del(record, "path");
    snprintf(reason, sizeof reason, "a prediction differs from ours by %.3g; %g is allowed",
             largest, AGREEMENT);
    record_text(record, "op", "model");
    record_text(record, "preset", f->subject.preset->name);
    record_dims(record, &(struct dims){.extent = {[BATCH] = rows}});
    record_count(record, "threads", f->run.seating.threads);
    record_number(record, "error", largest / AGREEMENT);
    record_text(record, "verdict", "invalid");
    record_text(record, "reason", reason);
    printf("INVALID %s, %s, %zu rows: %s\n", worker->framework, worker->path, rows, reason);
    f->run.invalid++;
    return journal_add(&f->run.journal, record, fault);
}

/* ---- one batch ------------------------------------------------------------------------------- */

/* Ours first, then the workers whose predictions agree. */
struct contest {
    size_t count;
    struct competitor competitor[1 + WORKERS_MAX];
    struct worker *worker[1 + WORKERS_MAX];
    double error[1 + WORKERS_MAX];
};

static bool enter_workers(struct frameworks *f, struct contest *contest, size_t rows,
                          struct fault *fault)
{
    char line[32];
    snprintf(line, sizeof line, "batch %zu", rows);
    for (size_t w = 0; w < f->workers; w++) {
        struct worker *worker = &f->worker[w];
        double largest = 0;
        if (!worker_ask(worker, line, "ready", NULL, 0, fault) ||
            !differ(f, worker, rows, &largest, fault))
            return false;
        if (!(largest <= AGREEMENT)) {
            if (!record_wrong(f, worker, rows, largest, fault))
                return false;
            continue;
        }
        contest->error[contest->count] = largest / AGREEMENT;
        contest->worker[contest->count] = worker;
        contest->competitor[contest->count++] =
            (struct competitor){.time = worker_time, .argument = worker};
    }
    return true;
}

static const struct competitor *best_worker(const struct contest *contest)
{
    bool peer[1 + WORKERS_MAX];
    for (size_t i = 0; i < contest->count; i++)
        peer[i] = i > 0;
    return run_best_peer(contest->competitor, peer, contest->count);
}

static bool record_all(struct frameworks *f, const struct contest *contest, struct fault *fault)
{
    const struct competitor *best = best_worker(contest);
    for (size_t i = 0; i < contest->count; i++) {
        const struct competitor *c = &contest->competitor[i];
        json_t *record = models_record(&f->models, &f->run, f->ours, c);
        const struct competitor *other = i == 0 ? best : NULL;
        run_compare(&f->run, record, "x_peer", other, c, 1);
        run_verdict(record, "versus_peer", "x_peer");
        record_text(record, "peer",
                    other ? contest->worker[other - contest->competitor]->framework : "");
        if (i > 0) {
            name_worker(record, contest->worker[i]);
            record_text(record, "borrowed", "");
            record_number(record, "prepare_ns", NAN);
            record_number(record, "error", contest->error[i]);
        }
        if (!journal_add(&f->run.journal, record, fault))
            return false;
    }
    return true;
}

static void print_contest(const struct frameworks *f, const struct contest *contest, size_t rows)
{
    const struct competitor *ours = &contest->competitor[0], *best = best_worker(contest);
    printf("%7zu %7zu %10.3f", f->run.seating.threads, rows,
           quantile_of(ours->ns, ours->count, 0.5) * 1e-3 / (double)rows);
    for (size_t w = 0; w < f->workers; w++) {
        double us = NAN;
        for (size_t i = 1; i < contest->count; i++)
            if (contest->worker[i] == &f->worker[w])
                us = quantile_of(contest->competitor[i].ns, contest->competitor[i].count, 0.5) *
                     1e-3 / (double)rows;
        printf(" %12.3f", us);
    }
    if (best) {
        struct series x = competitor_series(best), y = competitor_series(ours);
        struct estimate ratio = ratio_estimate(&x, &y, f->run.arguments->seed);
        printf("  %6.2f (%.2f-%.2f) %s", ratio.median, ratio.low, ratio.high,
               shown_name(shown_by(&ratio)));
    }
    printf("\n");
    fflush(stdout);
}

static bool silent(const struct contest *contest, struct fault *fault)
{
    for (size_t i = 1; i < contest->count; i++)
        if (contest->worker[i]->fault.text[0]) {
            *fault = contest->worker[i]->fault;
            return true;
        }
    return false;
}

static bool compete(struct frameworks *f, size_t rows, struct fault *fault)
{
    struct contest contest = {.count = 1};
    struct sampling sampling = f->run.plan.sampling;
    sampling.budget /= (double)(f->run.plan.batches * f->run.plan.seatings);
    sampling.stride = WORKER_STRIDE;
    bool fine = models_enter(&f->models, &f->run, f->ours, rows, &contest.competitor[0], fault) &&
                enter_workers(f, &contest, rows, fault) &&
                run_sample(&f->run, &sampling, contest.competitor, contest.count, fault) &&
                !silent(&contest, fault) && record_all(f, &contest, fault);
    if (fine)
        print_contest(f, &contest, rows);
    for (size_t i = 0; i < contest.count; i++)
        competitor_free(&contest.competitor[i]);
    return fine;
}

/* ---- all of them ----------------------------------------------------------------------------- */

static void print_heads(const struct frameworks *f)
{
    printf("\nThe whole model, %s: us a row\n%7s %7s %10s", f->subject.preset->name, "threads",
           "rows", f->ours->backend->name);
    for (size_t w = 0; w < f->workers; w++) {
        bool script = strstr(f->worker[w].path, "Script") != NULL;
        printf(" %12s", script ? "torchscript" : f->worker[w].framework);
    }
    printf("  the best of theirs over ours\n");
}

static bool compete_seated(struct frameworks *f, struct seating seating, struct fault *fault)
{
    if (!run_seat(&f->run, seating, fault))
        return false;
    start_all(f);
    bool fine = true;
    if (f->workers)
        print_heads(f);
    for (size_t b = 0; b < f->run.plan.batches && fine && f->workers; b++)
        fine = compete(f, f->run.plan.batch[b], fault);
    stop_all(f);
    return fine;
}

static bool compete_preset(struct frameworks *f, const struct ektm_preset *preset,
                           struct fault *fault)
{
    if (!subject_make(&f->subject, &f->run, preset, fault))
        return false;
    bool fine = write_inputs(f, fault) && models_make(&f->models, &f->run, &f->subject, fault);
    if (fine) {
        f->ours = models_ours(&f->models);
        f->has_onnx = export(f);
        if (!f->has_onnx)
            printf("skipped onnxruntime: PyTorch wrote no ONNX file for it; Debian's python3-torch "
                   "brings it\n");
        fine = f->ours ? true : fault_machine(fault, "no kernels written by hand run here");
        for (size_t s = 0; s < f->run.plan.seatings && fine; s++)
            if (f->run.plan.seating[s].placement == PLACEMENT_COMPACT)
                fine = compete_seated(f, f->run.plan.seating[s], fault);
        models_free(&f->models);
    }
    subject_free(&f->subject);
    return fine;
}

static bool begin(struct frameworks *f, const struct arguments *arguments,
                  const volatile sig_atomic_t *stop, struct fault *fault)
{
    struct run *run = &f->run;
    if (!run_begin(run, arguments, stop, fault))
        return false;
    const char *python = getenv("EKTM_PYTHON"), *node = getenv("EKTM_NODE");
    f->python = python ? python : "/usr/bin/python3"; /* where Debian's packages are found */
    f->node = node ? node : "node";
    setenv("NODE_PATH", NODE_MODULES, 0);
    snprintf(f->folder, sizeof f->folder, "/tmp/ektm-frameworks-XXXXXX");
    bool fine = mkdtemp(f->folder)
                    ? journal_open(&run->journal, &f->request, &run->topology, &run->plan, fault)
                    : fault_machine(fault, "no folder in /tmp: %s", strerror(errno));
    if (!fine)
        run_end(run);
    return fine;
}

static void end(struct frameworks *f)
{
    char line[128];
    journal_close(&f->run.journal);
    run_end(&f->run);
    snprintf(line, sizeof line, "rm -rf %s", f->folder);
    if (system(line) != 0)
        fprintf(stderr, "%s stays behind\n", f->folder);
}

static int compete_all(struct frameworks *f)
{
    struct fault fault;
    for (size_t p = 0; p < f->run.plan.presets; p++)
        if (!compete_preset(f, f->run.plan.preset[p], &fault))
            return fault_print(&fault);
    if (!f->any) {
        fault_machine(&fault, "neither PyTorch nor ONNX Runtime can be started");
        return fault_print(&fault);
    }
    printf("Predictions of all but INVALID ones agree with ours within %g\n%zu records in %s\n",
           AGREEMENT, json_array_size(f->run.journal.records), f->run.journal.results.path);
    return f->run.invalid ? STATUS_FAILED : STATUS_DONE;
}

int frameworks_command(int argc, char **argv)
{
    static const volatile sig_atomic_t never = 0;
    struct arguments arguments;
    struct fault fault;
    struct frameworks *f = calloc(1, sizeof *f);
    if (!f) {
        fault_memory(&fault, "the frameworks");
        return fault_print(&fault);
    }
    f->request.words = request_words(argc, argv);
    f->request.arguments = &arguments;
    arguments_parse(&arguments,
                    TAKES(OPTION_PRESET) | TAKES(OPTION_BATCH) | TAKES(OPTION_THREADS) |
                        TAKES(OPTION_SEED) | TAKES(OPTION_OUT) | TAKES(OPTION_QUICK) |
                        TAKES(OPTION_FULL),
                    "Runs the whole model in PyTorch (eager and frozen TorchScript) and in ONNX "
                    "Runtime, with the same weights and batches as ours and in the same rounds of "
                    "samples, each in a process that times itself. Predictions that differ from "
                    "ours by more than 1e-4 are INVALID: exit 1. Records are appended to the same "
                    "results as the bench's. `make bench-frameworks` installs what it needs.",
                    argc, argv);
    bool begun = begin(f, &arguments, &never, &fault);
    int status = begun ? compete_all(f) : fault_print(&fault);
    if (begun)
        end(f);
    json_decref(f->request.words);
    free(f);
    return status;
}
