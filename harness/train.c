/* `ektm train`: a network from rows with labels. */
#include "harness/arguments.h"
#include "harness/command.h"
#include "harness/fault.h"
#include "harness/train/backend.h"
#include "harness/train/trainer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* What is read and made, in this order. */
struct session {
    struct topology topology;
    struct team *team;
    struct dataset train, validation;
    struct network network;
    struct parameters parameters;
    struct pass pass;
};

/* Options of this command alone, as they are typed. */
struct typed {
    const char *network, *validation, *checkpoint, *pattern;
    uint64_t epochs, patience, every, steps;
    double rate, tables, decay, conversions;
};

static bool read_rows(struct session *s, const struct arguments *a, const struct typed *typed,
                      const struct ektm_config *config, struct fault *fault)
{
    const enum label_pattern pattern =
        strcmp(typed->pattern, "parallel") == 0 ? LABELS_PARALLEL : LABELS_SEQUENTIAL;
    return dataset_read(&s->train, a->input, config, pattern, fault) &&
           dataset_read(&s->validation, typed->validation, config, pattern, fault);
}

static bool make(struct session *s, const struct arguments *a, const struct typed *typed,
                 const struct ektm_config *config, struct fault *fault)
{
    const struct backend *backend;
    enum isa isa;
    const size_t threads = a->threads.count ? a->threads.size[0] : s->topology.cores;
    const size_t batch = a->batch.count ? a->batch.size[0] : 2048;
    if (!backend_choose(a->backend.count ? a->backend.name[0] : NULL, &backend, &isa, fault))
        return false;
    if (!network_build(&s->network, network_kind_find(typed->network), config))
        return fault_memory(fault, "the table of layers");
    if (!parameters_make(&s->parameters, &s->network, a->seed, fault))
        return false;
    s->team = team_start(&s->topology, PLACEMENT_COMPACT, threads, fault);
    if (!s->team || !pass_make(&s->pass, &s->parameters, backend, isa, batch, s->team, fault))
        return false;
    fprintf(stderr,
            "%s: %zu weights and %zu rows of %zu in tables; backend %s (%s), threads %zu, batches "
            "of %zu; %zu rows, %zu to validate\n",
            typed->network, network_dense_parameters(&s->network), s->parameters.rows,
            config->width, backend->name, isa_name(isa), threads, batch, s->train.rows,
            s->validation.rows);
    return true;
}

static bool train(struct session *s, const struct arguments *a, const struct typed *typed,
                  struct fault *fault)
{
    const struct training training = {
        .batch = s->pass.batch.activations.rows_max,
        .epochs = typed->epochs,
        .patience = typed->patience,
        .seed = a->seed,
        .rates = {(float)typed->rate, (float)typed->tables, (float)typed->decay},
        .conversions = typed->conversions,
        .sequential = strcmp(typed->pattern, "parallel") != 0,
        .checkpoint = typed->checkpoint,
        .every = typed->every,
        .stop = typed->steps,
    };
    struct progress progress;
    if (!trainer_run(&s->pass, &s->train, &s->validation, &training, &progress, fault))
        return false;
    if (typed->steps && s->pass.taken >= typed->steps && progress.step) {
        fprintf(stderr, "stopped after %zu steps\n", s->pass.taken);
        return true;
    }
    fprintf(stderr, "best: epoch %zu, mean AUC %.5f\n", progress.best_epoch, progress.best);
    if (!parameters_save(&s->parameters, a->out, fault))
        return false;
    fprintf(stderr, "%s: written%s\n", a->out,
            s->network.kind->ektm ? "" : "; `predict` reads networks of EKTM's layers only");
    return true;
}

static void release(struct session *s)
{
    pass_free(&s->pass);
    if (s->team)
        team_stop(s->team);
    if (s->parameters.network)
        parameters_free(&s->parameters);
    network_free(&s->network);
    dataset_free(&s->validation);
    dataset_free(&s->train);
    topology_free(&s->topology);
}

static bool run(const struct arguments *a, const struct typed *typed,
                const struct ektm_config *config, struct fault *fault)
{
    struct session s = {.team = NULL};
    if (!topology_load(&s.topology, NULL, fault))
        return false;
    const bool fine = read_rows(&s, a, typed, config, fault) && make(&s, a, typed, config, fault) &&
                      train(&s, a, typed, fault);
    release(&s);
    return fine;
}

static bool check(const struct arguments *a, const struct typed *typed, struct fault *fault)
{
    if (!network_kind_find(typed->network)) {
        char names[512] = "";
        for (const struct network_kind *k = network_kinds; k->name; k++) {
            const size_t used = strlen(names);
            snprintf(names + used, sizeof names - used, " %s", k->name);
        }
        return fault_caller(fault, "--network: '%s' is not known; allowed:%s", typed->network,
                            names);
    }
    if (strcmp(typed->pattern, "sequential") != 0 && strcmp(typed->pattern, "parallel") != 0)
        return fault_caller(fault,
                            "--pattern: '%s' is not known; sequential and parallel are allowed",
                            typed->pattern);
    if (!a->input)
        return fault_caller(fault, "--input is needed: a CSV file of rows with labels");
    if (!typed->validation)
        return fault_caller(fault, "--validation is needed: a CSV file of other rows with labels");
    if (!a->out)
        return fault_caller(fault, "--out is needed: the file to write");
    if (a->preset.count > 1 || a->batch.count > 1 || a->threads.count > 1 || a->backend.count > 1)
        return fault_caller(fault,
                            "--preset, --batch, --threads and --backend: one of each trains");
    return true;
}

int train_command(int argc, char **argv)
{
    struct arguments a;
    struct fault fault;
    struct typed typed = {.network = "ektm",
                          .pattern = "sequential",
                          .epochs = 5,
                          .patience = 1,
                          .rate = 1e-3,
                          .tables = NAN,
                          .decay = 1e-6,
                          .conversions = 1};
    const struct own_option own[] = {
        {"network", "NAME", "ektm, one of its ablations, or a baseline (ektm)",
         .text = &typed.network},
        {"validation", "FILE", "Rows that tell which epoch is best", .text = &typed.validation},
        {"pattern", "NAME",
         "How conversions follow each other: sequential or parallel (sequential)",
         .text = &typed.pattern},
        {"epochs", "N", "At most so many times through all rows (5)", .number = &typed.epochs,
         .low = 1, .high = 100000},
        {"patience", "N", "Epochs that may go by without a better score (1)",
         .number = &typed.patience, .low = 0, .high = 100000},
        {"learning-rate", "RATE", "Of Adam (0.001)", .real = &typed.rate, .low = 1e-9, .high = 10},
        {"table-rate", "RATE", "Of row-wise Adagrad on the tables (10 times Adam's)",
         .real = &typed.tables, .low = 1e-9, .high = 100},
        {"decay", "LAMBDA", "L2 on what is no table (1e-6)", .real = &typed.decay, .low = 0,
         .high = 1},
        {"conversion-weight", "W", "Of the conversions' losses beside the clicks' (1)",
         .real = &typed.conversions, .low = 1e-6, .high = 1e6},
        {"checkpoint", "FILE",
         "Written after each epoch; where there is one, training goes on from it",
         .text = &typed.checkpoint},
        {"every", "STEPS", "Write the checkpoint after so many steps, too", .number = &typed.every,
         .low = 1, .high = 1e9},
        {"steps", "N", "Stop after so many steps in all, as if killed", .number = &typed.steps,
         .low = 1, .high = 1e9},
        {.name = NULL},
    };
    arguments_parse_own(&a,
                        TAKES_ONE(OPTION_PRESET) | TAKES(OPTION_INPUT) | TAKES(OPTION_OUT) |
                            TAKES(OPTION_SEED) | TAKES_ONE(OPTION_BATCH) |
                            TAKES_ONE(OPTION_THREADS) | TAKES_ONE(OPTION_BACKEND),
                        own,
                        "Trains a network of a preset's sizes (aliexpress by default) on rows with "
                        "labels: Adam, and "
                        "row-wise Adagrad on the tables, in batches of 2048. The same seed and "
                        "options give the same "
                        "bits whatever --threads is, and whether or not training was interrupted.",
                        argc, argv);
    if (isnan(typed.tables))
        typed.tables = 10 * typed.rate;
    const char *preset = a.preset.count ? a.preset.name[0] : "aliexpress";
    const bool fine =
        check(&a, &typed, &fault) && run(&a, &typed, &ektm_preset_find(preset)->config, &fault);
    return fine ? STATUS_DONE : fault_print(&fault);
}
