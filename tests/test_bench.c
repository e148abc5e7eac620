/* `ektm bench` from outside: what it writes, what stops it, what it refuses. EKTM names the
 * executable. */
#include "harness/bench/plan.h"
#include "harness/results/file.h"

#include <criterion/criterion.h>
#include <math.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64], path[128], out_path[128], error_path[128];

static void make_folder(void)
{
    snprintf(folder, sizeof folder, "/tmp/ektm-bench-XXXXXX");
    cr_assert(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/r.jsonl", folder);
    snprintf(out_path, sizeof out_path, "%s/out", folder);
    snprintf(error_path, sizeof error_path, "%s/err", folder);
}

static void remove_folder(void)
{
    char command[160];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    cr_assert_eq(system(command), 0);
}

TestSuite(bench, .init = make_folder, .fini = remove_folder, .timeout = 200);

/* ---- running it ------------------------------------------------------------------------------ */

enum { WORDS_MAX = 24 };

/* Starts `ektm bench` with the words of `line`. */
static pid_t start(const char *line)
{
    static char words[512];
    char *argv[WORDS_MAX] = {getenv("EKTM"), "bench"}, *rest = words;
    size_t count = 2;
    cr_assert(argv[0] != NULL, "EKTM names no executable");
    snprintf(words, sizeof words, "%s", line);
    while ((argv[count] = strsep(&rest, " ")) && count + 1 < WORDS_MAX)
        count++;
    pid_t child = fork();
    if (child == 0) {
        dup2(open(out_path, O_WRONLY | O_CREAT | O_TRUNC, 0666), STDOUT_FILENO);
        dup2(open(error_path, O_WRONLY | O_CREAT | O_TRUNC, 0666), STDERR_FILENO);
        execv(argv[0], argv);
        _exit(127);
    }
    return child;
}

static int wait_for(pid_t child)
{
    int status;
    waitpid(child, &status, 0);
    return status;
}

static int exit_of(const char *line)
{
    int status = wait_for(start(line));
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static char *contents(const char *file)
{
    static char text[4 << 20];
    FILE *in = fopen(file, "r");
    size_t length = in ? fread(text, 1, sizeof text - 1, in) : 0;
    if (in)
        fclose(in);
    text[length] = '\0';
    return text;
}

static json_t *records_of(void)
{
    struct fault fault;
    json_t *records = results_read(path, NULL, &fault);
    cr_assert(records != NULL, "%s", fault.text);
    return records;
}

static size_t count_kind(const json_t *records, enum kind kind)
{
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(records); i++)
        count += record_kind(json_array_get(records, i)) == kind;
    return count;
}

/* ---- what it writes -------------------------------------------------------------------------- */

static bool is_one_of(const char *text, const char *a, const char *b)
{
    return strcmp(text, a) == 0 || strcmp(text, b) == 0;
}

static void check_timed(const json_t *r)
{
    const char *name = record_get_text(r, "name"), *verdict = record_get_text(r, "verdict");
    struct estimate ns = record_get_interval(r, "ns");
    cr_assert(ns.low > 0 && ns.low <= ns.median && ns.median <= ns.high, "%s", name);
    cr_assert(record_get_number(r, "samples") >= 1, "%s", name);
    cr_assert(record_get_number(r, "outliers") <= record_get_number(r, "samples"), "%s", name);
    cr_assert(record_get_number(r, "error") <= 1, "%s", name);
    cr_assert(is_one_of(verdict, "valid", "noisy") || strcmp(verdict, "invalid") == 0, "%s: %s",
              name, verdict);
    cr_assert_eq(strcmp(verdict, "valid") != 0, *record_get_text(r, "reason") != '\0',
                 "%s: %s without or with a reason", name, verdict);
    double rate = record_get_number(r, "flops") / ns.median;
    cr_assert(record_get_number(r, "gflops") > 0.999 * rate - 1e-9 &&
                  record_get_number(r, "gflops") < 1.001 * rate + 1e-9,
              "%s", name);
}

static void check_compared(const json_t *r)
{
    const char *name = record_get_text(r, "name");
    struct estimate ns = record_get_interval(r, "ns"), x = record_get_interval(r, "x_reference");
    double rows = (double)record_get_dim(r, BATCH) / ns.median * 1e9;
    cr_assert(record_get_number(r, "rows_per_s") > 0.999 * rows &&
                  record_get_number(r, "rows_per_s") < 1.001 * rows,
              "%s", name);
    const char *bound = record_get_text(r, "bound");
    bool bounded = strcmp(bound, UNAVAILABLE) != 0; /* else its ceiling was not to be believed */
    double roofline = record_get_number(r, "roofline");
    cr_assert(bounded ? roofline > 0 && roofline < 10 : isnan(roofline), "%s", name);
    cr_assert(!bounded || is_one_of(bound, "compute", "L1") || is_one_of(bound, "L2", "L3") ||
                  is_one_of(bound, "memory", "gather"),
              "%s: %s", name, bound);
    if (record_get_number(r, "threads") > 1)
        cr_assert_str_eq(record_get_text(r, "x_reference"), UNAVAILABLE,
                         "%s: the reference is timed on one thread", name);
    else
        cr_assert(isnan(x.median) || (x.low > 0 && x.low <= x.median && x.median <= x.high), "%s",
                  name); /* unavailable where either was disturbed too much */
    if (strcmp(record_get_text(r, "backend"), "reference") == 0 && record_get_dim(r, BATCH) == 4)
        cr_assert(isnan(x.low) || (x.low < 1.001 && x.high > 0.999),
                  "the reference is as fast as itself");
}

/* How many records of the layer and batch on one thread there are, those of the reference left out.
 */
static size_t count_cell(const json_t *records, const char *layer, size_t batch)
{
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(records); i++) {
        const json_t *r = json_array_get(records, i);
        count += record_kind(r) == KIND_KERNEL && strcmp(record_get_text(r, "layer"), layer) == 0 &&
                 strcmp(record_get_text(r, "backend"), "reference") != 0 &&
                 record_get_dim(r, BATCH) == batch && !json_object_get(r, "speedup");
    }
    return count;
}

static size_t count_usable(const struct op *op)
{
    size_t count = 0;
    for (const struct kernel *const *k = kernels; *k; k++) {
        char reason[128];
        count += (*k)->op == op && strcmp((*k)->backend->name, "reference") != 0 &&
                 kernel_usable(*k, reason, sizeof reason);
    }
    return count;
}

/* Every layer of the preset at every batch has every kernel that runs here. */
static void check_complete(const json_t *records, const char *preset)
{
    static const size_t batches[] = {1, 64, 256};
    struct ektm ektm;
    cr_assert(ektm_build(&ektm, &ektm_preset_find(preset)->config));
    for (size_t l = 0; l < ektm.layers; l++)
        for (size_t b = 0; b < 3; b++)
            cr_assert_eq(count_cell(records, ektm.layer[l].name, batches[b]),
                         count_usable(ektm.layer[l].op), "%s at %zu rows", ektm.layer[l].name,
                         batches[b]);
    ektm_free(&ektm);
}

/* Whether it is a figure of one thread, side by side with others, of that batch. */
static bool beside(const json_t *r, enum kind kind, size_t rows)
{
    return record_kind(r) == kind && record_get_dim(r, BATCH) == rows &&
           !json_object_get(r, "speedup") && strcmp(record_get_text(r, "verdict"), "invalid") != 0;
}

static bool is_peer(const char *name)
{
    bool peer = strcmp(name, "peers") == 0;
    for (const struct backend *const *b = backends; *b; b++)
        peer = peer || (strcmp(name, (*b)->name) == 0 && (*b)->peer);
    return peer;
}

static bool same_text(const json_t *a, const json_t *b, const char *column)
{
    return strcmp(record_get_text(a, column), record_get_text(b, column)) == 0;
}

/* The peer's record that is fastest at the layer, batch and format of `of`. */
static const json_t *best_at(const json_t *records, const json_t *of)
{
    const json_t *best = NULL;
    for (size_t i = 0; i < json_array_size(records); i++) {
        const json_t *r = json_array_get(records, i);
        if (beside(r, KIND_KERNEL, record_get_dim(of, BATCH)) &&
            is_peer(record_get_text(r, "backend")) && same_text(r, of, "layer") &&
            same_text(r, of, "dtype") &&
            (!best || record_get_interval(r, "ns").median < record_get_interval(best, "ns").median))
            best = r;
    }
    return best;
}

/* Its layers have the kernels that the run's own records say are fastest. */
static void check_choice(const json_t *records, const json_t *model)
{
    size_t layers = 0;
    for (size_t i = 0; i < json_array_size(records); i++) {
        const json_t *r = json_array_get(records, i);
        char text[128];
        if (!beside(r, KIND_KERNEL, record_get_dim(model, BATCH)) ||
            !is_peer(record_get_text(r, "backend")) || !same_text(r, model, "dtype"))
            continue;
        snprintf(text, sizeof text, "%s: %s", record_get_text(r, "layer"),
                 record_get_text(best_at(records, r), "name"));
        cr_expect(strstr(record_get_text(model, "path"), text), "%s is not in %s", text,
                  record_get_text(model, "path"));
        layers++;
    }
    cr_expect_gt(layers, 0);
    cr_expect(strstr(record_get_text(model, "borrowed"), "embedding: embedding_f32_compiler"), "%s",
              record_get_text(model, "borrowed"));
}

/* `peer` names the fastest of the peers' models in the same format but its own, the one of all
 * peers among them. */
static void check_best_peer(const json_t *records, const json_t *model)
{
    const json_t *best = NULL;
    for (size_t i = 0; i < json_array_size(records); i++) {
        const json_t *r = json_array_get(records, i);
        if (beside(r, KIND_MODEL, record_get_dim(model, BATCH)) && r != model &&
            is_peer(record_get_text(r, "backend")) && same_text(r, model, "dtype") &&
            (!best || record_get_interval(r, "ns").median < record_get_interval(best, "ns").median))
            best = r;
    }
    cr_expect_str_eq(record_get_text(model, "peer"), best ? record_get_text(best, "backend") : "");
}

static size_t count_peers(void)
{
    size_t peers = 0;
    for (const struct backend *const *b = backends; *b; b++) {
        char reason[128];
        peers += (*b)->peer && (*b)->usable(reason, sizeof reason);
    }
    return peers;
}

/* Where two peers run here, each batch has the model of the best of them at each layer. */
static void check_peers(const json_t *records, size_t batches)
{
    size_t models = 0;
    for (size_t i = 0; i < json_array_size(records); i++) {
        const json_t *r = json_array_get(records, i);
        if (record_kind(r) != KIND_MODEL || json_object_get(r, "speedup"))
            continue;
        if (strcmp(record_get_text(r, "backend"), "reference") != 0)
            check_best_peer(records, r);
        if (strcmp(record_get_text(r, "backend"), "peers") != 0)
            continue;
        check_choice(records, r);
        cr_expect_eq(strncmp(record_get_text(r, "name"), "model_f32_peers_", 16), 0);
        cr_expect_str_eq(record_get_text(r, "order"), "layer by layer");
        models++;
    }
    cr_expect_eq(models, count_peers() > 1 ? batches : 0);
}

static void check_output(void)
{
    char *text = contents(out_path);
    cr_assert(strstr(text, "rows/s on one core") != NULL, "%s", text);
    cr_assert(strstr(text, path) != NULL, "%s", text);
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));)
        cr_assert_leq(strlen(line), 110, "%s", line);
    cr_assert_str_eq(contents(error_path), "", "talk where stderr is no terminal");
}

Test(bench, a_quick_run_of_the_tiny_model_is_whole)
{
    char line[256];
    snprintf(line, sizeof line, "--preset tiny --quick --out %s", path);
    cr_assert_eq(exit_of(line), 0, "%s", contents(error_path));
    json_t *records = records_of();
    const json_t *machine = json_array_get(records, 0);
    cr_assert_eq(record_kind(machine), KIND_MACHINE);
    cr_assert_eq(count_kind(records, KIND_MACHINE), 1);
    cr_assert_gt(count_kind(records, KIND_CEILING), 0);
    cr_assert_gt(count_kind(records, KIND_MODEL), 3);
    for (size_t i = 0; i < json_array_size(records); i++) {
        const json_t *r = json_array_get(records, i);
        cr_assert_str_eq(record_get_text(r, "run"), record_get_text(machine, "run"));
        if (record_kind(r) == KIND_CEILING || record_kind(r) == KIND_KERNEL ||
            record_kind(r) == KIND_MODEL)
            check_timed(r);
        if (record_kind(r) == KIND_KERNEL || record_kind(r) == KIND_MODEL)
            check_compared(r);
        if (record_kind(r) == KIND_SKIP)
            cr_assert_str_eq(record_get_text(r, "verdict"), "skipped");
    }
    check_complete(records, "tiny");
    check_peers(records, 3);
    check_output();
    json_decref(records);
}

Test(bench, options_choose_what_is_timed)
{
    char line[256];
    snprintf(line, sizeof line,
             "--preset tiny --quick --op dense --backend compiler --batch 3,5,3 --out %s", path);
    cr_assert_eq(exit_of(line), 0, "%s", contents(error_path));
    json_t *records = records_of();
    size_t seen[6] = {0};
    for (size_t i = 0; i < json_array_size(records); i++) {
        const json_t *r = json_array_get(records, i);
        if (record_kind(r) != KIND_KERNEL || json_object_get(r, "speedup"))
            continue;
        size_t batch = record_get_dim(r, BATCH), in = record_get_dim(r, IN);
        cr_assert_str_eq(record_get_text(r, "op"), "dense");
        cr_assert_str_eq(record_get_text(r, "backend"), "compiler");
        cr_assert(batch == 3 || batch == 5);
        cr_assert_float_eq(record_get_number(r, "flops"),
                           2.0 * (double)(batch * in * record_get_dim(r, OUT)), 0.5);
        cr_assert_str_eq(record_get_text(r, "x_reference"), UNAVAILABLE);
        seen[batch]++;
    }
    cr_assert(seen[3] > 0 && seen[3] == seen[5], "a batch named twice is timed once");
    cr_assert_eq(count_kind(records, KIND_MODEL), 0, "a choice of ops is a choice of layers");
    json_decref(records);
}

/* Whether there is a kernel's record of that layer. */
static bool has_layer(const json_t *records, const char *layer)
{
    for (size_t i = 0; i < json_array_size(records); i++) {
        const json_t *r = json_array_get(records, i);
        if (record_kind(r) == KIND_KERNEL && strcmp(record_get_text(r, "layer"), layer) == 0)
            return true;
    }
    return false;
}

Test(bench, parts_of_a_training_step_are_timed_where_ops_are_chosen)
{
    static const char *const parts[] = {"embedding.dE", "tower.dW", "bottom.0.dW", "adam"};
    static const char line[] =
        "--quick --preset tiny --backend compiler --batch 5 --threads 1 --out %s "
        "--op weightgrad,adam,adagrad";
    char words[400];
    snprintf(words, sizeof words, line, path);
    cr_assert_eq(exit_of(words), 0, "%s", contents(error_path));
    json_t *records = records_of();
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        cr_expect(has_layer(records, parts[i]), "nothing of %s", parts[i]);
    cr_expect_eq(count_kind(records, KIND_MODEL), 0);
    json_decref(records);
}

/* Runs the tiny model with those backends in tiles of 3 rows; the record of `peers`, or NULL. */
static json_t *run_peers(const char *names)
{
    char line[256];
    json_t *found = NULL;
    unlink(path);
    snprintf(line, sizeof line,
             "--preset tiny --quick --batch 8 --threads 1 --tile 3 --backend %s --out %s", names,
             path);
    cr_assert_eq(exit_of(line), 0, "%s", contents(error_path));
    json_t *records = records_of();
    for (size_t i = 0; i < json_array_size(records); i++) {
        json_t *r = json_array_get(records, i);
        if (strcmp(record_get_text(r, "backend"), "peers") == 0)
            found = json_incref(r);
    }
    json_decref(records);
    return found;
}

Test(bench, the_best_peers_are_walked_as_asked_and_are_two_at_least)
{
    if (count_peers() < 2)
        return;
    json_t *peers = run_peers("libxsmm,onednn,openblas");
    cr_assert(peers);
    cr_expect_str_eq(record_get_text(peers, "order"), "depth first");
    cr_expect_str_eq(record_get_text(peers, "schedule"), "given");
    cr_expect_eq(record_get_number(peers, "tile"), 3);
    json_decref(peers);
    for (const struct backend *const *b = backends; *b; b++) {
        char reason[128];
        if ((*b)->peer && (*b)->usable(reason, sizeof reason))
            cr_expect_null(run_peers((*b)->name), "%s alone is the best of one", (*b)->name);
    }
}

Test(bench, runs_append_and_doubt_what_is_doubtful)
{
    char line[256];
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    snprintf(line, sizeof line,
             "--preset tiny --quick --backend compiler --batch 8 --threads %ld --out %s",
             processors + 1, path);
    cr_assert_eq(exit_of(line), 0, "%s", contents(error_path));
    cr_assert_eq(exit_of(line), 0, "%s", contents(error_path));
    json_t *records = records_of();
    cr_assert_eq(count_kind(records, KIND_MACHINE), 2);
    size_t doubted = 0;
    for (size_t i = 0; i < json_array_size(records); i++) {
        const json_t *r = json_array_get(records, i);
        if (record_get_number(r, "threads") != (double)(processors + 1))
            continue;
        cr_assert_str_eq(record_get_text(r, "verdict"), "noisy");
        cr_assert(strstr(record_get_text(r, "reason"), "more threads than processors"));
        doubted++;
    }
    cr_assert_gt(doubted, 0);
    json_decref(records);
}

Test(bench, inputs_whose_name_is_no_utf8_are_recorded)
{
    char file[160], line[400];
    snprintf(file, sizeof file, "%s/\xff.csv", folder);
    FILE *inputs = fopen(file, "w");
    fputs("f0,f1,f2,f3,d0,d1,d2\n0,0,0,0,0,0,0\n", inputs);
    fclose(inputs);
    snprintf(line, sizeof line,
             "--preset tiny --quick --op head --backend compiler --batch 1 --threads 1 --ids %s "
             "--out %s",
             file, path);
    cr_assert_eq(exit_of(line), 0, "%s", contents(error_path));
    json_t *records = records_of();
    snprintf(file, sizeof file, "%s/?.csv", folder);
    cr_assert_str_eq(record_get_text(json_array_get(records, 0), "ids"), file);
    json_decref(records);
}

/* ---- what stops it --------------------------------------------------------------------------- */

/* Waits until the file has some lines, then sends the signal; returns how the run ended. */
static int interrupt(int signal_number)
{
    char line[256];
    snprintf(line, sizeof line, "--preset tiny --quick --out %s", path);
    pid_t child = start(line);
    for (int i = 0; i < 6000 && strstr(contents(path), "\"kernel\"") == NULL; i++)
        usleep(10000);
    kill(child, signal_number);
    return wait_for(child);
}

Test(bench, an_interrupted_run_prints_what_is_done_and_leaves_a_readable_file)
{
    static const int signals[] = {SIGINT, SIGTERM};
    for (size_t i = 0; i < 2; i++) {
        unlink(path);
        int status = interrupt(signals[i]);
        cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == signals[i], "status %x", status);
        json_t *records = records_of();
        cr_assert_gt(count_kind(records, KIND_KERNEL), 0);
        cr_assert_eq(count_kind(records, KIND_MODEL), 0, "it ran on");
        cr_assert(strstr(contents(out_path), "Layers of tiny") != NULL);
        cr_assert(strstr(contents(out_path), path) != NULL);
        json_decref(records);
    }
}

Test(bench, a_killed_run_leaves_a_readable_file)
{
    int status = interrupt(SIGKILL);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    json_t *records = records_of();
    cr_assert_gt(count_kind(records, KIND_KERNEL), 0);
    json_decref(records);
}

/* ---- what it refuses ------------------------------------------------------------------------- */

static const struct {
    const char *line;
    int status;
    const char *says;
} refused[] = {
    {"--batch 0", STATUS_CALLER, "--batch: '0'"},
    {"--batch 16,", STATUS_CALLER, "--batch: ''"},
    {"--preset gigantic", STATUS_CALLER, "--preset: 'gigantic'"},
    {"--placement diagonal", STATUS_CALLER, "--placement: 'diagonal'"},
    {"--backend abacus", STATUS_CALLER, "--backend: 'abacus'"},
    {"--threads two", STATUS_CALLER, "--threads: 'two'"},
    {"--quick --full", STATUS_CALLER, "--quick and --full"},
    {"--ids zipf:x --quick", STATUS_CALLER, "--ids"},
    {"everything", STATUS_CALLER, "'everything'"},
    {"--model /none/m.safetensors", STATUS_CALLER, "/none/m.safetensors: cannot be opened"},
    {"--model /none/m.safetensors --preset tiny", STATUS_CALLER, "--model and --preset: one of"},
    {"--model", STATUS_CALLER, "model"},
    {"--dtype f16", STATUS_CALLER, "--dtype: 'f16' is not known"},
    {"--dtype bf16,=i8", STATUS_CALLER, "--dtype: '=i8' names no layer"},
    {"--dtype embedding=", STATUS_CALLER, "--dtype: '' is no number format"},
    {"--quick --out /proc/ektm/r.jsonl", STATUS_CALLER, "/proc/ektm/r.jsonl"},
    {"--quick --out /tmp", STATUS_CALLER, "/tmp"},
    {"--quick --out /dev/full", STATUS_MACHINE, "/dev/full"},
    {"--quick --out /dev/full --ids /nonexistent.csv", STATUS_CALLER, "/nonexistent.csv"},
    {"--quick --out /dev/full --ids results/README.md", STATUS_CALLER, "results/README.md:1"},
    {"--op fma --backend compiler --kernel dense_f32_reference --out /dev/full", STATUS_CALLER,
     "no kernel is admitted by --op, --dtype, --backend and --kernel together"},
};

Test(bench, a_mistake_is_a_sentence_that_names_it)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        int status = exit_of(refused[i].line);
        const char *talk = contents(error_path);
        cr_assert_eq(status, refused[i].status, "%s: status %d: %s", refused[i].line, status, talk);
        cr_assert(strstr(talk, refused[i].says) != NULL, "%s: %s", refused[i].line, talk);
        cr_assert_str_eq(contents(out_path), "", "%s: data without a run", refused[i].line);
    }
}

Test(bench, a_backend_that_cannot_run_here_is_refused)
{
    for (const struct backend *const *b = backends; *b; b++) {
        char line[256], reason[128];
        if ((*b)->usable(reason, sizeof reason))
            continue;
        snprintf(line, sizeof line, "--op dense --backend %s --out %s", (*b)->name, path);
        cr_assert_eq(exit_of(line), STATUS_MACHINE, "%s", line);
        cr_assert(strstr(contents(error_path), reason), "%s", contents(error_path));
        cr_assert_neq(access(path, F_OK), 0, "%s leaves a file", line);
    }
}
