/* `ektm bench`: check, then time, layer by layer and as a whole. */
#include "harness/bench/ceilings.h"
#include "harness/bench/layers.h"
#include "harness/bench/models.h"
#include "harness/bench/report.h"
#include "harness/bench/scaling.h"
#include "harness/bench/search.h"
#include "harness/command.h"
#include "harness/load/report.h"
#include "harness/load/sweep.h"
#include "harness/model/predictor.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the jobs pass on to each other. */
struct bench {
    struct run run;
    struct subject subject;
    struct trial_layer layer;
    struct models models;
    bool has_subject, has_layer, has_models;
    struct request request;
    json_t *earlier; /* the records of the file that is resumed, or NULL */
};

static volatile sig_atomic_t stop;

static void ask_to_stop(int signal_number) { stop = signal_number; }

/* The first signal ends the run after the sample in flight, a second one at once. */
static void handle_signals(void)
{
    struct sigaction action = {.sa_handler = ask_to_stop, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static void drop_layer(struct bench *bench)
{
    if (bench->has_layer)
        trial_layer_free(&bench->layer);
    bench->has_layer = false;
}

static void drop_subject(struct bench *bench)
{
    drop_layer(bench);
    if (bench->has_models)
        models_free(&bench->models);
    if (bench->has_subject)
        subject_free(&bench->subject);
    bench->has_models = bench->has_subject = false;
}

/* ---- jobs ------------------------------------------------------------------------------------ */

/* The model as a server, as `ektm load --quick` has it. */
static bool run_load(struct bench *bench, struct fault *fault)
{
    struct run *run = &bench->run;
    const struct arguments usual = {.seed = run->arguments->seed};
    struct load_settings settings;
    enum isa isa;
    if (!load_settings_make(&settings, &usual, &run->topology, true, fault))
        return false;
    settings.only = predictor_best(&isa);
    const bool fine = load_run(&settings, run, &bench->models, fault);
    load_settings_free(&settings);
    return fine;
}

static bool run_job(struct bench *bench, const struct job *job, struct fault *fault)
{
    struct run *run = &bench->run;
    switch (job->kind) {
    case JOB_CEILINGS:
        return ceilings_measure(run, job, fault);
    case JOB_SUBJECT:
        drop_subject(bench);
        bench->has_subject =
            subject_make(&bench->subject, run, run->plan.preset[job->preset], fault);
        return bench->has_subject;
    case JOB_LAYER:
        drop_layer(bench);
        bench->has_layer = trial_layer_make(&bench->layer, run, &bench->subject, job->layer, fault);
        return bench->has_layer;
    case JOB_KERNELS:
        return trial_layer_run(&bench->layer, run, job, fault);
    case JOB_SHARES:
        return trial_layer_share(&bench->layer, run, job, fault);
    case JOB_COMPOSE:
        drop_layer(bench);
        bench->has_models = models_make(&bench->models, run, &bench->subject, fault);
        return bench->has_models;
    case JOB_MODELS:
        return models_run(&bench->models, run, job, fault);
    case JOB_SEARCH:
        return models_search(&bench->models, run, job, fault);
    case JOB_LOAD:
        return run_load(bench, fault);
    case JOB_SCALING:
        return models_scale(&bench->models, run, job, fault);
    }
    return true;
}

/* The layer's name, or that of the part of a training step. */
static void name_layer(const struct bench *bench, size_t layer, char *name, size_t size)
{
    const struct ektm *ektm = &bench->subject.model.ektm;
    struct ektm_layer part[TRAINING_MAX];
    if (layer >= ektm_entries(ektm))
        training_parts(ektm, part);
    snprintf(name, size, "%s",
             layer < ektm_entries(ektm) ? ektm->layer[layer].name
                                        : part[layer - ektm_entries(ektm)].name);
}

static void name_job(const struct bench *bench, const struct job *job, char *name, size_t size)
{
    const char *preset = bench->run.plan.preset[job->preset]->name;
    char layer[32] = "";
    if (bench->has_subject &&
        (job->kind == JOB_LAYER || job->kind == JOB_KERNELS || job->kind == JOB_SHARES))
        name_layer(bench, job->layer, layer, sizeof layer);
    switch (job->kind) {
    case JOB_CEILINGS:
        snprintf(name, size, "ceilings, threads: %zu", job->seating.threads);
        break;
    case JOB_SUBJECT:
        snprintf(name, size, "%s: weights, rows, reference", preset);
        break;
    case JOB_LAYER:
        snprintf(name, size, "%s: %s, reference", preset, layer);
        break;
    case JOB_KERNELS:
        snprintf(name, size, "%s: %s, %zu rows", preset, layer, job->batch);
        break;
    case JOB_SHARES:
        snprintf(name, size, "%s: %s, threads: %zu %s", preset, layer, job->seating.threads,
                 placement_name(job->seating.placement));
        break;
    case JOB_COMPOSE:
        snprintf(name, size, "%s: preparing weights", preset);
        break;
    case JOB_MODELS:
        snprintf(name, size, "%s: model, %zu rows", preset, job->batch);
        break;
    case JOB_SEARCH:
        snprintf(name, size, "%s: formats of layers, %zu rows", preset, job->batch);
        break;
    case JOB_LOAD:
        snprintf(name, size, "%s: under load", preset);
        break;
    case JOB_SCALING:
        snprintf(name, size, "%s: model, threads: %zu %s, rows: %zu", preset, job->seating.threads,
                 placement_name(job->seating.placement),
                 job->batch ? job->batch : job->seating.threads * bench->run.plan.rows_each);
        break;
    }
}

/* Whether the next job is about something else, so that a table is complete. */
static bool ends_table(const struct plan *plan, size_t at)
{
    const struct job *job = &plan->job[at], *next = job + 1;
    return at + 1 == plan->jobs || next->preset != job->preset ||
           (next->kind != JOB_CEILINGS) != (job->kind != JOB_CEILINGS);
}

/* Whether a resumed run that goes on with job `first` still needs job `j`: what is done is left
 * out, but what those to come build on. */
static bool is_needed(const struct plan *plan, size_t j, size_t first)
{
    const struct job *job = &plan->job[j], *next = &plan->job[first];
    if (j >= first)
        return true;
    if (job->preset != next->preset)
        return false;
    if (job->kind == JOB_SUBJECT)
        return next->kind != JOB_CEILINGS;
    if (job->kind == JOB_LAYER)
        return (next->kind == JOB_KERNELS || next->kind == JOB_SHARES) && next->layer == job->layer;
    return job->kind == JOB_COMPOSE && (next->kind == JOB_MODELS || next->kind == JOB_SEARCH ||
                                        next->kind == JOB_LOAD || next->kind == JOB_SCALING);
}

static void report_all(const struct run *run, const struct ektm_preset *preset)
{
    report_preset(run, preset);
    report_load(run, preset->name);
}

static bool run_jobs(struct bench *bench, struct fault *fault)
{
    struct run *run = &bench->run;
    double share = 0;
    size_t first = journal_first_job(&run->journal);
    progress_begin(&run->progress, run->plan.jobs, run->plan.shares);
    for (size_t j = 0; j < run->plan.jobs && !stop; j++) {
        const struct job *job = &run->plan.job[j];
        char name[96];
        name_job(bench, job, name, sizeof name);
        progress_show(&run->progress, j, share, name);
        run->journal.job = j;
        bool fine = !is_needed(&run->plan, j, first) || run_job(bench, job, fault);
        share += job->share;
        if (!ends_table(&run->plan, j) && fine && !stop)
            continue;
        progress_erase(&run->progress);
        if (job->kind == JOB_CEILINGS)
            report_ceilings(run);
        else
            report_all(run, run->plan.preset[job->preset]);
        if (!fine)
            return false;
    }
    return true;
}

/* ---- the command ----------------------------------------------------------------------------- */

static bool begin(struct bench *bench, struct fault *fault)
{
    struct run *run = &bench->run;
    const struct arguments *arguments = bench->request.arguments;
    if (!run_begin(run, arguments, &stop, fault))
        return false;
    if (!tuning_check(arguments->tuning, &run->topology, fault)) {
        run_end(run);
        return false;
    }
    if (run->plan.pages == PAGES_SMALL)
        memory_refuse_thp(); /* refused: records say what was obtained */
    bool fine = bench->earlier ? journal_resume(&run->journal, &bench->request, bench->earlier,
                                                &run->topology, &run->plan, fault)
                               : journal_open(&run->journal, &bench->request, &run->topology,
                                              &run->plan, fault);
    if (!fine)
        run_end(run);
    return fine;
}

static void end(struct bench *bench)
{
    drop_subject(bench);
    journal_close(&bench->run.journal);
    run_end(&bench->run);
}

/* As if the signal had not been caught: the caller learns of it. */
static int end_by_signal(int signal_number)
{
    signal(signal_number, SIG_DFL);
    raise(signal_number);
    return 128 + signal_number;
}

static int bench_all(struct bench *bench)
{
    struct run *run = &bench->run;
    struct fault fault;
    int status = STATUS_DONE;
    report_machine(run);
    handle_signals();
    if (!journal_add_skipped(&run->journal, run->arguments, &fault) || !run_jobs(bench, &fault))
        status = fault_print(&fault);
    report_end(run);
    return status == STATUS_DONE && run->invalid ? STATUS_FAILED : status;
}

static const char *const about =
    "Times every layer of a model with every kernel that runs here, at several batches, then the "
    "whole model, on one thread and on many. A kernel whose results at that shape are wrong is not "
    "timed. Records go to results/<machine>/<date>-<commit>.jsonl.";

static void parse(struct arguments *arguments, int argc, char **argv)
{
    arguments_parse(arguments,
                    TAKES(OPTION_OP) | TAKES(OPTION_DTYPE) | TAKES(OPTION_BACKEND) |
                        TAKES(OPTION_KERNEL) | TAKES(OPTION_PRESET) | TAKES(OPTION_BATCH) |
                        TAKES(OPTION_THREADS) | TAKES(OPTION_PLACEMENT) | TAKES(OPTION_IDS) |
                        TAKES(OPTION_CACHE) | TAKES(OPTION_PAGES) | TAKES(OPTION_SEED) |
                        TAKES(OPTION_TILE) | TAKES(OPTION_TUNING) | TAKES(OPTION_MODEL) |
                        TAKES(OPTION_OUT) | TAKES(OPTION_RESUME) | TAKES(OPTION_SEARCH) |
                        TAKES(OPTION_QUICK) | TAKES(OPTION_FULL),
                    about, argc, argv);
}

enum { WORDS_MAX = 64 };

/* The options of a run to resume, as a command line of their own. */
struct words {
    char *word[WORDS_MAX]; /* the command's name is the caller's */
    int count;
};

/* Reads the file to resume, and takes the options of its last run. */
static bool take_over(struct bench *bench, struct arguments *arguments, struct words *words,
                      struct fault *fault)
{
    const char *path = arguments->resume;
    bench->earlier = results_read(path, NULL, fault);
    if (!bench->earlier)
        return false;
    const json_t *machine = journal_last_run(bench->earlier);
    json_t *of_run = machine ? json_object_get(machine, "arguments") : NULL;
    if (!of_run)
        return fault_caller(fault, "--resume: '%s' holds no run that says what it was asked for",
                            path);
    size_t count = json_array_size(of_run);
    if (count >= WORDS_MAX)
        return fault_caller(fault, "--resume: the run in '%s' has %zu arguments; %d are allowed",
                            path, count, WORDS_MAX - 1);
    for (size_t i = 0; i < count; i++) {
        words->word[words->count] = strdup(json_string_value(json_array_get(of_run, i)));
        if (!words->word[words->count++])
            return fault_memory(fault, "the options of a run");
    }
    parse(arguments, words->count, words->word);
    if (arguments->resume)
        return fault_caller(fault, "--resume: the run in '%s' names a run to resume itself", path);
    arguments->out = path;
    json_decref(bench->request.words);
    bench->request.words = json_incref(of_run);
    return true;
}

/* The run's options: those of the command line, or of the run to resume. */
static bool settle(struct bench *bench, struct arguments *arguments, struct words *words,
                   struct fault *fault)
{
    bench->request.arguments = arguments;
    if (!arguments->resume)
        return true;
    size_t given = json_array_size(bench->request.words);
    const char *first = json_string_value(json_array_get(bench->request.words, 0));
    if (given > (strncmp(first, "--resume=", strlen("--resume=")) == 0 ? 1 : 2))
        return fault_caller(fault, "--resume: the run goes on with its own options; no others are "
                                   "allowed beside it");
    return take_over(bench, arguments, words, fault);
}

/* A search walks whole models: what picks single layers' kernels has no meaning beside it. */
static bool search_alone(const struct arguments *a, struct fault *fault)
{
    const char *beside = a->op.count ? "--op" : a->kernel.count ? "--kernel" : NULL;
    return !a->search || !beside ||
           fault_caller(fault,
                        "--search: whole models are searched; %s is given beside it, of such "
                        "options --backend is allowed",
                        beside);
}

int bench_command(int argc, char **argv)
{
    struct arguments arguments;
    struct fault fault;
    struct words words = {{argv[0]}, 1};
    struct bench *bench = calloc(1, sizeof *bench);
    if (!bench) {
        fault_memory(&fault, "the bench");
        return fault_print(&fault);
    }
    bench->request.words = request_words(argc, argv);
    parse(&arguments, argc, argv);
    int status;
    if (settle(bench, &arguments, &words, &fault) && search_alone(&arguments, &fault) &&
        begin(bench, &fault)) {
        status = bench_all(bench);
        if (stop)
            fprintf(stderr, "Interrupted: `ektm bench --resume %s` finishes the run\n",
                    bench->run.journal.results.path);
        end(bench);
    } else
        status = fault_print(&fault);
    for (int i = 1; i < words.count; i++)
        free(words.word[i]);
    json_decref(bench->request.words);
    json_decref(bench->earlier);
    free(bench);
    return stop ? end_by_signal(stop) : status;
}
