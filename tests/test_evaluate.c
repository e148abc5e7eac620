/* `ektm evaluate` as a user runs it, against an implementation that shares no line with it
 * (tests/ranking_oracle.py), and what it refuses. */
#include "harness/data/evaluation.h"
#include "harness/random.h"
#include "tests/shell.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

TestSuite(evaluate, .init = shell_begin, .fini = shell_end);

/* ---- against the oracle ---------------------------------------------------------------------- */

static void expect_agreement(const char *rows, const char *predictions)
{
    cr_assert_eq(run("EKTM evaluate --input @/%s --predictions @/%s --out @/measures > @/table "
                     "2> @/talk",
                     rows, predictions),
                 0, "%s", text_of("talk"));
    cr_expect_eq(
        run("python3 tests/ranking_oracle.py @/%s @/%s @/measures > @/wrong", rows, predictions), 0,
        "%s", text_of("wrong"));
}

static void needs_python(void)
{
    if (run("python3 -c 'pass' 2> @/talk") != 0)
        cr_skip_test("there is no python3");
}

Test(evaluate, agrees_with_the_oracle_on_simulated_rows)
{
    needs_python();
    cr_assert_eq(run("EKTM generate --preset tiny --train 0 --validation 0 --test 3000 --clicks 20 "
                     "--missing 10 --conversions 5,2 --truth --out @/sim 2> @/talk"),
                 0, "%s", text_of("talk"));
    expect_agreement("sim/test.csv", "sim/test.truth.csv");
    /* Few digits: ties. */
    cr_assert_eq(run("sed '1!s/\\(0\\.0*[1-9]\\)[0-9]*/\\1/g' @/sim/test.truth.csv > @/ties"), 0);
    expect_agreement("sim/test.csv", "ties");
    /* The oracle tells ties that count as lost from halves. */
    cr_expect_eq(run("python3 tests/ranking_oracle.py @/sim/test.csv @/sim/test.truth.csv "
                     "@/measures > @/wrong"),
                 1);
}

/* Labels of all kinds at random, users known and unknown, columns that are not there. */
Test(evaluate, agrees_with_the_oracle_where_labels_are_missing)
{
    needs_python();
    cr_assert_eq(run("python3 -c \"\n"
                     "import random\n"
                     "random.seed(3)\n"
                     "r, p = open('@/rows', 'w'), open('@/p', 'w')\n"
                     "print('user,conv1,f0,click', file=r)\n"
                     "print('pctr,pcvr1,pcvr2,pctcvr1,pctcvr2', file=p)\n"
                     "for i in range(1500):\n"
                     "    l = [random.choice(['0', '1', '']) for _ in 'ab']\n"
                     "    print(random.choice(['', *map(str, range(40))]), l[0], i, l[1], sep=',', "
                     "file=r)\n"
                     "    print(*(random.randrange(101) / 100 for _ in range(5)), sep=',', "
                     "file=p)\n"
                     "\""),
                 0);
    expect_agreement("rows", "p");
    cr_expect(contains("measures", "pcvr2,0,0,0,,,,,,\n"), "%s", text_of("measures"));
}

Test(evaluate, of_a_model_is_that_of_what_it_predicts)
{
    cr_assert_eq(run("EKTM init --preset tiny --seed 4 --out @/m 2> @/talk"), 0);
    cr_assert_eq(run("EKTM generate --preset tiny --train 0 --validation 0 --test 5000 --clicks 20 "
                     "--conversions 5,2 --out @/sim 2> @/talk"),
                 0);
    cr_assert_eq(run("EKTM predict --model @/m --input @/sim/test.csv --out @/p 2> @/talk"), 0);
    cr_assert_eq(run("EKTM evaluate --input @/sim/test.csv --predictions @/p > @/one 2> @/talk"), 0,
                 "%s", text_of("talk"));
    cr_assert_eq(run("EKTM evaluate --input @/sim/test.csv --model @/m > @/two 2> @/talk"), 0, "%s",
                 text_of("talk"));
    cr_assert_eq(run("EKTM evaluate --input - --model @/m --threads 2 < @/sim/test.csv > @/three "
                     "2> @/talk"),
                 0, "%s", text_of("talk"));
    cr_expect_eq(run("cmp @/one @/two && cmp @/two @/three"), 0);
}

/* ---- by hand --------------------------------------------------------------------------------- */

/* Two users who tell (areas 1 and 1/2, of 2 and 3 rows), one whose rows are all positive, one
 * without a name. */
Test(evaluate, users_weigh_by_their_rows)
{
    static const double score[] = {0.9, 0.1, 0.5, 0.5, 0.3, 0.7, 0.2};
    static const uint8_t label[] = {1, 0, 1, 0, 1, 1, 1};
    static const uint64_t user[] = {8, 8, 3, 3, 3, 5, 8};
    static const uint8_t missing[] = {1, 0, 1, 0, 1, 1, LABEL_MISSING};
    size_t scratch[14];
    struct grouped g = grouped_area(score, missing, user, 7, scratch);
    cr_expect_eq(g.groups, 2);
    /* user 3: (0.5, 0.5) half, (0.3, 0.5) lost: 1/4 */
    cr_expect_float_eq(g.area, (2 * 1 + 3 * 0.25) / 5, 1e-15, "%g", g.area);
    g = grouped_area(score, label, user, 7, scratch);
    cr_expect_float_eq(g.area, (3 * 1 + 3 * 0.25) / 6, 1e-15, "%g", g.area);
    cr_expect(isnan(grouped_area(score, label, user, 1, scratch).area));
}

Test(evaluate, calibration_of_what_is_known)
{
    static const double p[] = {0.1, 0.9, 0.1, 0.9, 0.5, 0.3};
    static const uint8_t label[] = {0, 1, 1, 1, LABEL_MISSING, 0};
    size_t scratch[6];
    struct calibration c = calibration_of(p, label, 6, 1, scratch);
    cr_expect_float_eq(c.predicted, 2.3 / 5, 1e-15);
    cr_expect_float_eq(c.observed, 0.6, 1e-15);
    cr_expect_float_eq(c.error, 0.7 / 5, 1e-15);
    /* Bins of 0.1 0.1 | 0.3 0.9 0.9, since equals stay together. */
    c = calibration_of(p, label, 6, 2, scratch);
    cr_expect_float_eq(c.error, (0.8 + 0.1) / 5, 1e-15, "%g", c.error);
    cr_expect(isnan(calibration_of(p, label, 0, 20, scratch).error));
}

/* ---- what is refused ------------------------------------------------------------------------- */

static void refused(const char *options, const char *words)
{
    cr_expect_eq(run("EKTM evaluate %s > @/out 2> @/talk", options), 2, "%s", options);
    cr_expect(contains("talk", words), "%s: %s", options, text_of("talk"));
}

Test(evaluate, refuses_in_a_sentence)
{
    cr_assert_eq(run("printf 'f0,click,conv1\\n1,1,0\\n2,0,0\\n' > @/rows"), 0);
    cr_assert_eq(run("printf 'f0,conv1\\n1,1\\n' > @/clickless"), 0);
    cr_assert_eq(run("printf 'f0,click,conv1,conv2\\n1,1,0,0\\n' > @/more"), 0);
    cr_assert_eq(run("printf 'pctr,pcvr1,pctcvr1\\n0.5,0.5,0.5\\n0.5,1,1e-3\\n' > @/p"), 0);
    cr_assert_eq(run("head -n 2 @/p > @/short; cp @/p @/long; echo 0,0,0 >> @/long; "
                     "echo 0.5,nan,0 >> @/short"),
                 0);
    cr_assert_eq(run("head -n 1 @/rows > @/none; head -n 1 @/p > @/nothing"), 0);
    refused("--input @/rows", "one of --model and --predictions is needed");
    refused("--predictions @/p", "--input is needed");
    refused("--input @/rows --predictions @/p --model @/m", "one of --model and --predictions");
    refused("--input @/rows --predictions @/p --backend reference", "go with --model");
    refused("--input - --predictions @/p", "standard input: rows are read twice");
    refused("--input @/clickless --predictions @/p", "clickless:1: column 'click' is missing");
    refused("--input @/more --predictions @/p", "has labels of 2 conversions; ");
    refused("--input @/rows --predictions @/long", "long:4: is one row too many; ");
    refused("--input @/rows --predictions @/short", "short:3: column 2 (pcvr1): 'nan' is no "
                                                    "probability");
    refused("--input @/rows --predictions @/nothing", "nothing: ends after 0 rows; ");
    refused("--input @/none --predictions @/nothing", "none: has no rows");
    refused("--input @/p --predictions @/p", "p:1: columns f0 to f1023");
    refused("--input @/rows --predictions @/rows", "rows:1: column 1: 'f0' is unexpected");
    refused("--input @/rows --predictions /nonexistent", "/nonexistent: cannot be opened");
}
