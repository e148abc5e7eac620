/* `ektm convert` on small files in the form of the published data sets (tests/fixtures), against
 * rows worked out by hand. */
#include "harness/data/source.h"
#include "harness/random.h"
#include "tests/shell.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(convert, .init = shell_begin, .fini = shell_end);

#define CCP                                                                                        \
    "--from aliccp --input tests/fixtures/aliccp/sample_skeleton.csv "                             \
    "--common tests/fixtures/aliccp/common_features.csv "
#define NAMED "--from aliexpress --input tests/fixtures/aliexpress/named.csv "
#define PUBLISHED                                                                                  \
    "--from aliexpress --input tests/fixtures/aliexpress/nl_item.csv "                             \
    "--users tests/fixtures/aliexpress/nl_user.csv "
#define KUAIRAND "--from kuairand --input tests/fixtures/kuairand/log_standard.csv "
#define SIDES                                                                                      \
    "--users tests/fixtures/kuairand/user_features.csv "                                           \
    "--items tests/fixtures/kuairand/video_features_basic.csv "

static void converts(const char *options)
{
    cr_assert_eq(run("EKTM convert %s --learn @/v --out @/rows 2> @/talk", options), 0, "%s: %s",
                 options, text_of("talk"));
}

static void expect_lines(const char *name, const char *const *line, size_t count)
{
    char *text = text_of(name), *rest = text;
    for (size_t i = 0; i < count; i++) {
        const char *found = strsep(&rest, "\n");
        cr_expect(found && strcmp(found, line[i]) == 0, "%s:%zu: %s, not %s", name, i + 1,
                  found ? found : "nothing", line[i]);
    }
    cr_expect(!rest || *rest == '\0', "%s: more than %zu lines", name, count);
    free(text);
}

/* ---- what comes out -------------------------------------------------------------------------- */

/* Sample 4 has a conversion and no click; feature 999 is none that is known; sample 5 has only
 * common features. d0 = ln(1 + 1.09861 + 0.69315). */
Test(convert, aliccp_joins_common_features)
{
    static const char *const rows[] = {
        "f0,f1,f2,f3,f4,f5,f6,f7,f8,f9,f10,f11,f12,f13,f14,f15,f16,f17,f18,f19,f20,f21,f22,"
        "d0,d1,d2,d3,d4,d5,d6,d7,click,conv1,user",
        "1,1,1,1,,,,,,2|1,1,,,1,1,,,,,,,,1,1.02667224,0.526590705,0,0,0,0,0,0,1,0,31319",
        "2,,,,,,,,1,1,,,,2,1,,,,1,,,,1,1.16228175,0,0,0,1.37230694,0,0,0,0,0,4711",
        "1,1,1,1,,,,,,2|1,1,,,1,,,,1,,,,,2,1.02667224,0.526590705,0,0,0,0,0,0,1,1,31319",
        "2,,,,,,,,1,1,,,,,,,,,,,,,,1.16228175,0,0,0,0,0,0,0,0,0,4711"};
    converts(CCP);
    expect_lines("rows", rows, 5);
    cr_expect(contains("talk", "dropped: 1 rows"), "%s", text_of("talk"));
    cr_expect(contains("v", "109_14,4449214,1,4\n109_14,4449213,2,2\n"), "%s", text_of("v"));
    converts(CCP "--bag 1");
    cr_expect(contains("rows", "1,1,1,1,,,,,,1,1,,,1,1"));
}

Test(convert, aliexpress_with_names)
{
    static const char *const rows[] = {"f0,f1,d0,d1,d2,click,conv1,user",
                                       "1,2,0.25,-1.5,0.001,0,0,1001", "1,1,0.5,0,0,1,0,1001",
                                       "2,1,1,2,3,1,1,1002", "3,1,0,0,0,0,0,1003"};
    converts(NAMED);
    expect_lines("rows", rows, 5);
    converts(NAMED "--min-count 2");
    cr_expect(contains("rows", "\n0,1,1,2,3,1,1,1002\n0,1,0,0,0,0,0,1003\n"));
    cr_expect(contains("v", "categorical_1,,0,2\ncategorical_1,5,1,2\ncategorical_2,,0,1\n"));
}

Test(convert, aliexpress_as_published)
{
    converts(PUBLISHED "--categorical I2,U1,U5");
    cr_expect_eq(lines_of("rows"), 5);
    cr_expect(contains("rows", ",d75,click,conv1,user\n1,1,1,0.5,0.75,1,1.5,"));
    cr_expect(contains("rows", ",7.5,7.75,8,0.125,0.375,0.5,"), "user's numbers, then the item's");
    cr_expect(contains("rows", ",5.875,0,0,") && contains("rows", ",6.875,1,0,") &&
              contains("rows", ",7.875,1,1,"));
    cr_expect(contains("v", "field,value,id,count\nU1,,0,0\nU1,101,1,2\nU1,201,2,2\nU5,"));
}

/* Row 3 is a like without a click; user 3 and video 77 have no line of their own. */
Test(convert, kuairand_joins_users_and_videos)
{
    static const char *const rows[] = {"f0,f1,f2,f3,d0,click,conv1,conv2,conv3,conv4,conv5,user",
                                       "1,2,1,2,9.85224724,1,1,0,0,0,0,0",
                                       "1,1,1,3,8.98732185,0,0,0,0,0,0,0",
                                       "2,3,2,1,0,1,0,1,1,0,0,3"};
    converts(KUAIRAND);
    expect_lines("rows", rows, 4);
    converts(KUAIRAND SIDES);
    cr_expect(contains("rows", ",1,2,1,1,1,1|3,9.85224724,1.79175949,1.60943794,0,4.68213129,1,1,"),
              "%s", text_of("rows"));
    cr_expect(
        contains("rows", "\n2,3,2,1,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,0,0,0,0,0,1,0,1,1,0,0,3"));
    cr_expect(contains("v", "follow_user_num_range,\"(0,10]\",1,2\n"));
    cr_expect(contains("v", "tag,,0,0\ntag,12,1,1\ntag,39,2,1\ntag,65,3,1\n"));
}

/* Test data with the vocabulary of training data: the same ids, and 0 for what is new. */
Test(convert, a_known_vocabulary_is_used)
{
    converts(CCP);
    cr_assert_eq(run("EKTM convert " CCP "--vocabulary @/v --out @/again 2> @/talk"), 0, "%s",
                 text_of("talk"));
    cr_expect_eq(run("cmp @/rows @/again"), 0);
    cr_assert_eq(run("grep -v '^301,9351666' @/v > @/less"), 0);
    cr_assert_eq(run("EKTM convert " CCP "--vocabulary @/less --out @/other 2> @/talk"), 0);
    cr_expect_eq(run("sed 's/,,,,,2,1.02/,,,,,0,1.02/' @/rows | cmp - @/other"), 0);
    cr_expect_eq(run("EKTM convert " NAMED "--vocabulary @/v --out @/x 2> @/talk"), 2);
    cr_expect(contains("talk", "--vocabulary: field 0 is 101 there, categorical_1 in the data"));
}

/* What was converted is what is read. */
Test(convert, rows_are_rows)
{
    converts(NAMED);
    cr_assert_eq(run("{ echo pctr,pcvr1,pctcvr1; yes 0.5,0.5,0.25 | head -n 4; } > @/p; "
                     "EKTM evaluate --input @/rows --predictions @/p > @/out 2> @/talk"),
                 0, "%s", text_of("talk"));
}

/* ---- what is refused ------------------------------------------------------------------------- */

static void refused(const char *options, const char *words)
{
    cr_expect_eq(run("EKTM convert --learn @/v --out @/rows %s 2> @/talk", options), 2, "%s",
                 options);
    cr_expect(contains("talk", words), "%s: %s, not %s", options, text_of("talk"), words);
}

/* The fixture, changed by a sed command, is refused. */
static void damaged(const char *fixture, const char *change, const char *options, const char *words)
{
    cr_assert_eq(run("sed '%s' tests/fixtures/%s > @/damaged", change, fixture), 0);
    refused(options, words);
}

Test(convert, refuses_in_a_sentence)
{
    refused("--input x", "--from is needed: aliccp, aliexpress or kuairand");
    refused("--from criteo", "kuairand, not criteo");
    refused("--from aliccp", "--input and --out are needed: sample_skeleton");
    refused("--from aliccp --input tests/fixtures/aliccp/sample_skeleton.csv",
            "--common is needed");
    refused(CCP "--vocabulary @/v", "one of --learn and --vocabulary");
    refused(PUBLISHED, "--categorical is needed with --users");
    refused(PUBLISHED "--categorical U1,I48", "'U1,I48' names what is neither");
    refused(PUBLISHED "--categorical U1,U1", "or names one twice");
    refused("--from kuairand --input /nonexistent", "/nonexistent: cannot be opened");
    refused("--from kuairand --input tests/fixtures/aliexpress/named.csv",
            "named.csv:1: column 'user_id' is missing");
}

Test(convert, damaged_data_are_refused_with_file_and_line)
{
    static const char ccp[] = "--from aliccp --common tests/fixtures/aliccp/common_features.csv "
                              "--input @/damaged";
    static const char common[] = "--from aliccp --common @/damaged "
                                 "--input tests/fixtures/aliccp/sample_skeleton.csv";
    static const char named[] = "--from aliexpress --input @/damaged";
    static const char log[] = "--from kuairand --input @/damaged";
    const char *skeleton_file = "aliccp/sample_skeleton.csv";
    damaged(skeleton_file, "2s/84d/84e/", ccp,
            "damaged:2: column 4: '84eceed2e3a667f8' is no index");
    damaged(skeleton_file, "3s/^3,1,1/3,1,2/", ccp, "damaged:3: column 3: '2' is no label");
    damaged(skeleton_file, "1s/,3,/,4,/", ccp, "damaged:1: column 5: '4' is not the number");
    damaged(skeleton_file, "1s/\\x03/\\x02/", ccp, "damaged:1: column 6: '205?9?1.0");
    damaged(skeleton_file, "1s/1\\.0/nan/", ccp, "is no FIELD\\x02WORD\\x03NUMBER");
    damaged(skeleton_file, "2s/,/;/", ccp, "damaged:2: has 5 columns; there should be 6");
    damaged("aliccp/common_features.csv", "2s/^84dceed2e3a667f8/bacff91692951881/", common,
            "damaged:2: column 1: 'bacff91692951881' has features in an earlier line");
    damaged("aliexpress/named.csv", "3s/0.5/inf/", named,
            "damaged:3: column 4 (numerical_1): 'inf' is not a finite number");
    damaged("aliexpress/named.csv", "1s/click/clicks/", named, "damaged:1: column 'click' is");
    damaged("aliexpress/named.csv", "1s/numerical_2/number_2/", named,
            "damaged:1: column 5: 'number_2' is unknown");
    damaged("aliexpress/named.csv", "2,$d", named, "damaged: has no rows");
    damaged("kuairand/log_standard.csv", "4s/,2359,/,2400,/", log,
            "damaged:4: column 4 (hourmin): '2400' is no time");
    damaged("kuairand/log_standard.csv", "2s/,1,0/,yes,0/", log,
            "damaged:2: column 6 (is_click): 'yes' is no label");
    damaged("kuairand/log_standard.csv", "2s/19000/\"19000/", log,
            "damaged:2: has a quotation mark that does not end");
}

/* ---- random damage --------------------------------------------------------------------------- */

/* The file with some bytes changed, under a name of the test's own. */
static void write_damaged(const char *from, const char *to, struct random *r)
{
    char text[8192];
    FILE *file = fopen(from, "r");
    cr_assert(file, "no %s", from);
    const size_t bytes = fread(text, 1, sizeof text, file);
    fclose(file);
    for (uint64_t flips = random_below(r, 4); flips > 0; flips--)
        text[random_below(r, bytes)] ^= (char)(1 << random_below(r, 8));
    remove(to);
    file = fopen(to, "w");
    cr_assert(file && fwrite(text, 1, bytes - random_below(r, 3), file) && fclose(file) == 0);
}

/* Reads all of it; whatever is read is in its place. False: it was refused, with a name of a file.
 */
static bool survives(const struct source_format *format, const struct source_files *files,
                     const char *folder)
{
    struct source source;
    struct dataset row;
    struct fault fault;
    bool end = false;
    if (!source_open(&source, format, files, NULL, &fault)) {
        cr_assert(strstr(fault.text, folder), "%s", fault.text);
        return false;
    }
    dataset_begin(&row, source.fields, source.dense, source.tasks);
    bool fine = true;
    while (fine && !end) {
        dataset_clear(&row);
        fine = format->next(&source, &row, &end, &fault);
        for (size_t f = 0; fine && !end && f < row.fields; f++)
            for (uint32_t i = row.bag[f]; i < row.bag[f + 1]; i++)
                cr_assert((size_t)row.id[i] >= 1 &&
                          (size_t)row.id[i] <= source.vocabulary.field[f].words);
    }
    cr_assert(fine || strstr(fault.text, folder), "%s", fault.text);
    dataset_free(&row);
    source_close(&source);
    return fine;
}

Test(convert, random_damage_never_crashes)
{
    static const struct {
        const struct source_format *format;
        const char *input, *common, *users, *items;
    } forms[] = {
        {&aliccp_format, "aliccp/sample_skeleton.csv", "aliccp/common_features.csv", NULL, NULL},
        {&aliexpress_format, "aliexpress/named.csv", NULL, NULL, NULL},
        {&aliexpress_format, "aliexpress/nl_item.csv", NULL, "aliexpress/nl_user.csv", NULL},
        {&kuairand_format, "kuairand/log_standard.csv", NULL, "kuairand/user_features.csv",
         "kuairand/video_features_basic.csv"},
    };
    enum { ROUNDS = 1500 };
    char folder[] = "/tmp/ektm-damage-XXXXXX", path[4][64];
    size_t refused = 0;
    cr_assert(mkdtemp(folder));
    for (uint64_t round = 0; round < ROUNDS; round++) {
        const size_t form = round % 4;
        struct random r = random_stream(11, round);
        const char *from[] = {forms[form].input, forms[form].common, forms[form].users,
                              forms[form].items};
        for (size_t i = 0; i < 4; i++) {
            char fixture[96];
            snprintf(path[i], sizeof path[i], "%s/%zu", folder, i);
            snprintf(fixture, sizeof fixture, "tests/fixtures/%s", from[i] ? from[i] : "");
            if (from[i])
                write_damaged(fixture, path[i], &r);
        }
        const struct source_files files = {.input = path[0],
                                           .common = from[1] ? path[1] : NULL,
                                           .users = from[2] ? path[2] : NULL,
                                           .items = from[3] ? path[3] : NULL,
                                           .categorical = from[2] ? "U1,U5,I2" : NULL,
                                           .bag = 3};
        refused += !survives(forms[form].format, &files, folder);
    }
    cr_expect(refused > ROUNDS / 10 && refused < ROUNDS, "%zu", refused);
    run("rm -r %s", folder);
}
