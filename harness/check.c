/* `ektm check`: every kernel against the scalar reference. */
#include "harness/arguments.h"
#include "harness/command.h"
#include "harness/model/inputs.h"
#include "harness/verify/bed.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SEEDS = 3, SHOWN = 3 };

/* What became of one kernel. */
struct tally {
    size_t trials, failures;
    double error;
};

struct check {
    struct arguments arguments;
    size_t kernels;
    struct tally *tally; /* of each kernel */
};

static bool takes_part(const struct check *check, const struct kernel *kernel)
{
    char reason[128];
    return arguments_admit(&check->arguments, kernel) &&
           kernel_usable(kernel, reason, sizeof reason);
}

static void note(struct tally *tally, const struct kernel *kernel, const char *shape,
                 const struct verdict *verdict)
{
    tally->trials++;
    tally->error = fmax(tally->error, verdict->error);
    if (!verdict->passed && tally->failures++ < SHOWN)
        printf("FAILED  %-34s %s (%s)\n", kernel->name, verdict->text, shape);
}

/* Tries every kernel of the trial's op on one bed for each number format. */
static bool try_all(struct check *check, const struct trial *trial, struct fault *fault)
{
    char shape[256];
    trial_describe(trial, shape, sizeof shape);
    for (enum dtype dtype = 0; dtype < DTYPES; dtype++) {
        struct bed bed;
        bool made = false;
        for (size_t k = 0; kernels[k]; k++) {
            if (kernels[k]->op != trial->op || kernels[k]->dtype != dtype ||
                !takes_part(check, kernels[k]))
                continue;
            if (!made && !bed_make(&bed, trial, dtype, fault))
                return false;
            made = true;
            struct verdict verdict = bed_try(&bed, kernels[k]);
            note(&check->tally[k], kernels[k], shape, &verdict);
        }
        if (made)
            bed_free(&bed);
    }
    return true;
}

static void progress(const char *what, size_t done, size_t all)
{
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r%-12s %3zu / %-3zu\033[K", done < all ? what : "", done, all);
    if (isatty(STDERR_FILENO) && done >= all)
        fprintf(stderr, "\r\033[K");
}

static bool try_awkward(struct check *check, const struct op *op, struct fault *fault)
{
    size_t seeds = check->arguments.quick ? 1 : SEEDS, trials = awkward_trials(op);
    for (size_t i = 0; i < seeds * trials; i++) {
        struct trial trial = awkward_trial(op, i % trials, check->arguments.seed + i / trials);
        progress(op->name, i, seeds * trials);
        if (!try_all(check, &trial, fault))
            return false;
    }
    progress(op->name, 1, 1);
    return true;
}

/* Every layer and fusion of a preset once, at its own sizes. */
static bool try_layers(struct check *check, const struct ektm_preset *preset, struct fault *fault)
{
    static const size_t usual[] = {1, 7, 64};
    const struct sizes *given = &check->arguments.batch;
    size_t batches = given->count ? given->count : sizeof usual / sizeof *usual;
    const size_t *batch = given->count ? given->size : usual;
    struct ektm ektm;
    if (!ektm_build(&ektm, &preset->config))
        return fault_memory(fault, "the table of layers");
    bool fine = true;
    for (size_t l = 0; l < ektm_entries(&ektm) && fine; l++) {
        const struct ektm_layer *layer = &ektm.layer[l];
        if (ektm_repeats(&ektm, l))
            continue;
        for (size_t b = 0; b < batches && fine; b++) {
            struct trial trial = layer_trial(preset, layer, batch[b], check->arguments.seed);
            progress(layer->name, l * batches + b, ektm_entries(&ektm) * batches);
            fine = try_all(check, &trial, fault);
        }
    }
    progress("", 1, 1);
    ektm_free(&ektm);
    return fine;
}

/* ---- a model of a file ----------------------------------------------------------------------- */

/* Rows made up for a model, and their activations by the scalar reference as far as it has come. */
struct checkup {
    struct model model;
    struct activations activations;
    size_t rows;
};

/* So that what is not computed is found out. */
static void forget_outputs(const struct op *op, const struct call *call)
{
    for (size_t i = 0; i < op->operands; i++)
        for (size_t r = 0; op->operand[i].role == ROLE_OUT && r < call->dims.extent[BATCH]; r++)
            for (size_t c = 0; c < operand_row(&op->operand[i], &call->dims); c++)
                real_put(&call->tensor[i], r, c, (double)NAN);
}

/* Every kernel of the layer's format, on the layer's own weights and true inputs; then the
 * reference, so that the next layer has its own. */
static bool try_own_layer(struct check *check, struct checkup *c, size_t layer, struct fault *fault)
{
    const struct ektm_layer *l = &c->model.ektm.layer[layer];
    const enum dtype dtype = formats_of(&c->model.formats, l);
    const struct call call = model_call(&c->model, &c->activations.memory, layer, c->rows, dtype);
    struct oracle oracle;
    char shape[96];
    snprintf(shape, sizeof shape, "%s of task %zu, BATCH %zu", l->name, l->task, c->rows);
    if (!oracle_make(&oracle, l->op, &call, dtype_roundoff(dtype_sums(dtype)), fault))
        return false;
    bool fine = true;
    for (size_t k = 0; kernels[k] && fine; k++) {
        struct call own = call;
        struct verdict verdict = {.passed = false};
        if (kernels[k]->op != l->op || kernels[k]->dtype != dtype || !takes_part(check, kernels[k]))
            continue;
        fine = kernel_prepare(kernels[k], &own) || fault_memory(fault, "packed weights");
        if (!fine)
            break;
        forget_outputs(l->op, &own);
        kernels[k]->run(&own);
        verdict.error = oracle_error(&oracle, &own, verdict.text, sizeof verdict.text);
        verdict.passed = verdict.error <= 1;
        note(&check->tally[k], kernels[k], shape, &verdict);
        kernel_release(kernels[k], &own);
    }
    l->op->reference(&call);
    oracle_free(&oracle);
    return fine;
}

/* Fusions too, which are in f32 whatever their layers are in. */
static bool try_own_layers(struct check *check, struct checkup *c, struct fault *fault)
{
    const struct ektm *ektm = &c->model.ektm;
    const struct ektm_preset sizes = {.name = "", .config = ektm->config};
    struct id_law law;
    if (!id_law_parse(&law, NULL, fault) ||
        !activations_make(&c->activations, &c->model, c->rows, c->rows * inputs_ids_per_row(&sizes),
                          fault))
        return false;
    inputs_random(&c->activations, &sizes, &law, c->rows, check->arguments.seed);
    bool fine = true;
    for (size_t l = 0; l < ektm_entries(ektm) && fine; l++) {
        progress(ektm->layer[l].name, l, ektm_entries(ektm));
        fine = !names_admit(&check->arguments.op, ektm->layer[l].op->name) ||
               try_own_layer(check, c, l, fault);
    }
    progress("", 1, 1);
    activations_free(&c->activations);
    return fine;
}

/* The layers of the model that --model names, in the formats that it asks for. */
static bool try_model(struct check *check, struct fault *fault)
{
    enum { MODEL_ROWS = 64 };
    struct checkup c = {.rows = MODEL_ROWS};
    struct topology topology;
    if (!check->arguments.model)
        return true;
    if (!topology_load(&topology, NULL, fault))
        return false;
    bool loaded = model_load(&c.model, check->arguments.model, &topology, fault);
    bool fine = loaded &&
                model_narrow_all(&c.model, &c.model.formats, &topology, PAGES_THP, fault) &&
                try_own_layers(check, &c, fault);
    if (loaded)
        model_free(&c.model);
    topology_free(&topology);
    return fine;
}

static bool try_everything(struct check *check, struct fault *fault)
{
    for (const struct op *const *op = ops; *op; op++)
        if (names_admit(&check->arguments.op, (*op)->name) && !try_awkward(check, *op, fault))
            return false;
    for (size_t i = 0; i < check->arguments.preset.count; i++)
        if (!try_layers(check, ektm_preset_find(check->arguments.preset.name[i]), fault))
            return false;
    return try_model(check, fault);
}

/* ---- what is asked for ----------------------------------------------------------------------- */

/* Whether --backend names a backend that this build left out: it has no kernel in the table. */
static bool left_out(const struct arguments *arguments, const struct backend *backend)
{
    for (size_t k = 0; kernels[k]; k++)
        if (kernels[k]->backend == backend)
            return false;
    return arguments->backend.count && names_admit(&arguments->backend, backend->name);
}

/* That something is asked for, even if this machine has to skip it. */
static bool sensible(const struct arguments *arguments, struct fault *fault)
{
    if (arguments->batch.count && !arguments->preset.count)
        return fault_caller(fault, "--batch is for the layers that --preset adds, and no preset is "
                                   "given");
    for (size_t k = 0; kernels[k]; k++)
        if (arguments_admit(arguments, kernels[k]))
            return true;
    for (const struct backend *const *b = backends; *b; b++)
        if (left_out(arguments, *b))
            return true;
    return fault_caller(fault, "no kernel is admitted by --op, --dtype, --backend and --kernel "
                               "together");
}

/* ---- what came out --------------------------------------------------------------------------- */

struct summary {
    size_t passed, failed, skipped;
    struct fault why; /* the first was skipped */
};

static void skip(struct summary *summary, const char *name, const char *reason)
{
    printf("skipped %-34s %s\n", name, reason);
    if (!summary->skipped++)
        fault_machine(&summary->why, "nothing was checked: %s is skipped: %s", name, reason);
}

/* A kernel that was never tried has proven nothing. */
static void judge(struct summary *summary, const char *name, const struct tally *t)
{
    if (t->failures || !t->trials) {
        printf("FAILED  %-34s %zu of %zu trials\n", name, t->failures, t->trials);
        summary->failed++;
    } else {
        printf("passed  %-34s %zu trials, largest error %.2f of the bound\n", name, t->trials,
               t->error);
        summary->passed++;
    }
}

/* One line for each kernel, for each backend asked for in vain, and for all. */
static int summarise(const struct check *check)
{
    struct summary summary = {.passed = 0};
    char reason[128];
    for (size_t k = 0; kernels[k]; k++)
        if (!arguments_admit(&check->arguments, kernels[k]))
            continue;
        else if (kernel_usable(kernels[k], reason, sizeof reason))
            judge(&summary, kernels[k]->name, &check->tally[k]);
        else
            skip(&summary, kernels[k]->name, reason);
    for (const struct backend *const *b = backends; *b; b++)
        if (left_out(&check->arguments, *b) && !(*b)->usable(reason, sizeof reason))
            skip(&summary, (*b)->name, reason);
    printf("%zu passed, %zu failed, %zu skipped\n", summary.passed, summary.failed,
           summary.skipped);
    if (summary.failed)
        return STATUS_FAILED;
    return summary.passed ? STATUS_DONE : fault_print(&summary.why);
}

int check_command(int argc, char **argv)
{
    struct check check = {.kernels = 0};
    struct fault fault;
    arguments_parse(
        &check.arguments,
        TAKES(OPTION_OP) | TAKES(OPTION_DTYPE) | TAKES(OPTION_BACKEND) | TAKES(OPTION_KERNEL) |
            TAKES(OPTION_PRESET) | TAKES(OPTION_MODEL) | TAKES(OPTION_BATCH) | TAKES(OPTION_SEED) |
            TAKES(OPTION_QUICK),
        "Tries every kernel that runs here on awkward shapes, its operands against guard "
        "pages, and compares the results with the scalar reference. --preset adds the "
        "layers of a model at their own sizes, for the rows that --batch gives; --model the layers "
        "of a file, with its weights, in the formats that it asks for.",
        argc, argv);
    if (!sensible(&check.arguments, &fault))
        return fault_print(&fault);
    while (kernels[check.kernels])
        check.kernels++;
    check.tally = calloc(check.kernels, sizeof *check.tally);
    if (!check.tally)
        fault_memory(&fault, "the tally");
    bool fine = check.tally && try_everything(&check, &fault);
    int status = fine ? summarise(&check) : fault_print(&fault);
    free(check.tally);
    return status;
}
