/* `ektm selftest`: how far the bench's own verdicts can be trusted on this machine. */
#include "harness/bench/run.h"
#include "harness/command.h"
#include "harness/verify/bed.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Calls in a sample: a whole number of the slowed copy's periods. */
enum { CALLS = 100, SAMPLES = 40, TRIALS_USUAL = 100, TRIALS_QUICK = 25, KERNELS_MAX = 16 };

/* In percent. The first is none: the kernel against itself. */
static const int slowdowns[] = {0, 3, 5, 10};
enum { SLOWDOWNS = sizeof slowdowns / sizeof *slowdowns, FIVE = 2 };

/* The bars: false alarms at most, slowdowns of 5 % found at least. */
#define ALARMS_MOST 0.05
#define FOUND_LEAST 0.90

/* What trials with one slowdown came to. */
struct tally {
    size_t trials, doubted, slower, faster; /* verdicts on the slowed copy, of those not doubted */
};

struct selftest {
    struct run run;
    struct sampling sampling;
    size_t trials;
    size_t kernels;
    const struct kernel *kernel[KERNELS_MAX];
    struct tally tally[KERNELS_MAX][SLOWDOWNS];
};

/* ---- a kernel, and its copy that does more work --------------------------------------------- */

struct copy {
    const struct kernel *kernel;
    const struct call *call;
    int percent, due; /* of CALLS calls so many run twice, spread evenly */
};

static void run_copy(void *argument)
{
    struct copy *copy = argument;
    copy->kernel->run(copy->call);
    copy->due += copy->percent;
    if (copy->due < 100)
        return;
    copy->due -= 100;
    copy->kernel->run(copy->call);
}

/* ---- trials ---------------------------------------------------------------------------------- */

/* Compares as the bench does. */
static bool try_once(struct selftest *self, const struct kernel *kernel, const struct call *call,
                     int percent, uint64_t seed, struct tally *tally, struct fault *fault)
{
    struct copy copy[] = {{kernel, call, 0, 0}, {kernel, call, percent, 0}};
    struct competitor c[2];
    for (size_t i = 0; i < 2; i++)
        c[i] =
            (struct competitor){.run = run_copy, .argument = &copy[i], .calls = CALLS, .span = 1};
    bool fine = sample_interleaved(&self->sampling, c, 2, fault);
    self->run.disturbance = (struct disturbance){NAN, NAN, NAN, NAN, NAN}; /* too short to tell */
    bool doubted =
        fine && (run_doubts(&self->run, &c[0]).noisy || run_doubts(&self->run, &c[1]).noisy);
    struct series plain = competitor_series(&c[0]), slowed = competitor_series(&c[1]);
    struct estimate ratio = ratio_estimate(&plain, &slowed, seed);
    enum shown shown = shown_by(&ratio);
    tally->trials++;
    tally->doubted += doubted;
    tally->slower += !doubted && shown == SHOWN_SLOWER;
    tally->faster += !doubted && shown == SHOWN_FASTER;
    competitor_free(&c[0]);
    competitor_free(&c[1]);
    return fine;
}

/* Other work is seen over all trials of a kind only: they are doubted together. */
static bool try_slowdown(struct selftest *self, const struct kernel *kernel,
                         const struct call *call, size_t slowdown, struct tally *tally,
                         struct fault *fault)
{
    struct totals before, after;
    totals_read(&before, &self->run.topology);
    for (size_t t = 0; t < self->trials; t++)
        if (!try_once(self, kernel, call, slowdowns[slowdown], self->run.arguments->seed + t, tally,
                      fault))
            return false;
    totals_read(&after, &self->run.topology);
    struct circumstances all = {.pinned = true,
                                .had = NAN,
                                .disturbance =
                                    disturbance_between(&before, &after, &self->run.topology)};
    if (doubts_of(&all).noisy)
        *tally = (struct tally){.trials = tally->trials, .doubted = tally->trials};
    return true;
}

/* Where a call takes a microsecond or a few, so that many make a sample. */
static size_t rows_for(const struct op *op)
{
    return strcmp(op->name, "dense") == 0 || strcmp(op->name, "transmitter") == 0 ? 4 : 8;
}

static bool try_kernel(struct selftest *self, size_t k, struct fault *fault)
{
    const struct ektm_preset *preset = ektm_preset_find("aliexpress");
    const struct kernel *kernel = self->kernel[k];
    struct ektm ektm;
    struct bed bed;
    if (!ektm_build(&ektm, &preset->config))
        return fault_memory(fault, "the table of layers");
    size_t layer = 0; /* the last of its op: of dense layers the smallest */
    for (size_t l = 0; l < ektm_entries(&ektm); l++)
        if (ektm.layer[l].op == kernel->op && !ektm_repeats(&ektm, l))
            layer = l;
    struct trial trial =
        layer_trial(preset, &ektm.layer[layer], rows_for(kernel->op), self->run.arguments->seed);
    bool fine = bed_make(&bed, &trial, kernel->dtype, fault);
    ektm_free(&ektm);
    if (!fine)
        return false;
    struct call call = bed.call[0];
    fine = kernel_prepare(kernel, &call) || fault_memory(fault, "packed weights");
    for (size_t s = 0; s < SLOWDOWNS && fine; s++)
        fine = try_slowdown(self, kernel, &call, s, &self->tally[k][s], fault);
    kernel_release(kernel, &call);
    bed_free(&bed);
    return fine;
}

/* ---- which kernels --------------------------------------------------------------------------- */

/* The widest of each op of those written by hand, and the compiler's dense layer beside them;
 * everything that was named on the command line. */
static bool is_chosen(const struct arguments *a, const struct kernel *kernel)
{
    char reason[128];
    if (kernel->op->probe || !arguments_admit(a, kernel) ||
        !kernel_usable(kernel, reason, sizeof reason))
        return false;
    if (kernel->op->training) /* no layer of the preset */
        return false;
    if (a->kernel.count || a->backend.count)
        return true;
    bool plain = strcmp(kernel->backend->name, "compiler") == 0;
    return !kernel->backend->peer && kernel->isa == isa_widest() &&
           (!plain || strcmp(kernel->op->name, "dense") == 0);
}

static bool choose(struct selftest *self, struct fault *fault)
{
    for (const struct kernel *const *k = kernels; *k; k++)
        if (is_chosen(self->run.arguments, *k) && self->kernels < KERNELS_MAX)
            self->kernel[self->kernels++] = *k;
    return self->kernels ? true
                         : fault_caller(fault, "no kernel that runs here is admitted by --op, "
                                               "--backend and --kernel together");
}

/* ---- the report ------------------------------------------------------------------------------ */

static size_t decided(const struct tally *tally) { return tally->trials - tally->doubted; }

static void print_share(size_t hits, size_t trials)
{
    struct estimate share = share_estimate(hits, trials);
    if (trials)
        printf("%5.0f%% (%2.0f-%3.0f)", 100 * share.median, 100 * share.low, 100 * share.high);
    else
        printf("%14s", "-");
}

static void print_line(const char *name, const struct tally tally[SLOWDOWNS])
{
    size_t trials = 0, doubted = 0;
    printf("%-28s", name);
    print_share(tally[0].slower + tally[0].faster, decided(&tally[0]));
    for (size_t s = 1; s < SLOWDOWNS; s++)
        print_share(tally[s].slower, decided(&tally[s]));
    for (size_t s = 0; s < SLOWDOWNS; s++) {
        trials += tally[s].trials;
        doubted += tally[s].doubted;
    }
    printf("%6zu of %zu\n", doubted, trials);
    fflush(stdout);
}

static void print_heads(void)
{
    printf("%-28s%14s%14s%14s%14s  doubted\n", "shares of trials, %", "false alarms", "3 % found",
           "5 % found", "10 % found");
}

/* The totals, and whether the bars hold. */
static int report(const struct selftest *self)
{
    struct tally all[SLOWDOWNS] = {{0}};
    size_t wrong = 0, sure = 0, trials = 0;
    for (size_t k = 0; k < self->kernels; k++)
        for (size_t s = 0; s < SLOWDOWNS; s++) {
            const struct tally *t = &self->tally[k][s];
            all[s].trials += t->trials;
            all[s].doubted += t->doubted;
            all[s].slower += t->slower;
            all[s].faster += t->faster;
            wrong += s ? t->faster : 0;
            sure += decided(t);
            trials += t->trials;
        }
    print_line("all", all);
    if (wrong)
        printf("%zu slowed copies were called faster\n", wrong);
    if (2 * sure < trials) {
        printf("Most trials were disturbed: this machine is too busy to tell\n");
        return STATUS_MACHINE;
    }
    struct estimate alarms = share_estimate(all[0].slower + all[0].faster, decided(&all[0]));
    struct estimate found = share_estimate(all[FIVE].slower, decided(&all[FIVE]));
    bool holds = alarms.median <= ALARMS_MOST && found.median >= FOUND_LEAST && !wrong;
    printf("%s: false alarms %.1f %% (at most %.0f %%), slowdowns of 5 %% found %.1f %% (at least "
           "%.0f %%)\n",
           holds ? "Verdicts can be trusted" : "Verdicts CANNOT be trusted here",
           100 * alarms.median, 100 * ALARMS_MOST, 100 * found.median, 100 * FOUND_LEAST);
    return holds ? STATUS_DONE : STATUS_FAILED;
}

/* ---- the command ----------------------------------------------------------------------------- */

static bool begin(struct selftest *self, const struct arguments *arguments,
                  const volatile sig_atomic_t *stop, struct fault *fault)
{
    struct run *run = &self->run;
    run->arguments = arguments;
    run->stop = stop;
    run->clock = clock_measure();
    self->trials = arguments->quick ? TRIALS_QUICK : TRIALS_USUAL;
    self->sampling = (struct sampling){
        .clock = &run->clock, .budget = INFINITY, .least = SAMPLES, .most = SAMPLES, .stop = stop};
    run->plan.sampling = self->sampling;
    if (!choose(self, fault) || !topology_load(&run->topology, NULL, fault))
        return false;
    if (run_seat(run, (struct seating){1, PLACEMENT_COMPACT}, fault))
        return true;
    topology_free(&run->topology);
    return false;
}

static int test_all(struct selftest *self)
{
    struct fault fault;
    print_heads();
    for (size_t k = 0; k < self->kernels; k++) {
        if (!try_kernel(self, k, &fault))
            return fault_print(&fault);
        print_line(self->kernel[k]->name, self->tally[k]);
    }
    return report(self);
}

int selftest_command(int argc, char **argv)
{
    static const volatile sig_atomic_t never = 0;
    struct arguments arguments;
    struct fault fault;
    arguments_parse(
        &arguments,
        TAKES(OPTION_OP) | TAKES(OPTION_BACKEND) | TAKES(OPTION_KERNEL) | TAKES(OPTION_SEED) |
            TAKES(OPTION_QUICK),
        "Compares kernels with themselves, and with copies of which 3, 5 or 10 of 100 "
        "calls run twice, many times, as the bench compares; reports how often a "
        "difference is shown where there is none, and how often one is found. A trial "
        "that the machine disturbed is doubted and decides nothing. Exit 0: at most 5 % "
        "false alarms and 90 % of slowdowns of 5 % found; 1: not; 3: too busy to tell.",
        argc, argv);
    struct selftest *self = calloc(1, sizeof *self);
    if (!self) {
        fault_memory(&fault, "the selftest");
        return fault_print(&fault);
    }
    int status;
    if (begin(self, &arguments, &never, &fault)) {
        status = test_all(self);
        team_stop(self->run.team);
        topology_free(&self->run.topology);
    } else
        status = fault_print(&fault);
    free(self);
    return status;
}
