/* `ektm compare` on made-up files. */
#include "harness/results/match.h"
#include "harness/results/file.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/ektm-compare-XXXXXX";

static void make_folder(void) { cr_assert(mkdtemp(folder)); }

static void remove_folder(void)
{
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", folder);
    cr_assert_eq(system(command), 0);
}

TestSuite(compare, .init = make_folder, .fini = remove_folder);

/* The lines of the recorded run that the repository holds, those of one kernel with other times:
 * real lines of every kind. */
struct change {
    const char *name;
    double scale, spread; /* of ns, and half its interval over the median */
    const char *verdict, *cpu;
};

static void set_time(json_t *record, const struct change *change)
{
    double median = record_get_interval(record, "ns").median * change->scale;
    record_interval(
        record, "ns",
        &(struct estimate){median, median * (1 - change->spread), median * (1 + change->spread)});
    record_text(record, "verdict", change->verdict ? change->verdict : "valid");
    if (json_object_get(record, "roofline")) /* measured, so that it would explain the change */
        record_number(record, "roofline", NAN);
}

static const char *source(void) { return "results/amd-epyc-2c/2026-11-24-7bb73a5de4ab.jsonl"; }

/* Writes `copies` times the run, with so much changed; all other figures are narrow and valid. */
static void write_file(const char *name, const struct change *change, size_t copies, size_t lines)
{
    char path[128];
    struct fault fault;
    struct results results;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    cr_assert(results_open(&results, path, &fault), "%s", fault.text);
    for (size_t copy = 0; copy < copies; copy++) {
        json_t *records = results_read(source(), NULL, &fault), *r;
        cr_assert(records, "%s", fault.text);
        size_t i;
        json_array_foreach(records, i, r)
        {
            if (i >= lines)
                break;
            enum kind kind = record_kind(r);
            bool ours =
                change && change->name && strcmp(record_get_text(r, "name"), change->name) == 0;
            static const struct change plain = {NULL, 1, 0.001, NULL, NULL};
            if (kind != KIND_MACHINE && kind != KIND_LOAD && kind != KIND_SKIP)
                set_time(r, ours ? change : &plain);
            if (kind == KIND_MACHINE && change && change->cpu)
                record_text(r, "cpu", change->cpu);
            cr_assert(results_write(&results, json_incref(r), &fault), "%s", fault.text);
        }
        json_decref(records);
    }
    results_close(&results);
}

/* What the command prints of files a and b in the folder; its exit status. */
static int compare(const char *options, char *text, size_t size)
{
    char line[512];
    snprintf(line, sizeof line, "cd %s && %s compare %s 2>&1", folder, getenv("EKTM_ABSOLUTE"),
             options);
    FILE *out = popen(line, "r");
    size_t length = fread(text, 1, size - 1, out);
    text[length] = '\0';
    return WEXITSTATUS(pclose(out));
}

static char text[1 << 20];

static int compare_changed(const struct change *change, const char *options)
{
    char here[512], line[600], arguments[128];
    write_file("a", NULL, 1, SIZE_MAX);
    write_file("b", change, 1, SIZE_MAX);
    cr_assert(realpath(getenv("EKTM"), here));
    snprintf(line, sizeof line, "%s", here);
    setenv("EKTM_ABSOLUTE", line, 1);
    snprintf(arguments, sizeof arguments, "%s a b", options);
    return compare(arguments, text, sizeof text);
}

Test(compare, a_regression_is_shown)
{
    cr_expect_eq(compare_changed(&(struct change){"router_f32_avx2", 1.2, 0.01, NULL, NULL}, ""),
                 1);
    cr_expect(strstr(text, "router_f32_avx2") && strstr(text, "REGRESSION"), "%s", text);
    cr_expect(strstr(text, "dense_f32_avx2 ") == NULL, "what did not change is not listed: %s",
              text);
    cr_expect_eq(compare("--threshold 30 a b", text, sizeof text), 0);
    cr_expect(strstr(text, "slower") && !strstr(text, "REGRESSION"), "%s", text);
}

Test(compare, what_became_faster_is_no_regression)
{
    cr_expect_eq(compare_changed(&(struct change){"router_f32_avx2", 0.8, 0.01, NULL, NULL}, ""),
                 0);
    cr_expect(strstr(text, " faster\n") != NULL, "%s", text);
}

Test(compare, wide_intervals_and_noise_show_nothing)
{
    cr_expect_eq(compare_changed(&(struct change){"router_f32_avx2", 1.2, 0.3, NULL, NULL}, ""), 0);
    cr_expect(strstr(text, "router_f32_avx2") == NULL, "%s", text);
}

Test(compare, noisy_figures_are_no_regression)
{
    cr_expect_eq(compare_changed(&(struct change){"router_f32_avx2", 1.2, 0.01, "noisy", NULL}, ""),
                 0);
    cr_expect(strstr(text, "~ slower") != NULL, "%s", text);
}

Test(compare, invalid_figures_are_left_out)
{
    cr_expect_eq(compare_changed(&(struct change){"router_f32_avx2", 9, 0.01, "invalid", NULL}, ""),
                 0);
    cr_expect(strstr(text, "Only in A: ") != NULL && strstr(text, "router_f32_avx2"), "%s", text);
}

Test(compare, two_machines_are_told_apart)
{
    cr_expect_eq(
        compare_changed(&(struct change){"router_f32_avx2", 1.2, 0.01, NULL, "Another CPU"}, ""),
        1);
    cr_expect(strstr(text, "Another CPU") && strstr(text, "Differ in: cpu\n"), "%s", text);
}

Test(compare, one_side_only_is_told)
{
    compare_changed(NULL, "");
    write_file("c", NULL, 1, 40);
    cr_expect_eq(compare("a c", text, sizeof text), 0);
    cr_expect(strstr(text, "Only in A: ") && !strstr(text, "Only in B"), "%s", text);
    cr_expect(strstr(text, "--full shows all") != NULL);
    compare("--full a c", text, sizeof text);
    cr_expect(strstr(text, "--full shows all") == NULL);
}

Test(compare, runs_of_one_file_count_together)
{
    struct entries entries;
    struct fault fault;
    char path[128];
    write_file("b", &(struct change){"router_f32_avx2", 1.0, 0.01, NULL, NULL}, 1, SIZE_MAX);
    write_file("b", &(struct change){"router_f32_avx2", 1.4, 0.01, NULL, NULL}, 1, SIZE_MAX);
    snprintf(path, sizeof path, "%s/b", folder);
    json_t *records = results_read(path, NULL, &fault);
    cr_assert(records && entries_make(&entries, records, &fault), "%s", fault.text);
    for (size_t i = 0; i < entries.count; i++) {
        const struct entry_of_file *e = &entries.entry[i];
        bool ours = strcmp(record_get_text(e->record, "name"), "router_f32_avx2") == 0;
        cr_expect_geq(e->runs, 2, "%s", e->key);
        double width = e->ns.high / e->ns.low;
        cr_expect(ours ? width > 1.4 && width < 1.5 : width < 1.1 || e->runs > 2, "%s: %g", e->key,
                  width);
    }
    entries_free(&entries);
    json_decref(records);
}

Test(compare, what_is_no_file_of_results_is_refused)
{
    static const struct {
        const char *options, *says;
    } refused[] = {{"a", "1 files were named; 2 are compared"},
                   {"a b c", "'c' is one file too many"},
                   {"a nowhere", "cannot read 'nowhere'"},
                   {"a empty", "no line of kind machine"},
                   {"a torn", "torn:1"},
                   {"--threshold x a b", "--threshold: 'x'"}};
    char command[256];
    compare_changed(NULL, "");
    snprintf(command, sizeof command, "cd %s && : >empty && echo '{\"kind\":7}' >torn", folder);
    cr_assert_eq(system(command), 0);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        cr_expect_eq(compare(refused[i].options, text, sizeof text), 2, "%s", refused[i].options);
        cr_expect(strstr(text, refused[i].says) != NULL, "%s: %s", refused[i].options, text);
    }
}
