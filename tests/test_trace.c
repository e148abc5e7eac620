/* Which ids rows ask for, against rows made up after a law; `ektm trace` as a user runs it. */
#include "harness/data/accesses.h"
#include "harness/data/dataset.h"
#include "harness/model/inputs.h"
#include "tests/shell.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

TestSuite(trace, .init = shell_begin, .fini = shell_end);

static struct fault fault;

/* Statistics of field 0 of rows of the law. */
static struct access_statistics statistics_of(const char *law_text, size_t table)
{
    enum { BATCH_ROWS = 4096, PIECES = 10 };
    struct ektm_preset preset = *ektm_preset_find("tiny");
    struct access_statistics statistics;
    struct accesses accesses;
    struct id_law law;
    struct batch batch;
    preset.config.rows[0] = table;
    cr_assert(id_law_parse(&law, law_text, &fault));
    cr_assert(batch_make(&batch, &preset.config, BATCH_ROWS, &fault));
    accesses_begin(&accesses, preset.config.fields);
    for (uint64_t seed = 0; seed < PIECES; seed++) {
        inputs_random(&batch.activations, &preset, &law, BATCH_ROWS, seed);
        cr_assert(accesses_add(&accesses, &batch.activations, BATCH_ROWS, &fault));
    }
    cr_assert(accesses_tell(&accesses, 0, &statistics, &fault));
    cr_expect_eq(accesses.bags, BATCH_ROWS * PIECES);
    accesses_free(&accesses);
    batch_free(&batch);
    return statistics;
}

/* Seeds scatter ids otherwise, so one seed's hot ids are another's cold ones: one piece would do,
 * if it were not for rare ids. */
Test(trace, of_uniform_ids)
{
    struct access_statistics s = statistics_of("uniform", 100);
    cr_expect_eq(s.per_row, 1);
    cr_expect_eq(s.distinct, 100);
    cr_expect_eq(s.beyond, 100);
    cr_expect_float_eq(s.hottest[0], 0.01, 0.002, "%g", s.hottest[0]);
    cr_expect_float_eq(s.hottest[1], 0.1, 0.01, "%g", s.hottest[1]);
    cr_expect(s.exponent < 0.1, "%g", s.exponent);
}

Test(trace, of_one_id_has_no_law)
{
    struct access_statistics s = statistics_of("uniform", 1);
    cr_expect(s.distinct == 1 && s.hottest[0] == 1 && isnan(s.exponent));
}

/* Counts as Zipf's law has them, to the rounding. */
Test(trace, finds_the_exponent)
{
    enum { TABLE_IDS = 1000 };
    static const double exponents[] = {0.7, 1.05, 1.6};
    for (size_t e = 0; e < 3; e++) {
        struct accesses accesses;
        struct access_statistics s;
        accesses_begin(&accesses, 1);
        accesses.bags = 1;
        accesses.field[0].room = TABLE_IDS;
        accesses.field[0].count = calloc(TABLE_IDS, sizeof(uint32_t));
        for (size_t i = 0; i < TABLE_IDS; i++) {
            const double count = 1e8 * pow((double)(i * 7 % TABLE_IDS + 1), -exponents[e]);
            accesses.field[0].count[i] = (uint32_t)count;
            accesses.field[0].ids += (uint32_t)count;
        }
        cr_assert(accesses_tell(&accesses, 0, &s, &fault));
        cr_expect_float_eq(s.exponent, exponents[e], 0.005, "%g", s.exponent);
        accesses_free(&accesses);
    }
}

Test(trace, is_what_bench_takes)
{
    cr_assert_eq(run("printf 'f0,f1,d0,click,user\\n5|7,250,0.5,1,3\\n,1,1,0,\\n' > @/rows"), 0);
    cr_assert_eq(run("EKTM trace --input @/rows --preset tiny --out @/trace > @/table 2> @/talk"),
                 0, "%s", text_of("talk"));
    cr_expect(contains("trace", "\n5|7,50,5|7,50,0.5,0.5,0.5,,,,3\n,1,,1,1,1,1,,,,\n"), "%s",
              text_of("trace"));
    cr_expect(contains("talk", "2 rows for --preset tiny --ids; 25 % of ids folded"), "%s",
              text_of("talk"));
    cr_expect(contains("table", "f1             1           2         251"), "%s",
              text_of("table"));
    cr_assert_eq(run("EKTM trace --input @/rows --preset tiny --out @/trace --rows 1 > @/table "
                     "2> @/talk"),
                 0);
    cr_expect_eq(lines_of("trace"), 2);
    cr_expect_eq(run("EKTM bench --preset tiny --quick --op embedding --backend compiler --batch 1 "
                     "--threads 1 --ids @/trace --out @/records > @/table 2> @/talk"),
                 0, "%s", text_of("talk"));
}

static void refused(const char *options, const char *words)
{
    cr_expect_eq(run("EKTM trace %s > @/table 2> @/talk", options), 2, "%s", options);
    cr_expect(contains("talk", words), "%s: %s", options, text_of("talk"));
}

Test(trace, refuses_in_a_sentence)
{
    cr_assert_eq(run("echo f0,d0 > @/none; printf 'f0\\n1\\nx\\n' > @/bad"), 0);
    refused("", "--input is needed");
    refused("--input @/none", "none: has no rows");
    refused("--input @/bad", "bad:3: column 1 (f0): 'x' is not a whole number");
    refused("--input @/none --out @/x", "--preset and --out go together");
    refused("--input @/none --preset tiny", "--preset and --out go together");
    refused("--input -", "standard input: rows are read twice");
}
