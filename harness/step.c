/* `ektm step`: how fast a training step is, layer by layer and whole, and beside PyTorch's. */
#include "harness/arguments.h"
#include "harness/command.h"
#include "harness/fault.h"
#include "harness/frameworks/worker.h"
#include "harness/measure/sample.h"
#include "harness/model/inputs.h"
#include "harness/train/backend.h"
#include "harness/random.h"
#include "harness/train/pass.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Batches that go round, so that ids are new each time; steps whose losses must agree. */
enum { BATCHES = 4, LOSSES = 3, PATHS = 512, TIMED_STEPS = 5 };

/* What the losses of the same steps may differ, relative to them: sums in another order. */
#define AGREEMENT 1e-3

#define PYTORCH "harness/frameworks/pytorch.py"

static const struct rates rates = {1e-3F, 1e-2F, 1e-6F};

struct session {
    const struct arguments *arguments;
    struct topology topology;
    const struct ektm_preset *preset;
    const struct backend *backend;
    enum isa isa;
    struct network network;
    struct dataset rows;
    size_t batch, turn; /* rows; which batch is next */
    struct parameters parameters;
    struct pass pass;
    struct fault fault; /* of a step that was timed; text "": none */
    char folder[64];    /* for PyTorch */
};

/* ---- rows ------------------------------------------------------------------------------------ */

/* Ids as a server sees them; a third of the rows clicked, far more than in life: gradients of
 * conversions are 0 elsewhere, which makes a step cheaper than this one. */
static bool fill(struct session *s, struct batch *batch, struct fault *fault)
{
    struct id_law law;
    const struct ektm_config *c = &s->preset->config;
    const size_t rows = BATCHES * s->batch;
    const struct ektm_memory *m = &batch->activations.memory;
    if (!id_law_parse(&law, s->arguments->ids, fault))
        return false;
    if (law.kind == IDS_FILE)
        return fault_caller(fault, "--ids: a law is needed here, no file");
    inputs_random(&batch->activations, s->preset, &law, rows, s->arguments->seed);
    const size_t ids = index_at(&m->buffer[BUFFER_BAGS], rows * c->fields);
    dataset_begin(&s->rows, c->fields, c->dense, c->tasks);
    if (!dataset_reserve(&s->rows, rows, ids, fault))
        return false;
    memcpy(s->rows.id, m->buffer[BUFFER_IDS].data, ids * sizeof *s->rows.id);
    memcpy(s->rows.bag, m->buffer[BUFFER_BAGS].data, (rows * c->fields + 1) * sizeof *s->rows.bag);
    memcpy(s->rows.feature, m->buffer[BUFFER_DENSE].data,
           rows * c->dense * sizeof *s->rows.feature);
    struct random r = random_stream(s->arguments->seed, UINT64_MAX);
    for (size_t i = 0; i < rows * (c->tasks + 1); i++)
        s->rows.label[i] = random_below(&r, 3) == 0;
    for (size_t b = 0; b < rows; b++)
        s->rows.user[b] = USER_NONE;
    s->rows.rows = rows;
    s->rows.ids = ids;
    return true;
}

static bool make_rows(struct session *s, struct fault *fault)
{
    struct batch batch;
    const size_t rows = BATCHES * s->batch;
    if (!batch_make(&batch, &s->preset->config, rows, fault))
        return false;
    const bool fine =
        activations_reserve(&batch.activations, rows * inputs_ids_per_row(s->preset), fault) &&
        fill(s, &batch, fault);
    batch_free(&batch);
    return fine;
}

/* ---- ours ------------------------------------------------------------------------------------ */

static bool gather(struct session *s, struct fault *fault)
{
    const size_t first = s->turn++ % BATCHES * s->batch;
    uint32_t *row = malloc(s->batch * sizeof *row);
    if (!row)
        return fault_memory(fault, "the rows of a batch");
    for (size_t i = 0; i < s->batch; i++)
        row[i] = (uint32_t)(first + i);
    const bool fine = pass_gather(&s->pass, &s->rows, row, s->batch, fault);
    free(row);
    return fine;
}

/* A whole step, the batch's gathering included; for struct competitor. */
static void step(void *argument)
{
    struct session *s = argument;
    if (!s->fault.text[0] && (!gather(s, &s->fault) || !pass_step(&s->pass, &s->fault)))
        s->fault.text[sizeof s->fault.text - 1] = '\0';
}

static bool make_pass(struct session *s, struct team *team, struct fault *fault)
{
    s->turn = 0;
    s->fault.text[0] = '\0';
    if (!parameters_make(&s->parameters, &s->network, s->arguments->seed, fault))
        return false;
    if (pass_make(&s->pass, &s->parameters, s->backend, s->isa, s->batch, team, fault)) {
        s->pass.rates = rates;
        return true;
    }
    parameters_free(&s->parameters);
    return false;
}

static void free_pass(struct session *s)
{
    pass_free(&s->pass);
    parameters_free(&s->parameters);
}

/* ---- layers ---------------------------------------------------------------------------------- */

/* Layers of the same name and op, such as those of all tasks, are one line. */
static bool same_line(const struct pass *p, size_t a, size_t b)
{
    return p->step[a].layer->op == p->step[b].layer->op &&
           strcspn(p->step[a].layer->name, ".") == strcspn(p->step[b].layer->name, ".") &&
           strncmp(p->step[a].layer->name, p->step[b].layer->name,
                   strcspn(p->step[a].layer->name, ".")) == 0;
}

static double flops_of(const struct pass_step *step)
{
    return step->kernel->op->flops(&step->call);
}

static void print_line(const struct pass *p, size_t at, double all)
{
    double ns = 0, flops = 0;
    size_t count = 0;
    for (size_t s = 0; s < p->steps; s++) {
        if (!same_line(p, at, s))
            continue;
        if (s < at)
            return;
        ns += p->ns[s];
        flops += flops_of(&p->step[s]);
        count++;
    }
    const int length = (int)strcspn(p->step[at].layer->name, ".");
    printf("%-12.*s %-14s %4zu %10.1f %6.1f %% %9.1f  %s\n", length, p->step[at].layer->name,
           p->step[at].kernel->op->name, count, ns / 1e3 / TIMED_STEPS, 100 * ns / all,
           flops * TIMED_STEPS / ns, p->step[at].kernel->name);
}

static bool print_layers(struct session *s, struct fault *fault)
{
    struct pass *p = &s->pass;
    double all = 0;
    for (size_t i = 0; i < 2; i++)
        step(s);
    p->ns = calloc(p->steps + 2, sizeof *p->ns);
    if (!p->ns)
        return fault_memory(fault, "the times of the layers");
    for (size_t i = 0; i < TIMED_STEPS; i++)
        step(s);
    for (size_t i = 0; i < p->steps + 2; i++)
        all += p->ns[i];
    printf(
        "\nA training step of %s, %zu rows, threads: %zu\n%-12s %-14s %4s %10s %8s %9s  kernel\n",
        s->preset->name, s->batch, team_members(p->team), "layer", "op", "of", "us", "share",
        "Gflop/s");
    for (size_t i = 0; i < p->steps; i++)
        print_line(p, i, all);
    printf("%-12s %-14s %4s %10.1f %6.1f %%\n", "losses", "", "",
           p->ns[p->steps] / 1e3 / TIMED_STEPS, 100 * p->ns[p->steps] / all);
    printf("%-12s %-14s %4s %10.1f %6.1f %%\n", "updates", "", "",
           p->ns[p->steps + 1] / 1e3 / TIMED_STEPS, 100 * p->ns[p->steps + 1] / all);
    free(p->ns);
    p->ns = NULL;
    if (s->fault.text[0])
        *fault = s->fault;
    return !s->fault.text[0];
}

/* ---- PyTorch --------------------------------------------------------------------------------- */

static bool write_file(const struct session *s, const char *name, const void *data, size_t bytes,
                       struct fault *fault)
{
    char path[PATHS];
    snprintf(path, sizeof path, "%s/%s", s->folder, name);
    FILE *out = fopen(path, "we");
    bool fine = out && fwrite(data, 1, bytes, out) == bytes;
    fine = out && fclose(out) == 0 && fine;
    return fine ? true : fault_machine(fault, "cannot write '%s': %s", path, strerror(errno));
}

static bool write_labels(const struct session *s, struct fault *fault)
{
    const size_t count = s->rows.rows * (s->rows.tasks + 1);
    int32_t *label = malloc(count * sizeof *label);
    if (!label)
        return fault_memory(fault, "the labels");
    for (size_t i = 0; i < count; i++)
        label[i] = s->rows.label[i] == LABEL_MISSING ? -1 : s->rows.label[i];
    const bool fine = write_file(s, "label.i32", label, count * sizeof *label, fault);
    free(label);
    return fine;
}

static bool write_folder(struct session *s, struct fault *fault)
{
    char path[PATHS];
    const struct dataset *d = &s->rows;
    snprintf(s->folder, sizeof s->folder, "/tmp/ektm-step-XXXXXX");
    if (!mkdtemp(s->folder))
        return fault_machine(fault, "no folder for PyTorch: %s", strerror(errno));
    snprintf(path, sizeof path, "%s/weights.safetensors", s->folder);
    return parameters_save(&s->parameters, path, fault) &&
           write_file(s, "ids.i32", d->id, d->ids * sizeof *d->id, fault) &&
           write_file(s, "bags.i32", d->bag, (d->rows * d->fields + 1) * sizeof *d->bag, fault) &&
           write_file(s, "dense.f32", d->feature, d->rows * d->dense * sizeof *d->feature, fault) &&
           write_labels(s, fault);
}

static void remove_folder(const struct session *s)
{
    static const char *const names[] = {"weights.safetensors", "ids.i32", "bags.i32", "dense.f32",
                                        "label.i32"};
    char path[PATHS];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", s->folder, names[i]);
        unlink(path);
    }
    rmdir(s->folder);
}

/* The same steps from the same weights: their losses must be ours. */
static bool agree(struct session *s, struct worker *worker, struct fault *fault)
{
    char line[32], answer[256];
    snprintf(line, sizeof line, "batch %zu", s->batch);
    if (!worker_ask(worker, line, "ready", NULL, 0, fault))
        return false;
    snprintf(line, sizeof line, "losses %d", LOSSES);
    if (!worker_ask(worker, line, "loss", answer, sizeof answer, fault))
        return false;
    char *rest = answer;
    for (size_t i = 0; i < LOSSES; i++) {
        s->pass.losses.total = 0;
        step(s);
        const double ours = s->pass.losses.total, theirs = strtod(rest, &rest);
        if (!(fabs(ours - theirs) <= AGREEMENT * fabs(ours)))
            return fault_machine(fault, "PyTorch's loss in step %zu is %.6g, ours %.6g", i + 1,
                                 theirs, ours);
    }
    return true;
}

static void print_whole(const struct session *s, const struct competitor *ours,
                        const struct competitor *theirs)
{
    const struct series x = competitor_series(ours);
    const double ns = quantile_of(ours->ns, ours->count, 0.5);
    printf("whole step %.2f ms, %.0f rows/s", ns / 1e6, (double)s->batch / ns * 1e9);
    if (theirs) {
        const struct series y = competitor_series(theirs);
        const struct estimate ratio = ratio_estimate(&y, &x, s->arguments->seed);
        printf("; PyTorch %.2f ms: %.2f (%.2f-%.2f) times ours, %s",
               quantile_of(theirs->ns, theirs->count, 0.5) / 1e6, ratio.median, ratio.low,
               ratio.high, shown_name(shown_by(&ratio)));
    }
    printf("\n");
    fflush(stdout);
}

static bool sample(struct session *s, struct worker *worker, struct fault *fault)
{
    const struct clock_quality clock = clock_measure();
    const struct sampling sampling = {.clock = &clock,
                                      .budget = s->arguments->quick ? 3e8 : 2e10,
                                      .sample = 1e6,
                                      .warm_up = 1e8,
                                      .stride = WORKER_STRIDE,
                                      .least = 5,
                                      .most = 60};
    struct competitor competitor[] = {{.run = step, .argument = s},
                                      {.time = worker_time, .argument = worker}};
    const size_t count = worker ? 2 : 1;
    bool fine = sample_interleaved(&sampling, competitor, count, fault);
    if (fine && s->fault.text[0]) {
        *fault = s->fault;
        fine = false;
    }
    if (fine && worker && worker->fault.text[0]) {
        *fault = worker->fault;
        fine = false;
    }
    if (fine)
        print_whole(s, &competitor[0], worker ? &competitor[1] : NULL);
    for (size_t i = 0; i < count; i++)
        competitor_free(&competitor[i]);
    return fine;
}

/* The processors of so many threads, in the order in which a team takes them. */
static bool seats(const struct session *s, size_t threads, cpu_set_t *cpus)
{
    size_t *order = malloc(s->topology.pus * sizeof *order);
    if (!order)
        return false;
    CPU_ZERO(cpus);
    placement_order(&s->topology, PLACEMENT_COMPACT, order);
    for (size_t i = 0; i < threads && i < s->topology.pus; i++)
        CPU_SET(s->topology.pu[order[i]].os, cpus);
    free(order);
    return true;
}

static bool compare(struct session *s, size_t threads, struct fault *fault)
{
    char count[24], rate[3][32];
    cpu_set_t cpus;
    struct worker worker;
    const char *python = getenv("EKTM_PYTHON") ? getenv("EKTM_PYTHON") : "/usr/bin/python3";
    snprintf(count, sizeof count, "%zu", threads);
    snprintf(rate[0], sizeof rate[0], "%.9g", (double)rates.dense);
    snprintf(rate[1], sizeof rate[1], "%.9g", (double)rates.tables);
    snprintf(rate[2], sizeof rate[2], "%.9g", (double)rates.decay);
    char *argv[] = {(char *)(uintptr_t)python,
                    PYTORCH,
                    "--folder",
                    s->folder,
                    "--mode",
                    "train",
                    "--threads",
                    count,
                    "--rates",
                    rate[0],
                    rate[1],
                    rate[2],
                    NULL};
    bool fine = write_folder(s, fault);
    if (fine &&
        !worker_start(&worker, "pytorch", argv, seats(s, threads, &cpus) ? &cpus : NULL, fault)) {
        printf("skipped pytorch: %s; Debian's python3-torch brings it\n", fault->text);
        fine = sample(s, NULL, fault);
    } else if (fine) {
        fine = agree(s, &worker, fault) && sample(s, &worker, fault);
        worker_stop(&worker);
    }
    remove_folder(s);
    return fine;
}

/* ---- command --------------------------------------------------------------------------------- */

static bool run_threads(struct session *s, size_t threads, bool pytorch, struct fault *fault)
{
    struct team *team = team_start(&s->topology, PLACEMENT_COMPACT, threads, fault);
    bool fine = team != NULL && make_pass(s, team, fault);
    if (fine) {
        fine = (pytorch ? compare(s, threads, fault) : sample(s, NULL, fault)) &&
               print_layers(s, fault);
        free_pass(s);
    }
    if (team)
        team_stop(team);
    return fine;
}

static bool run(struct session *s, bool pytorch, struct fault *fault)
{
    const struct arguments *a = s->arguments;
    if (!topology_load(&s->topology, NULL, fault))
        return false;
    bool fine =
        backend_choose(a->backend.count ? a->backend.name[0] : NULL, &s->backend, &s->isa, fault);
    if (fine && !network_build(&s->network, &network_kinds[0], &s->preset->config))
        fine = fault_memory(fault, "the table of layers");
    fine = fine && make_rows(s, fault);
    const size_t all[] = {1, s->topology.cores}, counts = a->threads.count        ? a->threads.count
                                                          : s->topology.cores > 1 ? 2
                                                                                  : 1;
    for (size_t i = 0; i < counts && fine; i++)
        fine = run_threads(s, a->threads.count ? a->threads.size[i] : all[i], pytorch, fault);
    dataset_free(&s->rows);
    if (s->network.kind)
        network_free(&s->network);
    topology_free(&s->topology);
    return fine;
}

int step_command(int argc, char **argv)
{
    struct arguments a;
    struct fault fault;
    bool pytorch = false;
    const struct own_option own[] = {
        {"pytorch", NULL, "The same step in PyTorch beside ours, sampled in turn",
         .flag = &pytorch},
        {.name = NULL},
    };
    arguments_parse_own(
        &a,
        TAKES_ONE(OPTION_PRESET) | TAKES_ONE(OPTION_BATCH) | TAKES(OPTION_THREADS) |
            TAKES_ONE(OPTION_BACKEND) | TAKES(OPTION_IDS) | TAKES(OPTION_SEED) |
            TAKES(OPTION_QUICK),
        own,
        "Times a training step of EKTM: forward, losses, backward, Adam and row-wise "
        "Adagrad, on batches of 2048 rows of a preset (aliexpress by default).",
        argc, argv);
    if (a.preset.count > 1 || a.batch.count > 1 || a.backend.count > 1) {
        fault_caller(&fault, "--preset, --batch and --backend: one of each is timed");
        return fault_print(&fault);
    }
    struct session s = {.arguments = &a,
                        .preset =
                            ektm_preset_find(a.preset.count ? a.preset.name[0] : "aliexpress"),
                        .batch = a.batch.count ? a.batch.size[0] : 2048};
    return run(&s, pytorch, &fault) ? STATUS_DONE : fault_print(&fault);
}
