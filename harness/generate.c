/* `ektm generate`: rows of a simulated platform, for training, validation and test, and the true
 * probabilities beside them. */
#include "harness/arguments.h"
#include "harness/command.h"
#include "harness/data/simulator.h"
#include "harness/data/write.h"
#include "harness/model/predictions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { SPLITS = 3, ROWS_MAX = 2000000000, PATH_BYTES = 4096 };

struct generation {
    const char *folder;
    struct simulation simulation;
    uint64_t rows[SPLITS]; /* of training, validation, test */
    bool truth;
};

static const char *const split_name[SPLITS] = {"train", "validation", "test"};

/* What has been counted of a split. */
struct tally {
    size_t rows, requests;
    size_t known[TASKS_MAX + 1], happened[TASKS_MAX + 1];
};

static void count_labels(struct tally *tally, const struct dataset *d, size_t rows)
{
    const size_t labels = d->tasks + 1;
    for (size_t i = 0; i < rows * labels; i++) {
        tally->known[i % labels] += d->label[i] != LABEL_MISSING;
        tally->happened[i % labels] += d->label[i] == 1;
    }
    tally->rows += rows;
    tally->requests++;
}

static void tell(const struct tally *tally, const char *path, size_t tasks)
{
    fprintf(stderr, "%s: %zu rows in %zu requests; clicks %.3g %%", path, tally->rows,
            tally->requests, 100. * (double)tally->happened[0] / (double)tally->rows);
    for (size_t i = 1; i <= tasks; i++)
        fprintf(stderr, "%s %.3g %%", i == 1 ? ", conversions" : ",",
                100. * (double)tally->happened[i] / (double)tally->rows);
    fprintf(stderr, " of rows\n");
}

/* ---- a split --------------------------------------------------------------------------------- */

/* Writes requests from `*request` on until there are `rows` rows; the last one may be cut. */
static bool write_requests(const struct simulator *simulator, uint64_t rows, uint64_t *request,
                           struct output *out, struct output *truth, struct tally *tally,
                           struct fault *fault)
{
    const struct simulation *s = &simulator->simulation;
    struct dataset d;
    bool fine = true;
    dataset_begin(&d, s->fields, s->dense, s->tasks);
    write_names(out, &d);
    if (truth)
        predictions_write_names(truth->file, s->tasks);
    while (tally->rows < rows && fine) {
        dataset_clear(&d);
        fine = simulator_request(simulator, (*request)++, &d, fault);
        const size_t left = rows - tally->rows, count = d.rows < left ? d.rows : left;
        if (!fine)
            break;
        write_rows(out, &d, count);
        if (truth)
            write_truth(truth, &d, count);
        count_labels(tally, &d, count);
    }
    dataset_free(&d);
    return fine;
}

static bool write_split(const struct generation *g, const struct simulator *simulator, size_t split,
                        uint64_t *request, struct fault *fault)
{
    char path[PATH_BYTES], truth_path[PATH_BYTES];
    struct output out, truth;
    struct tally tally = {0};
    snprintf(path, sizeof path, "%s/%s.csv", g->folder, split_name[split]);
    snprintf(truth_path, sizeof truth_path, "%s/%s.truth.csv", g->folder, split_name[split]);
    if (!output_open(&out, path, fault))
        return false;
    bool fine = !g->truth || output_open(&truth, truth_path, fault);
    if (fine) {
        fine = write_requests(simulator, g->rows[split], request, &out, g->truth ? &truth : NULL,
                              &tally, fault);
        fine = g->truth ? output_close(&truth, fine, fault) : fine;
    }
    fine = output_close(&out, fine, fault);
    if (fine)
        tell(&tally, path, simulator->simulation.tasks);
    return fine;
}

static bool generate(const struct generation *g, struct fault *fault)
{
    struct simulator simulator;
    uint64_t request = 0;
    if (mkdir(g->folder, 0777) != 0 && errno != EEXIST)
        return fault_caller(fault, "--out: %s: cannot be created: %s", g->folder, strerror(errno));
    if (!simulator_make(&simulator, &g->simulation, fault))
        return false;
    bool fine = true;
    for (size_t split = 0; split < SPLITS && fine; split++)
        fine = g->rows[split] == 0 || write_split(g, &simulator, split, &request, fault);
    simulator_free(&simulator);
    return fine;
}

/* ---- options --------------------------------------------------------------------------------- */

/* As they are typed; 0: not given. */
struct typed {
    uint64_t train, validation, test, tasks, users, items, candidates, groups;
    double click, similarity, missing, signal, zipf;
    const char *pattern, *conversions;
    bool truth;
};

/* The rates of all conversions, in percent, joined by commas. */
static bool parse_conversions(struct simulation *s, const char *text, struct fault *fault)
{
    char *end;
    for (size_t i = 0; i < s->tasks; i++) {
        s->conversion[i] = strtod(text, &end) / 100;
        if (end == text || *end != (i + 1 < s->tasks ? ',' : '\0'))
            return fault_caller(fault,
                                "--conversions: '%s' is not %zu percentages joined by commas, one "
                                "for each conversion",
                                text, s->tasks);
        text = end + 1;
    }
    return true;
}

static bool choose_pattern(struct simulation *s, const char *text, struct fault *fault)
{
    if (text && strcmp(text, "parallel") == 0)
        s->pattern = LABELS_PARALLEL;
    else if (text && strcmp(text, "sequential") != 0)
        return fault_caller(fault,
                            "--pattern: '%s' is not known; sequential and parallel are "
                            "allowed",
                            text);
    return true;
}

static size_t given_or(uint64_t given, size_t usual) { return given ? (size_t)given : usual; }

static bool choose(struct generation *g, const struct arguments *a, const struct typed *t,
                   struct fault *fault)
{
    struct simulation *s = &g->simulation;
    if (a->preset.count > 1)
        return fault_caller(fault, "--preset: rows of one are made, %zu are given",
                            a->preset.count);
    if (!a->out)
        return fault_caller(fault, "--out is needed: the folder to write to");
    struct ektm_preset preset =
        *ektm_preset_find(a->preset.count ? a->preset.name[0] : "aliexpress");
    preset.config.tasks = given_or(t->tasks, preset.config.tasks);
    simulation_default(s, &preset);
    s->users = given_or(t->users, s->users);
    s->items = given_or(t->items, s->items);
    s->candidates = given_or(t->candidates, s->candidates);
    s->groups = given_or(t->groups, s->groups);
    s->click = t->click / 100;
    s->similarity = t->similarity;
    s->missing = t->missing / 100;
    s->signal = t->signal;
    s->exponent = t->zipf;
    s->seed = a->seed;
    g->truth = t->truth;
    memcpy(g->rows, (uint64_t[SPLITS]){t->train, t->validation, t->test}, sizeof g->rows);
    return choose_pattern(s, t->pattern, fault) &&
           (!t->conversions || parse_conversions(s, t->conversions, fault));
}

int generate_command(int argc, char **argv)
{
    struct arguments arguments;
    struct fault fault;
    struct typed t = {.train = 800000,
                      .validation = 100000,
                      .test = 100000,
                      .click = 4,
                      .similarity = 0.8,
                      .signal = 1.5,
                      .zipf = 1.05};
    const struct own_option own[] = {
        {.name = "train", "N", "Rows to learn from (800000)", .number = &t.train, .high = ROWS_MAX},
        {.name = "validation",
         "N",
         "Rows to stop by (100000)",
         .number = &t.validation,
         .high = ROWS_MAX},
        {.name = "test", "N", "Rows to judge by (100000)", .number = &t.test, .high = ROWS_MAX},
        {.name = "truth",
         NULL,
         "Write the true probabilities, too: *.truth.csv, as predictions",
         .flag = &t.truth},
        {.name = "pattern",
         "NAME",
         "sequential (each conversion needs the one before) or parallel",
         .text = &t.pattern},
        {.name = "tasks",
         "N",
         "Conversions (the preset's)",
         .number = &t.tasks,
         .low = 1,
         .high = TASKS_MAX},
        {.name = "clicks", "PERCENT", "Clicked rows (4)", .real = &t.click, .high = 100},
        {.name = "conversions",
         "PERCENT,...",
         "Rows with each conversion (from 0.5 down to 0.1 of all rows)",
         .text = &t.conversions},
        {.name = "missing",
         "PERCENT",
         "Conversion labels of clicked rows that are missing (0)",
         .real = &t.missing,
         .high = 100},
        {.name = "similarity",
         "N",
         "Correlation of tasks of a group (0.8); 0: they have nothing in common",
         .real = &t.similarity,
         .high = 1},
        {.name = "groups",
         "N",
         "Groups of similar tasks (1)",
         .number = &t.groups,
         .low = 1,
         .high = TASKS_MAX},
        {.name = "signal",
         "N",
         "Standard deviation of logits (1.5): how much there is to learn",
         .real = &t.signal,
         .high = 10},
        {.name = "users",
         "N",
         "Users (as many as f0 has ids, up to 50000)",
         .number = &t.users,
         .low = 1,
         .high = INT32_MAX},
        {.name = "items",
         "N",
         "Items (as many as their field has ids)",
         .number = &t.items,
         .low = 1,
         .high = INT32_MAX},
        {.name = "candidates",
         "N",
         "Mean rows of a request (20)",
         .number = &t.candidates,
         .low = 1,
         .high = 100000},
        {.name = "zipf",
         "N",
         "Exponent of the law that ids follow (1.05)",
         .real = &t.zipf,
         .low = 0.01,
         .high = 10},
        {.name = NULL},
    };
    arguments_parse_own(&arguments,
                        TAKES_ONE(OPTION_PRESET) | TAKES(OPTION_SEED) | TAKES(OPTION_OUT), own,
                        "Writes train.csv, validation.csv and test.csv to a folder: exposures of a "
                        "simulated platform, with clicks, conversions and users, for models of a "
                        "preset's sizes (aliexpress by default). The same options and seed give "
                        "the same rows.",
                        argc, argv);
    struct generation g = {.folder = arguments.out};
    return choose(&g, &arguments, &t, &fault) && generate(&g, &fault) ? STATUS_DONE
                                                                      : fault_print(&fault);
}
