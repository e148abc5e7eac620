/* `ektm bench --resume`: a run that is killed at any moment can be finished, and then holds every
 * row once. */
#include "harness/measure/clock.h"
#include "harness/random.h"
#include "harness/results/file.h"
#include "kernels/kernel.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define RUN "--quick --preset tiny --batch 1,4 --threads 1,2 --backend compiler,reference"

static char path[64], error_path[80];

static void name_files(void)
{
    snprintf(path, sizeof path, "/tmp/ektm-resume-%d.jsonl", (int)getpid());
    snprintf(error_path, sizeof error_path, "%s.error", path);
}

static void remove_files(void)
{
    unlink(path);
    unlink(error_path);
}

TestSuite(resume, .init = name_files, .fini = remove_files, .timeout = 230);

/* Starts `ektm bench` with those words; what it prints is dropped, complaints go to a file. */
static pid_t start(const char *words)
{
    char line[512];
    snprintf(line, sizeof line, "exec %s bench %s >/dev/null 2>%s", getenv("EKTM"), words,
             error_path);
    pid_t child = fork();
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", line, (char *)NULL);
        _exit(127);
    }
    return child;
}

static int finish(pid_t child)
{
    int status;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int run(const char *words) { return finish(start(words)); }

static const char *complaint(void)
{
    static char text[2048];
    FILE *file = fopen(error_path, "r");
    text[file ? fread(text, 1, sizeof text - 1, file) : 0] = '\0';
    if (file)
        fclose(file);
    return text;
}

/* Whether the line's job measured how a model scales. */
static bool of_scaling(const json_t *records, const json_t *record)
{
    double job = record_get_number(record, "job");
    for (size_t i = 0; i < json_array_size(records); i++) {
        const json_t *r = json_array_get(records, i);
        if (json_object_get(r, "speedup") && record_get_number(r, "job") == job)
            return true;
    }
    return false;
}

/* What a line is about: everything but how fast and when. Which model's scaling is measured depends
 * on which was fastest, so there its name and its instruction set's peak are left out. */
static char *subject_of(const json_t *records, const json_t *record)
{
    static const char *const identity[] = {"kind",      "name",       "preset",  "layer",
                                           "dims",      "level",      "threads", "placement",
                                           "base_rows", "beside_rows"};
    json_t *subject = json_object();
    for (size_t i = 0; i < sizeof identity / sizeof *identity; i++)
        json_object_set(subject, identity[i], json_object_get(record, identity[i]));
    if (strcmp(record_get_text(record, "kind"), "ceiling") == 0) {
        json_object_set(subject, "ceiling", json_object_get(record, "ceiling"));
        json_object_set(subject, "pages", json_object_get(record, "pages"));
    }
    if (json_object_get(record, "beside_rows") || json_object_get(record, "base_rows"))
        json_object_set(subject, "job", json_object_get(record, "job"));
    if (of_scaling(records, record)) {
        const char *ceiling = record_get_text(record, "ceiling");
        json_object_del(subject, "name");
        if (strncmp(ceiling, "fma", 3) == 0)
            json_object_del(subject, "ceiling");
    }
    char *text = json_dumps(subject, JSON_SORT_KEYS);
    json_decref(subject);
    return text;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All subjects of the file, sorted, one a line: to be freed. */
static char *subjects(void)
{
    struct fault fault;
    json_t *records = results_read(path, NULL, &fault);
    cr_assert(records, "%s", fault.text);
    size_t count = json_array_size(records), length;
    char **of = calloc(count, sizeof *of), *text = NULL;
    FILE *out = open_memstream(&text, &length);
    for (size_t i = 0; i < count; i++)
        of[i] = subject_of(records, json_array_get(records, i));
    qsort(of, count, sizeof *of, compare_texts);
    for (size_t i = 0; i < count; i++) {
        cr_expect(i == 0 || strcmp(of[i], of[i - 1]) != 0, "doubled: %s", of[i]);
        fprintf(out, "%s\n", of[i]);
    }
    for (size_t i = 0; i < count; i++)
        free(of[i]);
    free(of);
    fclose(out);
    json_decref(records);
    return text;
}

/* The lines of both are the same; else names the first of each that are not. */
static void expect_same_lines(const char *found, const char *expected, int kill_number)
{
    size_t at = 0, line = 0;
    for (; found[at] && found[at] == expected[at]; at++)
        line = found[at] == '\n' ? at + 1 : line;
    cr_expect(found[at] == expected[at], "after kill %d found %.*s in place of %.*s", kill_number,
              (int)strcspn(found + line, "\n"), found + line, (int)strcspn(expected + line, "\n"),
              expected + line);
}

/* Whether the file has lines yet. */
static bool begun(void)
{
    if (access(path, R_OK) != 0)
        return false;
    char *lines = subjects();
    bool some = *lines != '\0';
    free(lines);
    return some;
}

static void expect_ids_in_order(void)
{
    struct fault fault;
    json_t *records = results_read(path, NULL, &fault);
    cr_assert(records, "%s", fault.text);
    for (size_t i = 0; i < json_array_size(records); i++) {
        const json_t *r = json_array_get(records, i);
        double bound_by = record_get_number(r, "ceiling_id");
        cr_expect_eq(record_get_number(r, "id"), (double)i);
        if (bound_by >= 0)
            cr_expect_str_eq(record_get_text(json_array_get(records, (size_t)bound_by), "ceiling"),
                             record_get_text(r, "ceiling"), "line %zu", i);
    }
    json_decref(records);
}

Test(resume, kills_lose_and_double_nothing)
{
    char whole_run[256], resume[128];
    struct random random = random_stream(7, 7);
    snprintf(whole_run, sizeof whole_run, RUN " --out %s", path);
    snprintf(resume, sizeof resume, "--resume %s", path);
    uint64_t begin = clock_now();
    cr_assert_eq(run(whole_run), 0, "%s", complaint());
    uint64_t took = (clock_now() - begin) / 1000;
    char *expected = subjects();
    int kills = took > 4000000 ? 3 : 10; /* a sanitizer makes each run too long for ten */
    for (int kill_number = 0; kill_number < kills; kill_number++) {
        unlink(path);
        pid_t child = start(whole_run);
        usleep((useconds_t)random_below(&random, took));
        kill(child, SIGKILL);
        finish(child);
        if (!begun())
            continue; /* killed before its first line: there is nothing to resume */
        cr_assert_eq(run(resume), 0, "%s", complaint());
        char *found = subjects();
        expect_same_lines(found, expected, kill_number);
        free(found);
        expect_ids_in_order();
    }
    free(expected);
}

/* Keeps the lines before the first model's. At layer `tower` whoever was slowest of the peers is
 * the fastest from now on; returns its kernel's name, to be freed. */
static char *cut_before_models(void)
{
    struct fault fault;
    json_t *records = results_read(path, NULL, &fault);
    cr_assert(records, "%s", fault.text);
    FILE *file = fopen(path, "w");
    const struct kernel *kernel;
    json_t *slowest = NULL;
    size_t i, kept = 0;
    json_t *r;
    json_array_foreach(records, i, r)
    {
        if (!kept && record_kind(r) == KIND_MODEL)
            kept = i;
        if (strcmp(record_get_text(r, "layer"), "tower") == 0 && record_kind(r) == KIND_KERNEL &&
            (kernel = kernel_find(record_get_text(r, "name"))) && kernel->backend->peer &&
            (!slowest ||
             record_get_interval(r, "ns").median > record_get_interval(slowest, "ns").median))
            slowest = r;
    }
    cr_assert(slowest && kept);
    record_interval(slowest, "ns", &(struct estimate){1, 1, 1});
    record_text(slowest, "verdict", "valid");
    for (i = 0; i < kept; i++) {
        json_dumpf(json_array_get(records, i), file, JSON_COMPACT);
        fputc('\n', file);
    }
    fclose(file);
    char *name = strdup(record_get_text(slowest, "name"));
    json_decref(records);
    return name;
}

Test(resume, the_best_peers_are_those_of_the_earlier_part)
{
    char words[256], expected[128];
    size_t peers = 0, seen = 0;
    for (const struct backend *const *b = backends; *b; b++)
        peers += (*b)->peer && (*b)->usable(words, sizeof words);
    if (peers < 2)
        return;
    snprintf(words, sizeof words,
             "--quick --preset tiny --batch 4 --threads 1 --backend libxsmm,onednn,openblas "
             "--out %s",
             path);
    cr_assert_eq(run(words), 0, "%s", complaint());
    char *before = subjects(), *name = cut_before_models();
    snprintf(words, sizeof words, "--resume %s", path);
    cr_assert_eq(run(words), 0, "%s", complaint());
    char *after = subjects();
    expect_same_lines(after, before, 0);
    struct fault fault;
    json_t *records = results_read(path, NULL, &fault);
    cr_assert(records, "%s", fault.text);
    snprintf(expected, sizeof expected, "tower: %s", name);
    for (size_t i = 0; i < json_array_size(records); i++) {
        const json_t *r = json_array_get(records, i);
        if (strcmp(record_get_text(r, "backend"), "peers") != 0)
            continue;
        cr_expect(strstr(record_get_text(r, "path"), expected), "%s is not in %s", expected,
                  record_get_text(r, "path"));
        seen++;
    }
    cr_expect_eq(seen, 1);
    json_decref(records);
    free(before);
    free(after);
    free(name);
}

Test(resume, a_finished_run_stays_as_it_is)
{
    char words[256];
    snprintf(words, sizeof words, RUN " --op router --out %s", path);
    cr_assert_eq(run(words), 0, "%s", complaint());
    char *before = subjects();
    snprintf(words, sizeof words, "--resume=%s", path);
    cr_assert_eq(run(words), 0, "%s", complaint());
    char *after = subjects();
    expect_same_lines(after, before, 0);
    free(before);
    free(after);
}

Test(resume, refuses_what_it_cannot_go_on_with)
{
    char words[256];
    snprintf(words, sizeof words, "--resume %s", path);
    cr_expect_eq(run(words), 2);
    cr_expect(strstr(complaint(), "cannot read") != NULL, "%s", complaint());
    FILE *file = fopen(path, "w");
    fclose(file);
    cr_expect_eq(run(words), 2);
    cr_expect(strstr(complaint(), "holds no run") != NULL, "%s", complaint());
    snprintf(words, sizeof words, "--resume %s --quick", path);
    cr_expect_eq(run(words), 2);
    cr_expect(strstr(complaint(), "no others are allowed") != NULL, "%s", complaint());
}

Test(resume, refuses_another_machine)
{
    char words[512];
    snprintf(words, sizeof words, RUN " --op router --out %s", path);
    cr_assert_eq(run(words), 0, "%s", complaint());
    snprintf(words, sizeof words, "sed -i 's/\"cpu\":\"[^\"]*\"/\"cpu\":\"Abacus\"/' %s", path);
    cr_assert_eq(system(words), 0);
    snprintf(words, sizeof words, "--resume %s", path);
    cr_expect_eq(run(words), 2);
    cr_expect(strstr(complaint(), "has cpu \"Abacus\"") != NULL, "%s", complaint());
}
