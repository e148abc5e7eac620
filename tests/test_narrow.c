/* Models in bf16 and i8 as a user has them: `ektm quantize`, `ektm quality` and `ektm predict
 * --dtype`. */
#include "harness/fault.h"
#include "harness/model/compose.h"
#include "tests/shell.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(narrow, .init = shell_begin, .fini = shell_end, .timeout = 120);

static const char rows[] =
    "(echo f0,f1,f2,f3,d0,d1,d2,click,conv1,conv2; for i in $(seq 1 57); do "
    "echo \"$i,$((i * 7 % 100))|$i,,$((99 - i)),0.$i,-0.$i,1,$((i % 2)),$((i % 3 / 2)),\"; done)"
    " > @/rows && cut -d, -f1-7 @/rows > @/bare";

/* `options` choose among the models that the oracle makes with the tiny preset's sizes. */
static void model_and_rows(const char *options)
{
    if (run("python3 -c 'pass' 2> @/talk") != 0)
        cr_skip_test("there is no python3");
    cr_assert_eq(run("python3 tests/ektm_oracle.py model @/m --fields 4 --width 8 --dense 3 "
                     "--tasks 2 --rep 12 --hidden 6 --bottom 16 %s",
                     options),
                 0);
    cr_assert_eq(run("python3 tests/ektm_oracle.py rows @/m @/rows --count 57"), 0);
}

static void tiny(void)
{
    cr_assert_eq(run("EKTM init --preset tiny --out @/m 2> @/talk"), 0);
    cr_assert_eq(run("%s", rows), 0);
}

static void quantize(const char *from, const char *dtype, const char *to)
{
    cr_assert_eq(
        run("EKTM quantize --model @/%s --dtype %s --out @/%s > @/said 2> @/talk", from, dtype, to),
        0, "%s", text_of("talk"));
}

/* Of @/rows, by that backend; "": by the usual one. */
static void predict(const char *model, const char *backend, const char *options, const char *to)
{
    cr_assert_eq(run("EKTM predict --model @/%s --input @/rows %s %s %s --out @/%s 2> @/talk",
                     model, *backend ? "--backend" : "", backend, options, to),
                 0, "%s", text_of("talk"));
}

static bool same_file(const char *a, const char *b) { return run("cmp @/%s @/%s", a, b) == 0; }

/* ---- quantize -------------------------------------------------------------------------------- */

Test(narrow, quantize_of_a_quantized_file_is_the_same_file)
{
    static const char *const dtypes[] = {"bf16", "i8", "embedding=i8", "bf16,dense=i8,head=f32"};
    tiny();
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++) {
        quantize("m", dtypes[i], "q");
        quantize("q", dtypes[i], "again");
        cr_expect(same_file("q", "again"), "%s", dtypes[i]);
    }
}

Test(narrow, quantize_keeps_what_it_need_not_change)
{
    tiny();
    quantize("m", "f32", "same");
    cr_expect(same_file("m", "same"), "f32");
    quantize("m", "bf16", "q");
    quantize("q", "f32", "wide");
    quantize("wide", "bf16", "again");
    cr_expect(same_file("q", "again"), "bf16, f32 and bf16");
    quantize("m", "i8,embedding=f32,dense=f32,transmitter=f32,enhanced=f32,head=f32", "none");
    cr_expect(same_file("m", "none"), "i8 for no layer");
}

/* The tables: 4 * 100 rows of 8 numbers, in i8 16 bytes each. */
Test(narrow, quantize_tells_sizes_and_errors)
{
    tiny();
    quantize("m", "embedding=i8,tower=bf16", "q");
    double kib[2], error;
    char *text = text_of("said"), *line = strstr(text, "\nembedding ");
    cr_assert(line, "%s", text);
    cr_assert_eq(sscanf(line, " embedding i8 3200 %lf %lf %lf", &kib[0], &kib[1], &error), 3, "%s",
                 text);
    cr_expect(kib[0] == 12.5 && kib[1] == 6.2, "%s", text);
    cr_expect(error > 1e-3 && error < 4e-3, "%g", error);
    line = strstr(text, "\ntower ");
    cr_assert(line && sscanf(line, " tower bf16 576 %lf %lf %lf", &kib[0], &kib[1], &error) == 3,
              "%s", text);
    cr_expect(error > 1e-3 && error < 0x1p-8, "%g", error);
    line = strstr(text, "\nhead ");
    cr_assert(line && sscanf(line, " head f32 216 %lf %lf %lf", &kib[0], &kib[1], &error) == 3 &&
                  error == 0,
              "%s", text);
    cr_expect(strstr(text, "\nall          mixed          5520"), "%s", text);
    cr_expect(!strstr(text, "router"), "%s", text);
    free(text);
}

/* What f32 can hold and bf16 or the steps of a table's row cannot. */
Test(narrow, quantize_refuses_numbers_that_leave_the_format)
{
    model_and_rows("--huge");
    static const char *const dtypes[] = {"bf16", "tower=bf16", "i8", "embedding=i8"};
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++) {
        cr_expect_eq(
            run("EKTM quantize --model @/m --dtype %s --out @/q > @/said 2> @/talk", dtypes[i]),
            STATUS_CALLER, "%s", dtypes[i]);
        cr_expect(contains("talk", i < 2 ? "--dtype: layer tower has weights too large for bf16"
                                         : "--dtype: layer embedding has weights too large for i8"),
                  "%s: %s", dtypes[i], text_of("talk"));
        cr_expect_neq(run("test -e @/q"), 0, "%s leaves a file", dtypes[i]);
    }
    quantize("m", "tower=i8,embedding=bf16", "q");
}

/* ---- predict --------------------------------------------------------------------------------- */

static bool has_baseline(const char *op, enum dtype dtype)
{
    for (const struct kernel *const *k = kernels; *k; k++)
        if (strcmp((*k)->op->name, op) == 0 && (*k)->dtype == dtype &&
            strcmp((*k)->backend->name, "compiler") == 0)
            return true;
    return false;
}

/* Whether layers without a kernel of a backend's own get one of their format. */
static bool has_baselines(void)
{
    static const char *const names[] = {"embedding", "dense", "transmitter", "enhanced", "head"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!has_baseline(names[i], DTYPE_BF16) || !has_baseline(names[i], DTYPE_I8))
            return false;
    return true;
}

static bool runs_here(const struct backend *backend)
{
    enum isa isa;
    char reason[128];
    return backend_best_isa(backend, &isa, reason, sizeof reason);
}

/* A file's own formats are what is computed in, of the file's own integers; --dtype counts more. */
Test(narrow, a_quantized_file_predicts_what_its_formats_do)
{
    static const char *const dtypes[] = {"bf16", "i8", "bf16,embedding=i8", "bottom.0=i8"};
    tiny();
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++) {
        char option[64];
        quantize("m", dtypes[i], "q");
        snprintf(option, sizeof option, "--dtype %s", dtypes[i]);
        for (const struct backend *const *b = backends; *b; b++) {
            if (!runs_here(*b) || (strcmp((*b)->name, "reference") != 0 && !has_baselines()))
                continue;
            predict("m", (*b)->name, option, "one");
            predict("q", (*b)->name, "", "two");
            cr_expect(same_file("one", "two"), "%s by %s", dtypes[i], (*b)->name);
            predict("q", (*b)->name, option, "two");
            cr_expect(same_file("one", "two"), "%s by %s, said again", dtypes[i], (*b)->name);
        }
        predict("q", "", "", "two");
        cr_expect(contains("talk", i < 2 ? dtypes[i] : "=i8"), "%s", text_of("talk"));
        quantize("q", "f32", "wide");
        predict("q", "reference", "--dtype f32", "one");
        predict("wide", "reference", "", "two");
        cr_expect(same_file("one", "two"), "%s in f32", dtypes[i]);
    }
}

static void expect_near(const char *backend, const char *dtype, double bound)
{
    static const char *const ways[] = {"--threads 2", "--threads 2 --batch 5",
                                       "--threads 1 --batch 1", "--threads 5 --batch 23"};
    char option[128];
    snprintf(option, sizeof option, "--dtype %s", dtype);
    predict("m", "reference", option, "expected");
    snprintf(option, sizeof option, "--dtype %s --threads 1", dtype);
    predict("m", backend, option, "one");
    const double from_f32 = difference("wide", "one"), from_narrow = difference("expected", "one");
    cr_expect(from_f32 <= bound, "%s, %s: %g from f32", backend, dtype, from_f32);
    cr_expect(from_narrow <= bound, "%s, %s: %g from the reference", backend, dtype, from_narrow);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        snprintf(option, sizeof option, "--dtype %s %s", dtype, ways[i]);
        predict("m", backend, option, "two");
        cr_expect(keeps_bits(backend) ? same_file("one", "two") : difference("one", "two") <= bound,
                  "%s, %s: %s changes the predictions", backend, dtype, ways[i]);
    }
}

/* Something is rounded, and not too much. */
static void expect_bounds(void)
{
    predict("m", "reference", "--dtype f32", "wide");
    predict("m", "reference", "--dtype bf16", "bf16");
    predict("m", "reference", "--dtype i8", "i8");
    cr_expect(difference("wide", "bf16") > 1e-5 && difference("wide", "i8") > 1e-5);
    for (const struct backend *const *b = backends; *b; b++) {
        if (!runs_here(*b))
            continue;
        expect_near((*b)->name, "bf16", 1e-2);
        expect_near((*b)->name, "i8", 3e-2);
        expect_near((*b)->name, "bf16,embedding=i8,head=f32", 3e-2);
    }
}

Test(narrow, predictions_stay_near_those_of_f32)
{
    model_and_rows("--router sample");
    expect_bounds();
}

Test(narrow, predictions_stay_near_with_task_vectors_and_mean_pooling)
{
    model_and_rows("--router task --pooling mean --tau 0.5");
    expect_bounds();
}

/* ---- against the oracle ---------------------------------------------------------------------- */

/* Within what rounding an input to either neighbour may do to a row, which for most rows is
 * nothing: the scalar loops never come near such a turn but by chance. */
static void expect_agreement(const char *dtype, const char *backend)
{
    double median, most, far;
    predict("q", backend, "", "one");
    cr_assert_eq(run("python3 tests/ektm_oracle.py compare @/q @/rows @/one > @/said 2> @/talk"), 0,
                 "%s by %s: %s", dtype, backend, text_of("talk"));
    char *text = text_of("said");
    cr_assert_eq(sscanf(text, "median %lf most %lf far %lf", &median, &most, &far), 3, "%s", text);
    cr_expect(median < 5e-3, "%s by %s: the bounds say nothing: %s", dtype, backend, text);
    cr_expect(far < 3e-2, "%s by %s: %s", dtype, backend, text);
    free(text);
}

Test(narrow, predictions_agree_with_the_oracle)
{
    static const char *const models[] = {"--router sample",
                                         "--router task --pooling mean --tau 0.5"};
    static const char *const dtypes[] = {"bf16", "i8", "bf16,embedding=i8,head=f32", "dense=i8"};
    for (size_t m = 0; m < sizeof models / sizeof *models; m++) {
        model_and_rows(models[m]);
        for (size_t d = 0; d < sizeof dtypes / sizeof *dtypes; d++) {
            quantize("m", dtypes[d], "q");
            for (const struct backend *const *b = backends; *b; b++)
                if (runs_here(*b) && (strcmp((*b)->name, "reference") == 0 || has_baselines()))
                    expect_agreement(dtypes[d], (*b)->name);
        }
    }
}

/* ---- quality --------------------------------------------------------------------------------- */

/* Largest and mean difference of pctr, by the two files of predictions. */
static void differences(double *most, double *mean)
{
    char *a = text_of("one"), *b = text_of("two");
    size_t count = 0;
    *most = *mean = 0;
    for (char *x = strchr(a, '\n'), *y = strchr(b, '\n'); x && x[1];
         x = strchr(x + 1, '\n'), y = strchr(y + 1, '\n')) {
        const double difference = fabs(strtod(x + 1, NULL) - strtod(y + 1, NULL));
        *most = fmax(*most, difference);
        *mean += difference;
        count++;
    }
    *mean /= (double)count;
    free(a);
    free(b);
}

static void quality(const char *options)
{
    cr_assert_eq(run("EKTM quality --model @/m %s > @/said 2> @/talk", options), 0, "%s",
                 text_of("talk"));
}

Test(narrow, quality_tells_the_differences_of_predict)
{
    static const char *const dtypes[] = {"bf16", "i8", "embedding=i8,head=bf16"};
    tiny();
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++) {
        char options[128];
        double most, mean, said_most, said_mean;
        snprintf(options, sizeof options, "--dtype %s", dtypes[i]);
        predict("m", "reference", "--dtype f32", "one");
        predict("m", "reference", options, "two");
        differences(&most, &mean);
        snprintf(options, sizeof options, "--backend reference --input @/rows --dtype %s",
                 dtypes[i]);
        quality(options);
        char *text = text_of("said"), *line = strstr(text, "\npctr ");
        cr_assert(line && sscanf(line, " pctr %lf %lf", &said_most, &said_mean) == 2, "%s", text);
        cr_expect_float_eq(said_most, most, 1e-2 * most, "%g and %g", said_most, most);
        cr_expect_float_eq(said_mean, mean, 1e-2 * mean, "%g and %g", said_mean, mean);
        free(text);
    }
}

Test(narrow, quality_ranks_against_labels_where_there_are_any)
{
    tiny();
    quality("--input @/rows --dtype i8 --batch 10");
    cr_expect(contains("said", "rows     57, in 6 requests of up to 10"), "%s", text_of("said"));
    cr_expect(contains("said", "AUC") && contains("said", "log loss"), "%s", text_of("said"));
    cr_expect(contains("said", "\npctcvr2 "));
    quality("--input @/bare --dtype bf16");
    cr_expect(contains("said", "formats  bf16, against f32"), "%s", text_of("said"));
    cr_expect(!contains("said", "AUC") && !contains("said", "|"), "%s", text_of("said"));
    quality("--input - --dtype f32 < @/rows");
    cr_expect(contains("said", "pctr          0.00e+00    0.00e+00  1.00000  |"), "%s",
              text_of("said"));
}

/* ---- what is refused ------------------------------------------------------------------------- */

static const struct {
    const char *line, *words;
} mistakes[] = {
    {"quantize --dtype i8 --out @/x", "--model is needed"},
    {"quantize --model @/m --dtype i8", "--out is needed"},
    {"quantize --model @/m --out @/x", "--dtype is needed"},
    {"quantize --model @/m --out @/x --dtype i4", "--dtype: 'i4' is not known; allowed: f32 bf16"},
    {"quantize --model @/m --out @/x --dtype bf16,i8", "--dtype: 2 formats are given for all"},
    {"quantize --model @/m --out @/x --dtype =i8", "--dtype: '=i8' names no layer"},
    {"quantize --model @/m --out @/x --dtype embedding=", "--dtype: '' is no number format"},
    {"quantize --model @/m --out @/x --dtype embedding=i4", "--dtype: 'i4' is no number format"},
    {"quantize --model @/m --out @/x --dtype i8,", "--dtype: '' is not known"},
    {"quantize --model @/m --out @/x --dtype bottom.1=i8", "--dtype: 'bottom.1' is no layer"},
    {"quantize --model @/m --out @/x --dtype router=i8", "--dtype: 'router' is no layer"},
    {"quantize --model @/none --out @/x --dtype i8", "/none: cannot be opened"},
    {"quantize --model @/m --out @/none/x --dtype i8", "/none/x"},
    {"quantize --model @/m --out @ --dtype i8", "is a directory"},
    {"quality --input @/rows --dtype i8", "--model is needed"},
    {"quality --model @/m --dtype i8", "--input is needed"},
    {"quality --model @/m --input @/rows", "--dtype is needed"},
    {"quality --model @/m --input @/rows --dtype i8,bf16", "one of each is allowed"},
    {"quality --model @/m --input @/rows --dtype i8 --batch 1,2", "one of each is allowed"},
    {"quality --model @/m --input @/rows --dtype i8 --backend compiler,reference", "one of each"},
    {"quality --model @/m --input @/rows --dtype tower.1=i8", "--dtype: 'tower.1' is no layer"},
    {"quality --model @/m --input @/m --dtype i8", "/m:1: "},
    {"quality --model @/m --input @/head --dtype i8", "has no rows"},
    {"predict --model @/m --input @/rows --dtype bf16,i8", "--dtype: 2 formats are given for all"},
    {"predict --model @/m --input @/rows --dtype x", "--dtype: 'x' is not known"},
    {"predict --model @/m --input @/rows --dtype =i8", "--dtype: '=i8' names no layer"},
    {"predict --model @/m --input @/rows --dtype embedding=", "--dtype: '' is no number format"},
    {"predict --model @/m --input @/rows --dtype router=bf16", "--dtype: 'router' is no layer"},
    {"predict --model @/m --input @/rows --dtype $(yes f32 | head -n 70 | paste -sd,)",
     "--dtype: more than 64 names"},
};

Test(narrow, a_mistake_is_a_sentence_that_names_it)
{
    tiny();
    cr_assert_eq(run("head -n 1 @/rows > @/head; cp @/m @/before"), 0);
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        cr_expect_eq(run("EKTM %s > @/out 2> @/talk", mistakes[i].line), STATUS_CALLER, "%s",
                     mistakes[i].line);
        cr_expect(contains("talk", mistakes[i].words), "%s: %s", mistakes[i].line, text_of("talk"));
        cr_expect_eq(lines_of("out"), 0, "%s: data", mistakes[i].line);
        cr_expect_neq(run("test -e @/x"), 0, "%s leaves a file", mistakes[i].line);
    }
    cr_expect(same_file("m", "before"));
}
