/* `ektm tune`: which schedule suits this machine and model, found by measuring. */
#include "harness/bench/models.h"
#include "harness/command.h"
#include "harness/model/tuning.h"
#include "build.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TRIES_MAX = 8, TRIAL_ROWS = 256, PATHS = 1024 };

struct tune {
    struct run run;
    struct request request;
    struct subject subject;
    struct models models;
    const struct contender *base; /* whose weights all tries use */
    struct schedule builtin, found;
    char path[PATHS];
};

/* Schedules side by side; the first is the one to beat. */
struct tries {
    size_t count, rows;
    struct schedule schedule[TRIES_MAX];
    struct contender *contender[TRIES_MAX];
    struct competitor competitor[TRIES_MAX];
};

static void add_try(struct tries *tries, struct schedule schedule)
{
    if (tries->count < TRIES_MAX)
        tries->schedule[tries->count++] = schedule;
}

/* ---- measuring ------------------------------------------------------------------------------- */

/* ns of samples. */
static double time_of_try(const struct arguments *arguments)
{
    return arguments->quick ? 20e6 : arguments->full ? 1000e6 : 300e6;
}

/* Samples all of them in turns; predictions of each are checked first. */
static bool measure(struct tune *tune, struct tries *tries, struct fault *fault)
{
    struct run *run = &tune->run;
    struct sampling sampling = run->plan.sampling;
    sampling.budget = (double)tries->count * time_of_try(run->arguments);
    sampling.stride = WARMING;
    size_t before = tune->models.count;
    bool fine = true;
    for (size_t i = 0; i < tries->count && fine; i++) {
        struct contender *c = models_vary(&tune->models, tune->base, &tries->schedule[i], fault);
        tries->contender[i] = c;
        fine = c &&
               models_enter(&tune->models, run, c, tries->rows, &tries->competitor[i], fault) &&
               (!c->invalid || fault_machine(fault, "predictions are wrong with a tile of %zu rows",
                                             c->schedule.tile));
    }
    fine = fine && run_sample(run, &sampling, tries->competitor, tries->count, fault);
    while (tune->models.count > before)
        models_drop_last(&tune->models);
    return fine;
}

static void free_tries(struct tries *tries)
{
    for (size_t i = 0; i < tries->count; i++)
        competitor_free(&tries->competitor[i]);
}

static double us_a_row(const struct tries *tries, size_t i)
{
    const struct competitor *c = &tries->competitor[i];
    return quantile_of(c->ns, c->count, 0.5) * 1e-3 / (double)tries->rows;
}

/* How many times faster try `i` is than the first. */
static struct estimate gain_of(const struct tune *tune, const struct tries *tries, size_t i)
{
    struct series first = competitor_series(&tries->competitor[0]);
    struct series other = competitor_series(&tries->competitor[i]);
    return ratio_estimate(&first, &other, tune->run.arguments->seed);
}

/* The fastest of those that are shown to be faster than the first, or the first. */
static size_t best_of(const struct tune *tune, const struct tries *tries)
{
    size_t best = 0;
    for (size_t i = 1; i < tries->count; i++) {
        struct estimate gain = gain_of(tune, tries, i);
        bool sure = !tries->competitor[0].invalid && !tries->competitor[i].invalid &&
                    shown_by(&gain) == SHOWN_FASTER;
        if (sure && us_a_row(tries, i) < us_a_row(tries, best))
            best = i;
    }
    return best;
}

/* ---- one number of the schedule after the other ---------------------------------------------- */

static void print_tries(const struct tries *tries, const char *what, size_t offset, size_t best)
{
    printf("  %-14s", what);
    for (size_t i = 0; i < tries->count; i++) {
        size_t value = *(const size_t *)(const void *)((const char *)&tries->schedule[i] + offset);
        printf("  %zu: %.4g%s", value, us_a_row(tries, i), i == best ? "*" : "");
    }
    printf("\n");
    fflush(stdout);
}

/* Tries values for the number at `offset` of the schedule found so far, and keeps the best. */
static bool settle(struct tune *tune, const char *what, size_t offset, const size_t *values,
                   size_t count, struct fault *fault)
{
    size_t rows = TRIAL_ROWS < tune->subject.rows ? TRIAL_ROWS : tune->subject.rows;
    struct tries tries = {.rows = rows};
    add_try(&tries, tune->found);
    for (size_t i = 0; i < count; i++) {
        struct schedule schedule = tune->found;
        size_t *value = (size_t *)(void *)((char *)&schedule + offset);
        bool new = *value != values[i];
        *value = values[i];
        if (new)
            add_try(&tries, schedule);
    }
    bool fine = measure(tune, &tries, fault);
    if (fine) {
        size_t best = best_of(tune, &tries);
        print_tries(&tries, what, offset, best);
        tune->found = tries.schedule[best];
    }
    free_tries(&tries);
    return fine;
}

/* Whether a batch of `rows` rows is faster shared by columns than by rows. */
static bool columns_pay(struct tune *tune, size_t rows, bool *pay, struct fault *fault)
{
    struct tries tries = {.rows = rows};
    struct schedule by_rows = tune->found, by_columns = tune->found;
    by_rows.columns_below = 0;
    by_columns.columns_below = rows + 1;
    add_try(&tries, by_rows);
    add_try(&tries, by_columns);
    bool fine = measure(tune, &tries, fault);
    if (fine) {
        *pay = best_of(tune, &tries) == 1;
        printf("  %-14s  %zu rows by rows: %.4g%s  by columns: %.4g%s\n", "columns_below", rows,
               us_a_row(&tries, 0), *pay ? "" : "*", us_a_row(&tries, 1), *pay ? "*" : "");
        fflush(stdout);
    }
    free_tries(&tries);
    return fine;
}

static bool settle_columns(struct tune *tune, struct seating widest, struct fault *fault)
{
    static const size_t each[] = {1, 2, 3, 4, 6, 8, 12, 16};
    bool pay = true;
    if (widest.threads == 1)
        return true;
    if (!run_seat(&tune->run, widest, fault) || !columns_pay(tune, 1, &pay, fault))
        return false;
    tune->found.columns_below = pay;
    for (size_t i = 0; i < sizeof each / sizeof *each && pay; i++) {
        if (each[i] * widest.threads > tune->subject.rows)
            break;
        if (!columns_pay(tune, each[i] * widest.threads, &pay, fault))
            return false;
        tune->found.columns_below = pay ? each[i] + 1 : tune->found.columns_below;
    }
    return run_seat(&tune->run, (struct seating){1, PLACEMENT_COMPACT}, fault);
}

/* ---- what it is worth ------------------------------------------------------------------------ */

/* Built-in against found at every batch; the medians of the ratios by batch. */
static bool confirm(struct tune *tune, json_t *ratios, struct fault *fault)
{
    const struct plan *plan = &tune->run.plan;
    printf("  what follows from the caches against what was found, us a row:\n");
    for (size_t b = 0; b < plan->batches; b++) {
        struct tries tries = {.rows = plan->batch[b]};
        add_try(&tries, tune->builtin);
        add_try(&tries, tune->found);
        if (!measure(tune, &tries, fault)) {
            free_tries(&tries);
            return false;
        }
        struct estimate gain = gain_of(tune, &tries, 1);
        char rows[24];
        snprintf(rows, sizeof rows, "%zu", plan->batch[b]);
        printf("  %7s rows %9.4g %9.4g  %.3f (%.3f-%.3f)\n", rows, us_a_row(&tries, 0),
               us_a_row(&tries, 1), gain.median, gain.low, gain.high);
        fflush(stdout);
        json_object_set_new(ratios, rows, json_real(round(gain.median * 1000) / 1000));
        free_tries(&tries);
    }
    return true;
}

static json_t *evidence_of(json_t *ratios)
{
    char text[32];
    time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return json_pack("{s:s, s:s, s:o}", "time", text, "commit", BUILD_COMMIT, "builtin_over_found",
                     ratios);
}

static bool search(struct tune *tune, struct fault *fault)
{
    static const size_t tiles[] = {0, 12, 24, 48, 96, 192, 384};
    static const size_t asks[] = {0, 10, 25, 50, 100};
    static const size_t lines[] = {0, 32, 64, 128, 192, 256};
    bool fine = settle(tune, "tile", offsetof(struct schedule, tile), tiles,
                       sizeof tiles / sizeof *tiles, fault);
    if (fine && tune->found.tile)
        fine = settle(tune, "ask", offsetof(struct schedule, ask), asks, sizeof asks / sizeof *asks,
                      fault);
    return fine &&
           settle(tune, "lines_ahead", offsetof(struct schedule, lines_ahead), lines,
                  sizeof lines / sizeof *lines, fault) &&
           settle_columns(tune, plan_widest(&tune->run.plan), fault);
}

static bool tune_contender(struct tune *tune, const struct contender *base, struct fault *fault)
{
    const struct model *model = &tune->subject.model;
    tune->base = base;
    tune->builtin = tune->found =
        schedule_of(model, &(struct formats){.count = 0}, &tune->run.topology);
    printf("%s, %s: us a row at %d rows; * taken\n", tune->subject.preset->name,
           base->backend->name, TRIAL_ROWS);
    if (!search(tune, fault))
        return false;
    json_t *ratios = json_object();
    if (!confirm(tune, ratios, fault)) {
        json_decref(ratios);
        return false;
    }
    const struct schedule *s = &tune->found;
    printf("  tile %zu, ask %zu, lines_ahead %zu, columns_below %zu: written to %s\n\n", s->tile,
           s->ask, s->lines_ahead, s->columns_below, tune->path);
    return tuning_store(tune->path, &model->ektm.config, tune->subject.preset->name,
                        base->backend->name, s, evidence_of(ratios), fault);
}

/* ---- the command ----------------------------------------------------------------------------- */

static bool tune_preset(struct tune *tune, const struct ektm_preset *preset, struct fault *fault)
{
    struct run *run = &tune->run;
    if (!run_seat(run, (struct seating){1, PLACEMENT_COMPACT}, fault) ||
        !subject_make(&tune->subject, run, preset, fault))
        return false;
    bool fine = models_make(&tune->models, run, &tune->subject, fault), any = false;
    for (size_t i = 0; i < tune->models.count && fine; i++) {
        const struct contender *c = &tune->models.contender[i];
        if (!contender_is_ours(c) || c->borrows)
            continue;
        any = true;
        fine = tune_contender(tune, c, fault);
    }
    if (fine && !any)
        fine = fault_machine(fault, "no kernels written by hand run here");
    models_free(&tune->models);
    subject_free(&tune->subject);
    return fine;
}

static bool begin(struct tune *tune, const struct arguments *arguments,
                  const volatile sig_atomic_t *stop, struct fault *fault)
{
    struct run *run = &tune->run;
    run->journal.results.file = -1; /* nothing is recorded */
    if (!run_begin(run, arguments, stop, fault))
        return false;
    if (arguments->out)
        snprintf(tune->path, sizeof tune->path, "%s", arguments->out);
    else
        tuning_path(&run->topology, tune->path, sizeof tune->path);
    return true;
}

int tune_command(int argc, char **argv)
{
    static const volatile sig_atomic_t never = 0;
    struct arguments arguments;
    struct fault fault;
    arguments_parse(
        &arguments,
        TAKES(OPTION_PRESET) | TAKES(OPTION_BACKEND) | TAKES(OPTION_BATCH) | TAKES(OPTION_THREADS) |
            TAKES(OPTION_IDS) | TAKES(OPTION_SEED) | TAKES(OPTION_OUT) | TAKES(OPTION_QUICK) |
            TAKES(OPTION_FULL),
        "Finds how forward passes of a model are best walked on this machine: rows of a "
        "tile, prefetch distances, and up to which batch threads share output columns "
        "instead of rows. Only what is shown to be faster replaces what follows from "
        "the caches. Writes results/<machine>/tuning.json, which bench and predict "
        "use.",
        argc, argv);
    struct tune *tune = calloc(1, sizeof *tune);
    if (!tune) {
        fault_memory(&fault, "the search");
        return fault_print(&fault);
    }
    bool begun = begin(tune, &arguments, &never, &fault), fine = begun;
    for (size_t p = 0; fine && p < tune->run.plan.presets; p++)
        fine = tune_preset(tune, tune->run.plan.preset[p], &fault);
    if (begun)
        run_end(&tune->run);
    free(tune);
    return fine ? STATUS_DONE : fault_print(&fault);
}
