/* `ektm check`: every kernel against the scalar reference. */
#include "harness/arguments.h"
#include "harness/command.h"
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

static void note(struct tally *tally, const struct kernel *kernel, const struct trial *trial,
                 const struct verdict *verdict)
{
    char shape[256];
    tally->trials++;
    tally->error = fmax(tally->error, verdict->error);
    if (verdict->passed || tally->failures++ >= SHOWN)
        return;
    trial_describe(trial, shape, sizeof shape);
    printf("FAILED  %-34s %s (%s)\n", kernel->name, verdict->text, shape);
}

/* Tries every kernel of the trial's op on one bed for each number format. */
static bool try_all(struct check *check, const struct trial *trial, struct fault *fault)
{
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
            note(&check->tally[k], kernels[k], trial, &verdict);
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

static bool try_everything(struct check *check, struct fault *fault)
{
    for (const struct op *const *op = ops; *op; op++)
        if (names_admit(&check->arguments.op, (*op)->name) && !try_awkward(check, *op, fault))
            return false;
    for (size_t i = 0; i < check->arguments.preset.count; i++)
        if (!try_layers(check, ektm_preset_find(check->arguments.preset.name[i]), fault))
            return false;
    return true;
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
            TAKES(OPTION_PRESET) | TAKES(OPTION_BATCH) | TAKES(OPTION_SEED) | TAKES(OPTION_QUICK),
        "Tries every kernel that runs here on awkward shapes, its operands against guard "
        "pages, and compares the results with the scalar reference. --preset adds the "
        "layers of a model at their own sizes, for the rows that --batch gives.",
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
