/* `ektm init` and `ektm predict` as a user runs them, against an implementation of EKTM.md that
 * shares no line with them (tests/ektm_oracle.py). $EKTM names the executable. */
#include "harness/fault.h"
#include "harness/model/forward.h"
#include "tests/shell.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

TestSuite(predict, .init = shell_begin, .fini = shell_end);

/* ---- against the oracle ---------------------------------------------------------------------- */

static const struct {
    const char *model, *rows;
} cases[] = {
    {"", "--count 37"},
    {"--dense 0 --tasks 1 --fields 3 --width 5 --rep 12 --hidden 4 --bottom 9", "--count 11"},
    {"--router task --pooling mean --tau 0.25", "--count 37"},
    {"--bf16 --tau 3", "--count 20 --labels"},
    {"--bare --fields 1 --dense 1 --tasks 6 --rep 17 --bottom 33,7,20", "--count 23"},
};

ParameterizedTestParameters(predict, agrees_with_the_oracle)
{
    static size_t index[sizeof cases / sizeof *cases];
    size_t count = sizeof cases / sizeof *cases;
    for (size_t i = 0; i < count; i++)
        index[i] = i;
    return cr_make_param_array(size_t, index, count);
}

static void backend_agrees(const char *backend)
{
    double worst;
    cr_assert_eq(run("EKTM predict --model @/m --input @/rows --backend %s --threads 1 > @/one "
                     "2> @/talk",
                     backend),
                 0, "%s", text_of("talk"));
    cr_expect(contains("talk", backend), "which backend ran is not said");
    worst = difference("expected", "one");
    cr_expect(worst <= 1e-5, "%s strays by %g", backend, worst);
    cr_expect_eq(contains("talk", "last bits"), !keeps_bits(backend), "%s", backend);
    static const char *const ways[] = {"--threads 2", "--threads 2 --batch 5",
                                       "--threads 5 --batch 3", "--threads 1 --batch 1"};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        cr_assert_eq(run("EKTM predict --model @/m --input @/rows --backend %s %s --out @/two "
                         "2> @/talk",
                         backend, ways[i]),
                     0, "%s", text_of("talk"));
        bool same =
            keeps_bits(backend) ? run("cmp @/one @/two") == 0 : difference("one", "two") <= 1e-6;
        cr_expect(same, "%s: %s changes the predictions", backend, ways[i]);
    }
}

ParameterizedTest(size_t *index, predict, agrees_with_the_oracle)
{
    if (run("python3 -c 'pass' 2> @/talk") != 0)
        cr_skip_test("there is no python3");
    cr_assert_eq(run("python3 tests/ektm_oracle.py model @/m %s", cases[*index].model), 0);
    cr_assert_eq(run("python3 tests/ektm_oracle.py rows @/m @/rows %s", cases[*index].rows), 0);
    cr_assert_eq(run("python3 tests/ektm_oracle.py predict @/m @/rows > @/expected"), 0);
    for (const struct backend *const *b = backends; *b; b++) {
        enum isa isa;
        char reason[128];
        if (backend_best_isa(*b, &isa, reason, sizeof reason))
            backend_agrees((*b)->name);
    }
}

/* ---- the commands ---------------------------------------------------------------------------- */

static const char *const two_rows = "printf 'f0,f1,f2,f3,d0,d1,d2\\n1,2|3,,99,0.5,-1,2\\n"
                                    "5,5,5,5,0,0,0\\n' > @/rows";

Test(predict, of_a_model_that_init_made)
{
    cr_assert_eq(run("EKTM init --preset tiny --seed 7 --out @/m 2> @/talk"), 0);
    cr_assert_eq(run("EKTM init --preset tiny --seed 7 --out @/same 2> @/talk"), 0);
    cr_assert_eq(run("EKTM init --preset tiny --seed 8 --out @/other 2> @/talk"), 0);
    cr_expect_eq(run("cmp @/m @/same"), 0, "the same seed gives another model");
    cr_expect_eq(run("cmp -s @/m @/other"), 1, "another seed gives the same model");
    cr_assert_eq(run("%s", two_rows), 0);
    cr_assert_eq(run("EKTM predict --model @/m --input @/rows > @/out 2> @/talk"), 0);
    cr_assert_eq(run("EKTM predict --model @/m --input - < @/rows > @/piped 2> @/talk"), 0);
    cr_expect_eq(run("cmp @/out @/piped"), 0);
    cr_expect_eq(lines_of("out"), 3);
    char *text = text_of("out");
    double p[5];
    cr_expect_eq(sscanf(text, "pctr,pcvr1,pcvr2,pctcvr1,pctcvr2 %lf,%lf,%lf,%lf,%lf", &p[0], &p[1],
                        &p[2], &p[3], &p[4]),
                 5, "%s", text);
    for (size_t i = 0; i < 5; i++)
        cr_expect(p[i] > 0 && p[i] < 1, "%g is no probability", p[i]);
    cr_expect_float_eq(p[4], p[0] * p[2], 1e-8);
    free(text);
}

static void tiny_model(void)
{
    cr_assert_eq(run("EKTM init --preset tiny --out @/m 2> @/talk"), 0);
}

Test(predict, keeps_what_was_written_before_a_damaged_row)
{
    tiny_model();
    cr_assert_eq(run("%s; for i in 1 2 3 4 5 6 7; do echo 1,1,1,1,0,0,0; done >> @/rows; "
                     "cp @/rows @/good; echo 1,1,100,1,0,0,0 >> @/rows",
                     two_rows),
                 0);
    cr_assert_eq(run("EKTM predict --model @/m --input @/good --out @/good.out 2> @/talk"), 0);
    for (int batch = 1; batch <= 20; batch++) {
        cr_expect_eq(
            run("EKTM predict --model @/m --input @/rows --batch %d > @/out 2> @/talk", batch),
            STATUS_CALLER);
        cr_expect_eq(run("cmp @/out @/good.out"), 0, "batches of %d", batch);
        cr_expect(contains("talk", "/rows:11: column 3 (f2): '100' is too large"), "%s",
                  text_of("talk"));
    }
}

Test(predict, notices_that_nobody_takes_the_output)
{
    tiny_model();
    cr_assert_eq(run("%s", two_rows), 0);
    cr_expect_eq(run("EKTM predict --model @/m --input @/rows > /dev/full 2> @/talk"),
                 STATUS_MACHINE);
    cr_expect(contains("talk", "standard output: cannot be written: No space left"));
    cr_expect_eq(run("EKTM predict --model @/m --input @/rows --out /dev/full 2> @/talk"),
                 STATUS_MACHINE);
    cr_expect(contains("talk", "/dev/full: cannot be written"));
    cr_assert_eq(run("(head -n 1 @/rows; yes 1,1,1,1,0,0,0 | head -n 20000) > @/many"), 0);
    run("{ EKTM predict --model @/m --input @/many 2> @/talk; echo $? > @/status; } | :");
    cr_expect(contains("status", "3\n"), "a closed pipe gives %s", text_of("status"));
    cr_expect(contains("talk", "Broken pipe"), "%s", text_of("talk"));
}

static const struct {
    const char *arguments, *words;
} mistakes[] = {
    {"--input @/rows", "--model is needed"},
    {"--model @/m", "--input is needed"},
    {"--model @/none --input @/rows", "/none: cannot be opened: No such file"},
    {"--model @/m --input @/none", "/none: cannot be opened: No such file"},
    {"--model @/m --input @", "is a directory"},
    {"--model @ --input @/rows", "is a directory"},
    {"--model @/rows --input @/rows", "/rows: the length of the header"},
    {"--model @/m --input @/m", "/m:1: "},
    {"--model @/m --input @/rows --out @/rows", "/rows is also what is read"},
    {"--model @/m --input @/rows --out @/m", "/m is also what is read"},
    {"--model @/m --input @/rows --out @/none/x", "/none/x: cannot be created"},
    {"--model @/m --input @/rows --backend compiler,reference", "--backend: one at a time"},
    {"--model @/m --input @/rows --threads 1,2", "--threads: 2 numbers"},
    {"--model @/m --input @/rows --batch 0", "--batch: '0' is not a whole number"},
};

Test(predict, tells_the_callers_mistakes)
{
    tiny_model();
    cr_assert_eq(run("%s; cp @/rows @/rows.before; cp @/m @/m.before", two_rows), 0);
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        cr_expect_eq(run("EKTM predict %s > @/out 2> @/talk", mistakes[i].arguments), STATUS_CALLER,
                     "%s", mistakes[i].arguments);
        cr_expect(contains("talk", mistakes[i].words), "%s: %s", mistakes[i].arguments,
                  text_of("talk"));
        cr_expect_eq(lines_of("out"), 0, "%s: something was predicted", mistakes[i].arguments);
    }
    cr_expect_eq(run("cmp @/rows @/rows.before && cmp @/m @/m.before"), 0, "an input was changed");
    cr_expect_eq(run("EKTM init --preset tiny 2> @/talk"), STATUS_CALLER);
    cr_expect(contains("talk", "--out is needed"));
    cr_expect_eq(run("EKTM init --preset tiny,aliccp --out @/x 2> @/talk"), STATUS_CALLER);
    cr_expect_eq(run("EKTM init --preset tiny --out @ 2> @/talk"), STATUS_CALLER);
}

/* Bytes at most that all children so far have held. */
static long peak(void)
{
    struct rusage usage;
    getrusage(RUSAGE_CHILDREN, &usage);
    return usage.ru_maxrss * 1024;
}

Test(predict, memory_does_not_grow_with_the_rows)
{
    tiny_model();
    cr_assert_eq(run("%s; (head -n 1 @/rows; yes 1,1,1,1,0,0,0 | head -n 300) > @/few; "
                     "(head -n 1 @/rows; yes 1,1,1,1,0,0,0 | head -n 100000) > @/many",
                     two_rows),
                 0);
    cr_assert_eq(run("EKTM predict --model @/m --input @/few > @/out 2> @/talk"), 0);
    long few = peak();
    cr_assert_eq(run("EKTM predict --model @/m --input @/many > @/out 2> @/talk"), 0);
    cr_expect_eq(lines_of("out"), 100001);
    cr_expect_leq(peak() - few, 1 << 20, "%ld bytes more for 100000 rows", peak() - few);
}
