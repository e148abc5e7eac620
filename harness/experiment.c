/* `ektm experiment`: EKTM, its ablations and its baselines on simulated rows, and the simulated A/B
 * test. What does not hold is reported as not holding. */
#include "harness/arguments.h"
#include "harness/command.h"
#include "harness/fault.h"
#include "harness/train/backend.h"
#include "harness/train/contest.h"

#include "build.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A platform that can be learned from within minutes: rates of clicks and conversions as public
 * data have them, tables as small as so few rows can fill. */
enum { FIELDS_OF = 10, USER_ROWS = 4000, ITEM_ROWS = 2000, ATTRIBUTE_ROWS = 300 };

struct typed {
    uint64_t seeds, train, requests, epochs;
};

static void set_sizes(struct contest_plan *plan)
{
    struct simulation *s = &plan->simulation;
    simulation_default(s, ektm_preset_find("tiny"));
    s->fields = FIELDS_OF;
    for (size_t f = 0; f < FIELDS_OF; f++)
        s->rows[f] = f == 0 ? USER_ROWS : f == FIELDS_OF / 2 ? ITEM_ROWS : ATTRIBUTE_ROWS;
    s->users = USER_ROWS;
    s->items = ITEM_ROWS;
    s->dense = 4;
    s->tasks = 3;
    s->conversion[0] = 0.008;
    s->conversion[1] = 0.004;
    s->conversion[2] = 0.002;
    s->missing = 0.05;
    plan->config = (struct ektm_config){
        .width = 8, .bottoms = 2, .bottom = {64, 32}, .rep = 24, .hidden = 16, .tau = 1};
}

static void make_plan(struct contest_plan *plan, const char *name, double similarity, bool all,
                      const struct arguments *a, const struct typed *typed)
{
    *plan = (struct contest_plan){
        .name = name,
        .train = typed->train,
        .validation = typed->train / 3,
        .test = typed->train / 2,
        .requests = typed->requests,
        .seeds = typed->seeds,
        .settings = 4,
        .setting = {{1e-3, 1}, {3e-3, 1}, {1e-3, 0.1}, {3e-3, 0.1}},
        .batch = 1024,
        .epochs = typed->epochs,
        .patience = 1,
        .seed = a->seed,
    };
    set_sizes(plan);
    plan->simulation.similarity = similarity;
    plan->simulation.seed = a->seed;
    for (const struct network_kind *k = network_kinds; k->name; k++)
        if (all || !k->part_of_ektm || k == network_kinds)
            plan->kind[plan->kinds++] = k;
}

static void report_setting(const struct arguments *a, const struct typed *typed,
                           const struct contest_plan *plan, const struct backend *backend,
                           size_t threads, FILE *out)
{
    const struct ektm_config *c = &plan->config;
    fprintf(
        out,
        "# EKTM, its ablations and its baselines on simulated data\n\n"
        "    ektm experiment --seed %llu --seeds %llu --train %llu --requests %llu --epochs %llu "
        "--threads %zu\n\n"
        "Commit %s, backend %s. The data are simulated (`ektm generate` says how), the models "
        "small: %d fields of width %zu, bottom %zu-%zu, d %zu, H %zu, %zu conversions. Every "
        "model has the same fields and, but for single-task, the same tables; the baselines' "
        "bottom layers or experts are as wide as gives them as many learned numbers outside the "
        "tables as EKTM has. EKTM's ablations are what is left of it. Each model is tried with "
        "the same %zu settings (learning rate, weight of the conversions' losses) on one seed of "
        "its own and goes on with the one that is "
        "best on the validation rows; then it is trained from %zu other seeds, up to %zu epochs, "
        "and judged as it was in its best epoch. The seeds change first weights and order of "
        "rows, not the rows. p is not corrected for the number of comparisons.\n",
        (unsigned long long)a->seed, (unsigned long long)typed->seeds,
        (unsigned long long)typed->train, (unsigned long long)typed->requests,
        (unsigned long long)typed->epochs, threads, BUILD_COMMIT, backend->name, FIELDS_OF,
        c->width, c->bottom[0], c->bottom[1], c->rep, c->hidden, plan->simulation.tasks,
        plan->settings, plan->seeds, plan->epochs);
}

static bool run_plans(const struct arguments *a, const struct typed *typed, struct team *team,
                      FILE *out, struct fault *fault)
{
    const struct backend *backend;
    enum isa isa;
    struct contest_plan plan[2];
    static struct contest contest;
    make_plan(&plan[0], "Correlated tasks", 0.8, true, a, typed);
    make_plan(&plan[1], "Unrelated tasks", 0, false, a, typed);
    if (!backend_choose(a->backend.count ? a->backend.name[0] : NULL, &backend, &isa, fault))
        return false;
    report_setting(a, typed, &plan[0], backend, team_members(team), out);
    for (size_t i = 0; i < sizeof plan / sizeof *plan; i++) {
        if (!contest_run(&contest, &plan[i], backend, isa, team, fault))
            return false;
        contest_report(&contest, out);
        contest_free(&contest);
    }
    return true;
}

static bool run(const struct arguments *a, const struct typed *typed, struct fault *fault)
{
    struct topology topology;
    FILE *out = a->out ? fopen(a->out, "we") : stdout;
    if (!out)
        return fault_caller(fault, "--out: %s: cannot be created: %s", a->out, strerror(errno));
    bool fine = topology_load(&topology, NULL, fault);
    if (fine) {
        const size_t threads = a->threads.count ? a->threads.size[0] : topology.cores;
        struct team *team = team_start(&topology, PLACEMENT_COMPACT, threads, fault);
        fine = team && run_plans(a, typed, team, out, fault);
        if (team)
            team_stop(team);
        topology_free(&topology);
    }
    if (fflush(out) != 0 && fine)
        fine = fault_machine(fault, "the report cannot be written: %s", strerror(errno));
    if (a->out)
        fclose(out);
    return fine;
}

int experiment_command(int argc, char **argv)
{
    struct arguments a;
    struct fault fault;
    struct typed typed = {.seeds = 5, .train = 0, .requests = 0, .epochs = 8};
    const struct own_option own[] = {
        {"seeds", "N", "Trainings of each model (5)", .number = &typed.seeds, .low = 2,
         .high = SEEDS_MAX},
        {"train", "N", "Rows to learn from (100000)", .number = &typed.train, .low = 1000,
         .high = 1e9},
        {"requests", "N", "Requests of the A/B test (5000)", .number = &typed.requests, .low = 10,
         .high = 1e8},
        {"epochs", "N", "At most so many epochs (8)", .number = &typed.epochs, .low = 1,
         .high = 1000},
        {.name = NULL},
    };
    arguments_parse_own(
        &a,
        TAKES(OPTION_OUT) | TAKES(OPTION_SEED) | TAKES_ONE(OPTION_THREADS) |
            TAKES_ONE(OPTION_BACKEND) | TAKES(OPTION_QUICK),
        own,
        "Trains EKTM, its ablations and its baselines on simulated data, with related tasks and "
        "with unrelated ones, and lets them rank fresh requests: a report in Markdown.",
        argc, argv);
    if (!typed.train)
        typed.train = a.quick ? 8000 : 100000;
    if (!typed.requests)
        typed.requests = a.quick ? 200 : 5000;
    if (a.quick) {
        typed.seeds = 2;
        typed.epochs = 1;
    }
    const bool fine = a.threads.count > 1 || a.backend.count > 1
                          ? fault_caller(&fault, "--threads and --backend: one of each")
                          : run(&a, &typed, &fault);
    return fine ? STATUS_DONE : fault_print(&fault);
}
