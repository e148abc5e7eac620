/* `ektm load`: the whole model under load: how long queries take, and how many a second keep to an
 * objective. */
#include "harness/bench/report.h"
#include "harness/command.h"
#include "harness/load/report.h"
#include "harness/load/sweep.h"
#include "harness/model/predictor.h"
#include "harness/model/tuning.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { JUDGED_ROWS = 256 }; /* that predictions are checked on, and formats judged by */

struct load {
    struct run run;
    struct load_settings settings;
    struct subject subject;
    struct models models;
    struct request request;
};

static volatile sig_atomic_t stop;

static void ask_to_stop(int signal_number) { stop = signal_number; }

/* The first signal ends the run with what it has, a second one at once. */
static void handle_signals(void)
{
    struct sigaction action = {.sa_handler = ask_to_stop, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* ---- one preset ------------------------------------------------------------------------------ */

static bool run_preset(struct load *load, const struct ektm_preset *preset, struct fault *fault)
{
    if (!subject_make(&load->subject, &load->run, preset, fault))
        return false;
    bool fine = models_make(&load->models, &load->run, &load->subject, fault);
    if (fine) {
        fine = load_run(&load->settings, &load->run, &load->models, fault);
        models_free(&load->models);
    }
    subject_free(&load->subject);
    report_load(&load->run, preset->name);
    return fine;
}

/* ---- the command ----------------------------------------------------------------------------- */

/* Only the best of our backends unless others are asked for. */
static void settle(struct arguments *arguments)
{
    enum isa isa;
    if (!arguments->backend.count)
        arguments->backend = (struct names){1, {predictor_best(&isa)->name}};
    arguments->batch = (struct sizes){1, {JUDGED_ROWS}};
}

static bool check(const struct arguments *a, struct fault *fault)
{
    return a->threads.count <= 1
               ? true
               : fault_caller(fault,
                              "--threads: %zu numbers are given; instances of one size at a "
                              "time are allowed",
                              a->threads.count);
}

static bool begin(struct load *load, struct fault *fault)
{
    struct run *run = &load->run;
    const struct arguments *arguments = load->request.arguments;
    if (!check(arguments, fault) || !run_begin(run, arguments, &stop, fault))
        return false;
    if (!tuning_check(arguments->tuning, &run->topology, fault) ||
        !load_settings_make(&load->settings, arguments, &run->topology, false, fault)) {
        run_end(run);
        return false;
    }
    if (journal_open(&run->journal, &load->request, &run->topology, &run->plan, fault))
        return true;
    load_settings_free(&load->settings);
    run_end(run);
    return false;
}

static int run_all(struct load *load)
{
    struct run *run = &load->run;
    struct fault fault;
    bool fine = true;
    report_machine(run);
    handle_signals();
    for (size_t p = 0; p < run->plan.presets && fine && !stop; p++)
        fine = run_preset(load, run->plan.preset[p], &fault);
    const int status = fine ? STATUS_DONE : fault_print(&fault);
    report_end(run);
    journal_close(&run->journal);
    load_settings_free(&load->settings);
    const size_t invalid = run->invalid;
    run_end(run);
    return status == STATUS_DONE && invalid ? STATUS_FAILED : status;
}

static const char *const about =
    "Runs the whole model as a server: queries of many candidates arrive at random, wait in a "
    "queue, and are answered by instances of the model, placed in several layouts. Tells how long "
    "a "
    "query takes alone, how many rows a second there are at most, and the highest rate that keeps "
    "to "
    "an objective, in each number format. Records go to results/<machine>/<date>-<commit>.jsonl.";

int load_command(int argc, char **argv)
{
    struct arguments arguments;
    struct fault fault;
    struct load *load = calloc(1, sizeof *load);
    if (!load) {
        fault_memory(&fault, "the run");
        return fault_print(&fault);
    }
    load->request.words = request_words(argc, argv);
    arguments_parse(&arguments,
                    TAKES(OPTION_SCENARIO) | TAKES(OPTION_RATE) | TAKES(OPTION_SLO) |
                        TAKES(OPTION_CANDIDATES) | TAKES(OPTION_LAYOUT) | TAKES(OPTION_INSTANCES) |
                        TAKES_ONE(OPTION_THREADS) | TAKES(OPTION_BATCHING) | TAKES(OPTION_QUEUE) |
                        TAKES(OPTION_ANTAGONIST) | TAKES(OPTION_DTYPE) | TAKES(OPTION_BACKEND) |
                        TAKES(OPTION_PRESET) | TAKES(OPTION_MODEL) | TAKES(OPTION_IDS) |
                        TAKES(OPTION_PAGES) | TAKES(OPTION_SEED) | TAKES(OPTION_TUNING) |
                        TAKES(OPTION_OUT) | TAKES(OPTION_QUICK) | TAKES(OPTION_FULL),
                    about, argc, argv);
    settle(&arguments);
    load->request.arguments = &arguments;
    const int status = begin(load, &fault) ? run_all(load) : fault_print(&fault);
    json_decref(load->request.words);
    free(load);
    if (stop) {
        signal(stop, SIG_DFL);
        raise(stop);
    }
    return status;
}
