/* Rows in memory: from files and back, copied, gathered; and what is no data to learn from. */
#include "harness/data/simulator.h"
#include "harness/data/write.h"
#include "tests/shell.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

TestSuite(dataset, .init = shell_begin, .fini = shell_end);

static struct fault fault;

/* Rows with bags and missing labels, and what they were made with. */
static struct dataset simulated(struct ektm_config *config, size_t rows)
{
    struct ektm_preset preset = *ektm_preset_find("tiny");
    struct simulation s;
    struct simulator simulator;
    struct dataset d;
    preset.bag_fields = 1;
    preset.bag_ids = 3;
    simulation_default(&s, &preset);
    s.click = 0.3;
    s.missing = 0.2;
    cr_assert(simulator_make(&simulator, &s, &fault), "%s", fault.text);
    simulator_sizes(&simulator, config);
    dataset_begin(&d, s.fields, s.dense, s.tasks);
    for (uint64_t n = 0; d.rows < rows; n++)
        cr_assert(simulator_request(&simulator, n, &d, &fault));
    simulator_free(&simulator);
    return d;
}

static const char *path_of(const char *name)
{
    static char path[128];
    char *folder;
    cr_assert_eq(run("printf %%s @ > @/folder"), 0);
    folder = text_of("folder");
    snprintf(path, sizeof path, "%s/%s", folder, name);
    free(folder);
    return path;
}

static void same(const struct dataset *a, const struct dataset *b)
{
    cr_assert(a->rows == b->rows && a->ids == b->ids);
    cr_expect_eq(memcmp(a->id, b->id, a->ids * sizeof *a->id), 0);
    cr_expect_eq(memcmp(a->bag, b->bag, (a->rows * a->fields + 1) * sizeof *a->bag), 0);
    cr_expect_eq(memcmp(a->feature, b->feature, a->rows * a->dense * sizeof *a->feature), 0);
    cr_expect_eq(memcmp(a->label, b->label, a->rows * (a->tasks + 1)), 0);
    cr_expect_eq(memcmp(a->user, b->user, a->rows * sizeof *a->user), 0);
}

Test(dataset, comes_back_from_its_file)
{
    struct ektm_config config = {0};
    struct dataset d = simulated(&config, 9000), read;
    struct output out;
    const char *path = path_of("rows");
    d.feature[4] = 1.0F / 3;
    d.feature[5] = -1e-20F;
    d.feature[7] = -3e30F;
    d.feature[8] = -0.0F;
    d.user[7] = USER_NONE;
    cr_assert(output_open(&out, path, &fault));
    write_names(&out, &d);
    write_rows(&out, &d, d.rows);
    cr_assert(output_close(&out, true, &fault));
    cr_assert(dataset_read(&read, path, &config, LABELS_SEQUENTIAL, &fault), "%s", fault.text);
    same(&d, &read);
    cr_expect(isnan(read.truth[0]), "a file does not know the truth");
    dataset_free(&read);
    dataset_free(&d);
}

Test(dataset, rows_are_gathered_and_copied)
{
    struct ektm_config config = {0};
    struct dataset d = simulated(&config, 300), copy;
    static const uint32_t wanted[] = {200, 3, 3, 0, 299};
    struct batch batch;
    cr_assert(batch_make(&batch, &config, 5, &fault));
    cr_assert(dataset_gather(&d, wanted, 5, &batch.activations, &fault));
    const struct tensor *buffer = batch.activations.memory.buffer;
    const int32_t *ids = buffer[BUFFER_IDS].data, *bags = buffer[BUFFER_BAGS].data;
    dataset_begin(&copy, d.fields, d.dense, d.tasks);
    for (size_t i = 0; i < 5; i++) {
        const size_t row = wanted[i];
        for (size_t f = 0; f < d.fields; f++) {
            const uint32_t *from = &d.bag[row * d.fields + f];
            const int32_t *to = &bags[i * d.fields + f];
            cr_assert_eq((uint32_t)(to[1] - to[0]), from[1] - from[0]);
            cr_expect_eq(memcmp(ids + to[0], d.id + from[0], (from[1] - from[0]) * 4), 0);
        }
        cr_expect_eq(memcmp((float *)buffer[BUFFER_DENSE].data + i * buffer[BUFFER_DENSE].ld,
                            d.feature + row * d.dense, d.dense * 4),
                     0);
        cr_expect_eq(memcmp(batch.activations.label + i * 3, d.label + row * 3, 3), 0);
        cr_expect_eq(batch.activations.user[i], d.user[row]);
        cr_assert(dataset_copy(&copy, &d, row, &fault));
    }
    cr_expect_eq((size_t)bags[5 * d.fields], batch.activations.memory.ids);
    cr_expect_eq(copy.ids, batch.activations.memory.ids);
    cr_expect_eq(memcmp(copy.id, ids, copy.ids * 4), 0);
    cr_expect_eq(memcmp(copy.truth + 6, d.truth + 9, 3 * sizeof(double)), 0);
    batch_free(&batch);
    dataset_free(&copy);
    dataset_free(&d);
}

/* ---- what is no data to learn from ----------------------------------------------------------- */

static const struct {
    const char *text, *words;
    enum label_pattern pattern;
} bad[] = {
    {"", "is empty", LABELS_ANY},
    {"f0,f1,d0,click,conv1\n", "has no rows", LABELS_ANY},
    {"f0,f1,d0,conv1\n1,1,1,1\n", ":1: column 'click' is missing", LABELS_ANY},
    {"f0,f1,d0,click\n1,1,1,1\n", ":1: there is no column of a conversion", LABELS_ANY},
    {"f0,f1,d0,click,conv1\n1,1,1,1,1\n10,1,1,1,1\n", ":3: column 1 (f0): '10' is too large",
     LABELS_ANY},
    {"f0,f1,d0,click,conv1\n1,1,,1,1\n", ":2: column 3 (d0): '' is not a number", LABELS_ANY},
    {"f0,f1,d0,click,conv1\n1,1,nan,1,1\n", ":2: column 3 (d0): 'nan' is not finite", LABELS_ANY},
    {"f0,f1,d0,click,conv1\n1,1,1,1,1\n1,1,1,0,1\n",
     ":3: column 5 (conv1): '1' without click; in any pattern", LABELS_PARALLEL},
    {"f0,f1,d0,click,conv1\n1,1,1,0,1\n", ":2: column 5 (conv1): '1' without click",
     LABELS_SEQUENTIAL},
    {"f0,f1,d0,click,conv1,conv2\n1,1,1,1,0,1\n",
     ":2: column 6 (conv2): '1' without conv1; in the sequential pattern", LABELS_SEQUENTIAL},
    {"f0,f1,d0,conv3,click,conv1,conv2\n1,1,1,1,1,0,\n", ":2: column 4 (conv3): '1' without conv1",
     LABELS_SEQUENTIAL},
    {"f0,f1,d0,click,conv1,user\n1,1,1,1,1,-1\n", ":2: column 6 (user): '-1' is no user",
     LABELS_ANY},
    {"f0,f1,d0,click,conv1,user\n1,1,1,1,1,18446744073709551615\n", "is no user", LABELS_ANY},
    {"f0,f1,d0,click,conv1,user\n1,1,1,1,1,99999999999999999999\n", "is no user", LABELS_ANY},
    {"f0,f1,d0,click,conv1,user\n1,1,1,1,1,me\n", ":2: column 6 (user): 'me' is no user",
     LABELS_ANY},
    {"f0,f1,d0,click,conv1,user,user\n", ":1: column 7: 'user' is column 6, too", LABELS_ANY},
};

static const char *const good[] = {
    "f0,f1,d0,click,conv1,conv2,conv3\n1,1,1,1,1,1,1\n1,1,1,0,0,0,0\n1,1,1,1,,1,1\n1,1,1,,1,,\n",
    "f0,f1,d0,user,conv1,click\n1,1,1,18446744073709551614,1,1\n1,1,1,,,1\n",
};

static bool reads(const char *text, enum label_pattern pattern)
{
    const struct ektm_config config = {.fields = 2, .rows = {10, 10}, .dense = 1, .tasks = 3};
    struct dataset d;
    const char *path = path_of("data");
    FILE *file = fopen(path, "w");
    cr_assert(file && fputs(text, file) >= 0 && fclose(file) == 0);
    bool fine = dataset_read(&d, path, &config, pattern, &fault);
    dataset_free(&d);
    return fine;
}

Test(dataset, inconsistent_ones_are_refused_with_file_and_line)
{
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_expect_not(reads(bad[i].text, bad[i].pattern), "accepted: %s", bad[i].text);
        cr_expect(fault.status == STATUS_CALLER && strstr(fault.text, bad[i].words) &&
                      strncmp(fault.text, path_of("data"), strlen(path_of("data"))) == 0,
                  "\"%s\" gives \"%s\", not \"%s\"", bad[i].text, fault.text, bad[i].words);
    }
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        cr_expect(reads(good[i], LABELS_SEQUENTIAL), "%s", fault.text);
    cr_expect(reads("f0,f1,d0,click,conv1,conv2\n1,1,1,1,0,1\n", LABELS_PARALLEL), "%s",
              fault.text);
}

/* ---- the command ----------------------------------------------------------------------------- */

Test(dataset, generate_writes_what_was_asked_for)
{
    cr_assert_eq(run("EKTM generate --preset tiny --train 1000 --validation 20 --test 300 --truth "
                     "--seed 5 --out @/one 2> @/talk"),
                 0, "%s", text_of("talk"));
    cr_assert_eq(run("EKTM generate --preset tiny --train 1000 --validation 0 --test 0 --seed 5 "
                     "--out @/two 2> @/talk"),
                 0, "%s", text_of("talk"));
    cr_expect_eq(run("cmp @/one/train.csv @/two/train.csv"), 0);
    cr_expect_eq(run("test -e @/two/test.csv"), 1);
    cr_expect_eq(lines_of("one/train.csv"), 1001);
    cr_expect_eq(lines_of("one/validation.csv"), 21);
    cr_expect_eq(lines_of("one/test.csv"), 301);
    cr_expect_eq(lines_of("one/test.truth.csv"), 301);
    cr_expect(contains("one/test.truth.csv", "pctr,pcvr1,pcvr2,pctcvr1,pctcvr2\n"));
    cr_assert_eq(run("EKTM init --preset tiny --out @/m 2> @/talk"), 0);
    cr_expect_eq(run("EKTM predict --model @/m --input @/one/test.csv > @/p 2> @/talk"), 0, "%s",
                 text_of("talk"));
    cr_expect_eq(lines_of("p"), 301);
}

static void refused(const char *options, const char *words)
{
    cr_expect_eq(run("EKTM generate --preset tiny --train 10 %s 2> @/talk", options), 2, "%s",
                 options);
    cr_expect(contains("talk", words), "%s: %s", options, text_of("talk"));
}

Test(dataset, generate_refuses_in_a_sentence)
{
    refused("", "--out is needed");
    refused("--out @/x --pattern serial", "--pattern: 'serial' is not known");
    refused("--out @/x --conversions 1", "--conversions: '1' is not 2 percentages");
    refused("--out @/x --conversions 1,0.5,0.2", "is not 2 percentages");
    refused("--out @/x --conversions 1,2", "conversion 2 with a rate of 0.02");
    refused("--out @/x --clicks 0.1", "conversion 1 with a rate of 0.005");
    refused("--out @/x --similarity 1.5", "--similarity: '1.5' is not a number from 0 to 1");
    refused("--out @/x --users 101", "101 users; 1 to 100");
    refused("--out @/x --tasks 0", "--tasks: '0' is not a whole number");
    refused("--out /proc/x", "--out: /proc/x: cannot be created");
}
