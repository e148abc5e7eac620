#include "harness/train/contest.h"

#include "harness/measure/clock.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Requests of training, validation and test follow each other; those of the A/B test are far off.
 */
#define ABTEST_FIRST (UINT64_C(1) << 40)

/* Adagrad's rate over Adam's. */
#define TABLE_RATE 10

/* ---- rows ------------------------------------------------------------------------------------ */

static bool simulate(struct contest *c, struct dataset *d, size_t rows, uint64_t *request,
                     struct fault *fault)
{
    const struct simulation *s = &c->simulator.simulation;
    dataset_begin(d, s->fields, s->dense, s->tasks);
    while (d->rows < rows)
        if (!simulator_request(&c->simulator, (*request)++, d, fault))
            return false;
    return true;
}

static bool make_rows(struct contest *c, struct fault *fault)
{
    const struct contest_plan *plan = c->plan;
    uint64_t request = 0;
    return simulator_make(&c->simulator, &plan->simulation, fault) &&
           simulate(c, &c->train, plan->train, &request, fault) &&
           simulate(c, &c->validation, plan->validation, &request, fault) &&
           simulate(c, &c->test, plan->test, &request, fault) &&
           abtest_make(&c->abtest, &c->simulator, ABTEST_FIRST, plan->requests, fault);
}

void contest_free(struct contest *c)
{
    abtest_free(&c->abtest);
    dataset_free(&c->train);
    dataset_free(&c->validation);
    dataset_free(&c->test);
    simulator_free(&c->simulator);
}

/* ---- one training ---------------------------------------------------------------------------- */

/* What a member trains at a time. */
struct training_job {
    size_t kind;
    uint64_t seed;
    struct setting setting;
    bool play; /* test rows and A/B test, too */
    struct contest_run *run;
};

/* A list of them, which members take from in turn. */
struct jobs {
    struct contest *contest;
    const struct backend *backend;
    enum isa isa;
    struct training_job *job;
    size_t count, next, done;
    bool failed;
    struct fault fault;
};

static bool sizes_of(const struct contest *c, size_t kind, struct ektm_config *config)
{
    struct network ektm;
    *config = c->plan->config;
    simulator_sizes(&c->simulator, config);
    if (!network_build(&ektm, &network_kinds[0], config))
        return false;
    const size_t parameters = network_dense_parameters(&ektm);
    network_free(&ektm);
    const struct network_kind *k = c->plan->kind[kind];
    return k->part_of_ektm || network_fit(config, k, parameters);
}

static bool play(struct contest *c, struct pass *pass, struct contest_run *run, struct fault *fault)
{
    const struct dataset *rows = &c->abtest.rows;
    float *p = malloc(rows->rows * (rows->tasks + 1) * sizeof *p);
    const bool fine = (p || fault_memory(fault, "predictions")) &&
                      trainer_score(pass, &c->test, &run->scores, fault) &&
                      trainer_predict(pass, rows, p, fault);
    if (fine) {
        run->earnings = abtest_play(&c->abtest, p);
        run->conversions = 0;
        for (size_t t = 1; t <= rows->tasks; t++)
            run->conversions += run->scores.auc[t] / (double)rows->tasks;
    }
    free(p);
    return fine;
}

static bool train(const struct jobs *jobs, const struct training_job *job, struct network *network,
                  struct fault *fault)
{
    struct contest *c = jobs->contest;
    const struct contest_plan *plan = c->plan;
    struct parameters parameters;
    struct pass pass;
    struct progress progress;
    const struct training training = {
        .batch = plan->batch,
        .epochs = plan->epochs,
        .patience = plan->patience,
        .seed = job->seed,
        .rates = {(float)job->setting.rate, (float)(TABLE_RATE * job->setting.rate), 1e-6F},
        .conversions = job->setting.conversions,
        .sequential = plan->simulation.pattern == LABELS_SEQUENTIAL,
        .quiet = true,
    };
    if (!parameters_make(&parameters, network, job->seed, fault))
        return false;
    c->parameters[job->kind] = network_dense_parameters(network);
    c->table_rows[job->kind] = parameters.rows;
    bool fine = pass_make(&pass, &parameters, jobs->backend, jobs->isa, plan->batch, NULL, fault);
    if (fine) {
        fine = trainer_run(&pass, &c->train, &c->validation, &training, &progress, fault) &&
               (!job->play || play(c, &pass, job->run, fault));
        job->run->best_epoch = progress.best_epoch;
        job->run->validation = progress.best;
        pass_free(&pass);
    }
    parameters_free(&parameters);
    return fine;
}

static bool do_job(struct jobs *jobs, const struct training_job *job, struct fault *fault)
{
    struct ektm_config config;
    struct network network;
    if (!sizes_of(jobs->contest, job->kind, &config) ||
        !network_build(&network, jobs->contest->plan->kind[job->kind], &config))
        return fault_memory(fault, "the table of layers");
    const bool fine = train(jobs, job, &network, fault);
    network_free(&network);
    return fine;
}

static void work(void *argument, size_t member, size_t members)
{
    struct jobs *jobs = argument;
    (void)member;
    (void)members;
    for (;;) {
        struct fault fault;
        const size_t at = __atomic_fetch_add(&jobs->next, 1, __ATOMIC_RELAXED);
        if (at >= jobs->count || __atomic_load_n(&jobs->failed, __ATOMIC_RELAXED))
            return;
        if (!do_job(jobs, &jobs->job[at], &fault) &&
            !__atomic_exchange_n(&jobs->failed, true, __ATOMIC_ACQ_REL))
            jobs->fault = fault;
        const size_t done = __atomic_add_fetch(&jobs->done, 1, __ATOMIC_RELAXED);
        fprintf(stderr, "%s: %zu of %zu trainings\n", jobs->contest->plan->name, done, jobs->count);
    }
}

static bool do_jobs(struct jobs *jobs, struct team *team, struct fault *fault)
{
    jobs->next = jobs->done = 0;
    team_run(team, work, jobs);
    if (jobs->failed)
        *fault = jobs->fault;
    return !jobs->failed;
}

/* ---- contest --------------------------------------------------------------------------------- */

/* Each kind with each setting, from one seed that is not used again. */
static bool tune(struct jobs *jobs, struct team *team, struct fault *fault)
{
    struct contest *c = jobs->contest;
    const struct contest_plan *plan = c->plan;
    jobs->count = 0;
    for (size_t k = 0; k < plan->kinds; k++)
        for (size_t r = 0; r < plan->settings; r++)
            jobs->job[jobs->count++] =
                (struct training_job){k, plan->seed, plan->setting[r], false, &c->tuning[k][r]};
    if (!do_jobs(jobs, team, fault))
        return false;
    for (size_t k = 0; k < plan->kinds; k++) {
        size_t best = 0;
        for (size_t r = 1; r < plan->settings; r++)
            if (c->tuning[k][r].validation > c->tuning[k][best].validation)
                best = r;
        c->chosen[k] = plan->setting[best];
    }
    return true;
}

static bool compete(struct jobs *jobs, struct team *team, struct fault *fault)
{
    struct contest *c = jobs->contest;
    const struct contest_plan *plan = c->plan;
    jobs->count = 0;
    for (size_t s = 0; s < plan->seeds; s++)
        for (size_t k = 0; k < plan->kinds; k++)
            jobs->job[jobs->count++] =
                (struct training_job){k, plan->seed + 1 + s, c->chosen[k], true, &c->run[k][s]};
    return do_jobs(jobs, team, fault);
}

bool contest_run(struct contest *c, const struct contest_plan *plan, const struct backend *backend,
                 enum isa isa, struct team *team, struct fault *fault)
{
    const uint64_t begin = clock_now();
    struct jobs jobs = {.contest = c, .backend = backend, .isa = isa};
    memset(c, 0, sizeof *c);
    c->plan = plan;
    jobs.job = calloc(KINDS_MAX * (SEEDS_MAX + SETTINGS_MAX), sizeof *jobs.job);
    if (!jobs.job)
        return fault_memory(fault, "the list of trainings");
    const bool fine =
        make_rows(c, fault) && tune(&jobs, team, fault) && compete(&jobs, team, fault);
    free(jobs.job);
    c->seconds = (double)(clock_now() - begin) / 1e9;
    if (!fine)
        contest_free(c);
    return fine;
}
