/* The commands from outside: exit statuses, sentences and what they print. EKTM names the
 * executable. */
#include "harness/fault.h"
#include "harness/model/compose.h"
#include "harness/results/file.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

/* Of the command run last. */
static char out[100000], talk[10000];
static char folder[64];

static void make_folder(void)
{
    snprintf(folder, sizeof folder, "/tmp/ektm-commands-XXXXXX");
    cr_assert(mkdtemp(folder) != NULL);
}

static void remove_folder(void)
{
    char command[160];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    cr_assert_eq(system(command), 0);
}

TestSuite(commands, .init = make_folder, .fini = remove_folder, .timeout = 120);

static void contents(const char *name, char *text, size_t size)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *in = fopen(path, "r");
    size_t length = in ? fread(text, 1, size - 1, in) : 0;
    if (in)
        fclose(in);
    text[length] = '\0';
}

/* Runs `ektm` with the words of `line`, which the shell reads; returns the exit status. */
static int run(const char *line)
{
    char command[1024];
    cr_assert(getenv("EKTM") != NULL, "EKTM names no executable");
    snprintf(command, sizeof command, "'%s' >'%s/out' 2>'%s/err' %s", getenv("EKTM"), folder,
             folder, line);
    int status = system(command);
    contents("out", out, sizeof out);
    contents("err", talk, sizeof talk);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void expect_last_line(const char *line)
{
    size_t length = strlen(out), wanted = strlen(line);
    cr_assert(length > wanted && strcmp(out + length - wanted, line) == 0, "%s", out);
    cr_assert(out[length - wanted - 1] == '\n', "%s", out);
}

/* ---- what works ------------------------------------------------------------------------------ */

Test(commands, check_tries_what_the_options_admit)
{
    cr_assert_eq(run("check --quick --op head,fma --backend reference"), STATUS_DONE, "%s", talk);
    expect_last_line("4 passed, 0 failed, 0 skipped\n");
    cr_assert(strstr(out, "passed  head_f32_reference ") != NULL, "%s", out);
    cr_assert(strstr(out, "passed  head_bf16_reference ") != NULL, "%s", out);
    cr_assert(strstr(out, "passed  head_i8_reference ") != NULL, "%s", out);
    cr_assert(strstr(out, "dense") == NULL, "%s", out);
}

Test(commands, check_tries_layers_of_presets)
{
    int status =
        run("check --quick --op head --dtype f32 --backend reference --preset tiny --batch 1,2");
    cr_assert_eq(status, STATUS_DONE, "%s", talk);
    expect_last_line("1 passed, 0 failed, 0 skipped\n");
    size_t trials = 0, fewer = 0;
    cr_assert_eq(sscanf(out, "passed head_f32_reference %zu trials", &trials), 1, "%s", out);
    cr_assert_eq(run("check --quick --op head --dtype f32 --backend reference"), STATUS_DONE, "%s",
                 talk);
    cr_assert_eq(sscanf(out, "passed head_f32_reference %zu trials", &fewer), 1, "%s", out);
    cr_assert_eq(trials, fewer + 2);
}

Test(commands, list_shows_what_there_is)
{
    cr_assert_eq(run("list --op dense"), STATUS_DONE, "%s", talk);
    cr_assert(strstr(out, "dense_f32_reference") && strstr(out, "aliexpress"), "%s", out);
    cr_assert(strstr(out, "head_f32_reference") == NULL, "%s", out);
}

Test(commands, machine_shows_this_one_and_any_other)
{
    cr_assert_eq(run("machine"), STATUS_DONE, "%s", talk);
    cr_assert(strstr(out, "results/") && strstr(out, "threads  placement"), "%s", out);
    cr_assert_eq(run("machine --topology 'pack:2 l3:4 core:8 pu:2' --threads 3"), STATUS_DONE);
    cr_assert(strstr(out, "      3  spread") != NULL, "%s", out);
}

Test(commands, help_is_data)
{
    static const char *const lines[] = {"--help",         "-h",           "help",
                                        "list --help",    "check --help", "bench --help",
                                        "machine --help", "init --help",  "tune --help",
                                        "predict --help"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        cr_assert_eq(run(lines[i]), STATUS_DONE, "%s: %s", lines[i], talk);
        cr_assert(strncmp(out, "Usage: ektm ", 12) == 0 && *talk == '\0', "%s", lines[i]);
    }
    cr_assert(strstr(out, "--backend=NAME ") != NULL, "predict takes one backend:\n%s", out);
}

/* Lines of the folder's r.jsonl with that value, which is taken over. */
static size_t count_recorded(const char *column, json_t *value)
{
    char path[128];
    struct fault fault;
    size_t count = 0;
    snprintf(path, sizeof path, "%s/r.jsonl", folder);
    json_t *records = results_read(path, NULL, &fault);
    cr_assert(records != NULL, "%s", fault.text);
    for (size_t i = 0; i < json_array_size(records); i++)
        count += json_equal(json_object_get(json_array_get(records, i), column), value) != 0;
    json_decref(records);
    json_decref(value);
    return count;
}

/* Without kernels written by hand there is nothing to tune. */
Test(commands, tune_writes_what_bench_uses)
{
    char line[512];
    snprintf(line, sizeof line, "tune --preset tiny --quick --batch 1,64 --out '%s/t.json'",
             folder);
    int status = run(line);
    if (status == STATUS_MACHINE && strstr(talk, "no kernels written by hand run here"))
        cr_skip_test("%s", talk);
    cr_assert_eq(status, STATUS_DONE, "%s", talk);
    cr_assert(strstr(out, "lines_ahead") && strstr(out, "written to"), "%s", out);
    snprintf(line, sizeof line,
             "bench --preset tiny --quick --batch 1,64 --threads 1 --tuning '%s/t.json' --out "
             "'%s/r.jsonl'",
             folder, folder);
    cr_assert_eq(run(line), STATUS_DONE, "%s", talk);
    cr_expect_gt(count_recorded("schedule", json_string("tuned")), 0);
}

/* Whether a backend that is written by hand runs here. */
static bool has_ours(void)
{
    static const char *const ours[] = {"avx2", "avx512", "neon"};
    char reason[128];
    enum isa isa;
    for (const struct backend *const *b = backends; *b; b++)
        for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
            if (strcmp((*b)->name, ours[i]) == 0 &&
                backend_best_isa(*b, &isa, reason, sizeof reason))
                return true;
    return false;
}

Test(commands, tile_is_given)
{
    char line[512];
    snprintf(line, sizeof line,
             "bench --preset tiny --quick --batch 64 --threads 1 --tile 5 --out '%s/r.jsonl'",
             folder);
    cr_assert_eq(run(line), STATUS_DONE, "%s", talk);
    cr_expect_eq(count_recorded("tile", json_integer(5)) > 0, has_ours(), "%s", out);
}

/* ---- what is refused ------------------------------------------------------------------------- */

static const struct {
    const char *line;
    int status;
    const char *says;
} refused[] = {
    {"", STATUS_CALLER, "Usage: ektm COMMAND"},
    {"dance", STATUS_CALLER, "ektm: no command 'dance'; there are list check"},
    {"check --op dense --kernel head_f32_reference", STATUS_CALLER, "ektm: no kernel is admitted"},
    {"check --batch 5", STATUS_CALLER, "ektm: --batch is for the layers that --preset adds"},
    {"check --dtype f16", STATUS_CALLER, "ektm: --dtype: 'f16' is not known; allowed: f32 bf16 i8"},
    {"bench --placement foo", STATUS_CALLER, "'foo' is not known; compact and spread are allowed"},
    {"bench --tile x", STATUS_CALLER, "ektm: --tile: 'x' is not a whole number from 0 to"},
    {"bench --quick --preset tiny --tuning /nowhere/t.json --batch 1 --out /dev/full",
     STATUS_CALLER, "/nowhere/t.json: "},
    {"tune --batch 0", STATUS_CALLER, "ektm: --batch: '0'"},
    {"tune --preset huge", STATUS_CALLER, "ektm: --preset: 'huge'"},
    {"check --op cosine", STATUS_CALLER, "ektm: --op: 'cosine' is not known; `ektm list`"},
    {"check all", STATUS_CALLER, "ektm: 'all' is no option"},
    {"list --wide", STATUS_CALLER, "--wide"},
    {"machine --topology cake", STATUS_CALLER, "ektm: --topology: 'cake'"},
    {"list >/dev/full", STATUS_MACHINE, "ektm: standard output: cannot be written: No space"},
    {"machine >/dev/full", STATUS_MACHINE, "ektm: standard output: cannot be written: No space"},
    {"--help >/dev/full", STATUS_MACHINE, "ektm: standard output: cannot be written: No space"},
    {"check --quick --op fma --backend reference >/dev/full", STATUS_MACHINE,
     "ektm: standard output: cannot be written: No space"},
};

Test(commands, a_mistake_is_a_sentence_that_names_it)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        int status = run(refused[i].line);
        cr_expect_eq(status, refused[i].status, "%s: status %d: %s", refused[i].line, status, talk);
        cr_expect(strstr(talk, refused[i].says) != NULL, "%s: %s", refused[i].line, talk);
        cr_expect_str_eq(out, "", "%s: data", refused[i].line);
    }
}

/* One of these two is never in a build. */
Test(commands, a_check_of_an_absent_backend_is_no_success)
{
#ifdef __aarch64__
    const char *line = "check --backend avx2";
#else
    const char *line = "check --backend neon";
#endif
    cr_assert_eq(run(line), STATUS_MACHINE, "%s", talk);
    cr_assert(strstr(talk, "ektm: nothing was checked: ") == talk, "%s", talk);
    expect_last_line("0 passed, 0 failed, 1 skipped\n");
}
