/* `ektm bench`: check, then time, layer by layer and as a whole. */
#include "harness/bench/ceilings.h"
#include "harness/bench/layers.h"
#include "harness/bench/models.h"
#include "harness/bench/report.h"
#include "harness/command.h"

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
    case JOB_COMPOSE:
        drop_layer(bench);
        bench->has_models = models_make(&bench->models, run, &bench->subject, fault);
        return bench->has_models;
    case JOB_MODELS:
        return models_run(&bench->models, run, job, fault);
    case JOB_SCALING:
        return models_scale(&bench->models, run, job, fault);
    }
    return true;
}

static void name_job(const struct bench *bench, const struct job *job, char *name, size_t size)
{
    const char *preset = bench->run.plan.preset[job->preset]->name;
    const char *layer = bench->has_subject && (job->kind == JOB_LAYER || job->kind == JOB_KERNELS)
                            ? bench->subject.model.ektm.layer[job->layer].name
                            : "";
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
    case JOB_COMPOSE:
        snprintf(name, size, "%s: preparing weights", preset);
        break;
    case JOB_MODELS:
        snprintf(name, size, "%s: model, %zu rows", preset, job->batch);
        break;
    case JOB_SCALING:
        snprintf(name, size, "%s: model, threads: %zu %s", preset, job->seating.threads,
                 placement_name(job->seating.placement));
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

static bool run_jobs(struct bench *bench, struct fault *fault)
{
    struct run *run = &bench->run;
    double share = 0;
    progress_begin(&run->progress, run->plan.jobs, run->plan.shares);
    for (size_t j = 0; j < run->plan.jobs && !stop; j++) {
        const struct job *job = &run->plan.job[j];
        char name[96];
        name_job(bench, job, name, sizeof name);
        progress_show(&run->progress, j, share, name);
        bool fine = run_job(bench, job, fault);
        share += job->share;
        if (!ends_table(&run->plan, j) && fine && !stop)
            continue;
        progress_erase(&run->progress);
        if (job->kind == JOB_CEILINGS)
            report_ceilings(run);
        else
            report_preset(run, run->plan.preset[job->preset]);
        if (!fine)
            return false;
    }
    return true;
}

/* ---- the command ----------------------------------------------------------------------------- */

static bool begin(struct bench *bench, const struct arguments *arguments, struct fault *fault)
{
    struct run *run = &bench->run;
    run->arguments = arguments;
    run->stop = &stop;
    run->clock = clock_measure();
    counters_open(&run->counters);
    if (!topology_load(&run->topology, NULL, fault))
        return false;
    if (!plan_make(&run->plan, arguments, &run->topology, fault)) {
        topology_free(&run->topology);
        return false;
    }
    if (run->plan.pages == PAGES_SMALL)
        memory_refuse_thp(); /* refused: records say what was obtained */
    run->plan.sampling.clock = &run->clock;
    run->plan.sampling.stop = &stop;
    if (journal_open(&run->journal, arguments->out, &run->topology, &run->plan, arguments->seed,
                     fault))
        return true;
    plan_free(&run->plan);
    topology_free(&run->topology);
    return false;
}

static void end(struct bench *bench)
{
    drop_subject(bench);
    if (bench->run.team)
        team_stop(bench->run.team);
    journal_close(&bench->run.journal);
    counters_close(&bench->run.counters);
    plan_free(&bench->run.plan);
    topology_free(&bench->run.topology);
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

int bench_command(int argc, char **argv)
{
    struct arguments arguments;
    struct fault fault;
    arguments_parse(&arguments,
                    TAKES(OPTION_OP) | TAKES(OPTION_DTYPE) | TAKES(OPTION_BACKEND) |
                        TAKES(OPTION_KERNEL) | TAKES(OPTION_PRESET) | TAKES(OPTION_BATCH) |
                        TAKES(OPTION_THREADS) | TAKES(OPTION_PLACEMENT) | TAKES(OPTION_IDS) |
                        TAKES(OPTION_CACHE) | TAKES(OPTION_PAGES) | TAKES(OPTION_SEED) |
                        TAKES(OPTION_OUT) | TAKES(OPTION_QUICK) | TAKES(OPTION_FULL),
                    "Times every layer of a model with every kernel that runs here, at several "
                    "batches, then the whole model, on one thread and on many. A kernel whose "
                    "results at that shape are wrong is not timed. Records go to "
                    "results/<machine>/<date>-<commit>.jsonl.",
                    argc, argv);
    struct bench *bench = calloc(1, sizeof *bench);
    if (!bench) {
        fault_memory(&fault, "the bench");
        return fault_print(&fault);
    }
    int status;
    if (begin(bench, &arguments, &fault)) {
        status = bench_all(bench);
        end(bench);
    } else
        status = fault_print(&fault);
    free(bench);
    return stop ? end_by_signal(stop) : status;
}
