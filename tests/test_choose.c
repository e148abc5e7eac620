/* `ektm choose` from outside, on made-up searches: the hand-computed decision in each form, and
 * what it refuses or leaves out. */
#include "harness/fault.h"
#include "harness/results/file.h"
#include "tests/shell.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- made-up results ------------------------------------------------------------------------- */

struct found {
    const char *backend, *formats, *slo; /* NULL: avx2, f32, p99=10ms */
    double median, low, high;            /* query/s                   */
    const char *column, *text;           /* one that is other than usual; NULL: none */
    double tau, joules;                  /* 0: not recorded           */
};

static json_t *some_value(enum column_type type)
{
    switch (type) {
    case TYPE_TEXT:
        return json_string("");
    case TYPE_COUNT:
    case TYPE_NUMBER:
        return json_integer(1);
    case TYPE_INTERVAL:
        return json_string(UNAVAILABLE);
    default:
        return json_object();
    }
}

/* A line of kind load with every column that it must have. */
static json_t *plain_search(void)
{
    static const char *const usual[][2] = {{"preset", "aliexpress"},
                                           {"ids", "zipf:1.05"},
                                           {"candidates", "fixed 250"},
                                           {"scenario", "server"},
                                           {"layout", "all"},
                                           {"antagonist", "none"},
                                           {"finding", "highest"},
                                           {"pages", "thp"},
                                           {"placement", "compact"},
                                           {"verdict", "valid"},
                                           {"name", "model_f32_avx2_avx2"},
                                           {"isa", "avx2"}};
    json_t *record = record_new(KIND_LOAD, "2026-11-25T10:00:00Z-1");
    for (const struct column *c = record_columns; c->name; c++)
        if ((c->always & (1u << KIND_LOAD)) && !json_object_get(record, c->name))
            json_object_set_new(record, c->name, some_value(c->type));
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        record_text(record, usual[i][0], usual[i][1]);
    record_number(record, "candidates_mean", 250);
    record_number(record, "batching", 0);
    return record;
}

static json_t *search_of(const struct found *f)
{
    json_t *record = plain_search();
    const char *formats = f->formats ? f->formats : "f32";
    record_text(record, "backend", f->backend ? f->backend : "avx2");
    record_text(record, "formats", formats);
    record_text(record, "dtype", strchr(formats, '=') ? "mixed" : formats);
    record_text(record, "slo", f->slo ? f->slo : "p99=10ms");
    record_interval(record, "highest", &(struct estimate){f->median, f->low, f->high});
    record_number(record, "joules", f->joules > 0 ? f->joules : NAN);
    if (f->tau > 0)
        record_numbers(record, "tau", (const char *[]){"pctr", "pcvr1"}, (double[]){0.999, f->tau},
                       2);
    if (f->column)
        record_text(record, f->column, f->text);
    return record;
}

static json_t *machine_line(void)
{
    struct fault fault;
    json_t *records =
        results_read("results/amd-epyc-2c/2026-11-24-7bb73a5de4ab.jsonl", NULL, &fault);
    cr_assert(records, "%s", fault.text);
    json_t *machine = json_copy(json_array_get(records, 0));
    json_decref(records);
    return machine;
}

/* Appends the machine's line and its searches to FOLDER/r.jsonl in the test's folder. */
static void write_searches(const char *machine, const struct found *found, size_t count)
{
    char name[64];
    struct results results;
    struct fault fault;
    snprintf(name, sizeof name, "%s/r.jsonl", machine);
    cr_assert(results_open(&results, shell_path(name), &fault), "%s", fault.text);
    cr_assert(results_write(&results, machine_line(), &fault), "%s", fault.text);
    for (size_t i = 0; i < count; i++)
        cr_assert(results_write(&results, search_of(&found[i]), &fault), "%s", fault.text);
    results_close(&results);
}

static void write_search(const char *machine, struct found found)
{
    write_searches(machine, &found, 1);
}

static void write_text(const char *name, const char *text)
{
    FILE *out = fopen(shell_path(name), "w");
    cr_assert(out && fputs(text, out) >= 0 && fclose(out) == 0);
}

/* The example of tests/test_choose_cost.c: a, b and c, and their prices. */
static void write_three(void)
{
    shell_begin();
    write_text("prices.csv", "machine,price_per_hour,currency,note\n"
                             "a,0.40,EUR,\"list, 2026-11-25\"\n"
                             "b,0.25,EUR,\"list, 2026-11-25\"\n"
                             "c,1.00,EUR,\"list, 2026-11-25\"\n");
    write_searches("a",
                   (struct found[]){{.median = 1000, .low = 950, .high = 1040, .joules = 7.2},
                                    {.backend = "compiler", .median = 400, .low = 400, .high = 400},
                                    {.slo = "p99=5ms", .median = 500, .low = 490, .high = 510}},
                   3);
    write_searches("b",
                   (struct found[]){{.median = 640, .low = 600, .high = 660},
                                    {.slo = "p99=5ms", .median = 400, .low = 395, .high = 405}},
                   2);
    write_search("c", (struct found){.median = 2000, .low = 1900, .high = 2100});
}

TestSuite(choose, .init = write_three, .fini = shell_end);

#define ASK "EKTM choose --prices @/prices.csv --slo p99=10ms --rate 10000 --headroom 30 "

/* ---- what it decides ------------------------------------------------------------------------- */

static void expect_interval(const json_t *object, const char *member, double median, double low,
                            double high)
{
    const json_t *e = json_object_get(object, member);
    cr_expect_float_eq(json_number_value(json_object_get(e, "median")), median, 1e-9, "%s", member);
    cr_expect_float_eq(json_number_value(json_object_get(e, "lo")), low, 1e-9, "%s", member);
    cr_expect_float_eq(json_number_value(json_object_get(e, "hi")), high, 1e-9, "%s", member);
}

static json_t *json_of(const char *name)
{
    json_error_t error;
    char *text = text_of(name);
    json_t *object = json_loads(text, 0, &error);
    cr_assert(object, "%d: %s", error.line, error.text);
    free(text);
    return object;
}

static const char *text_at(const json_t *array, size_t at, const char *member)
{
    const char *text = json_string_value(json_object_get(json_array_get(array, at), member));
    return text ? text : "";
}

/* The comments of tests/test_choose_cost.c compute these, but for the objective: at p99=5ms a needs
 * 13000 / 500 = 26 machines at 0.40, 10.40 an hour, and b 13000 / 400 = 32.5: 33 at 0.25, 8.25. */
Test(choose, agrees_with_a_hand_to_the_cent)
{
    cr_assert_eq(run(ASK "--json @/a @/b @/c >@/out"), STATUS_DONE);
    json_t *all = json_of("out"), *machines = json_object_get(all, "machines");
    json_t *expected = json_pack("[[s, s], [s]]", "a", "b", "c");
    cr_expect(json_equal(json_object_get(all, "ranking"), expected));
    const json_t *a = json_array_get(machines, 0), *b = json_array_get(machines, 1);
    expect_interval(a, "machines", 13, 13, 14);
    expect_interval(a, "cost_per_hour", 5.20, 5.20, 5.60);
    expect_interval(b, "machines", 21, 20, 22);
    expect_interval(b, "cost_per_hour", 5.25, 5.00, 5.50);
    expect_interval(b, "cost_per_million_queries", 5.25 / 36, 5.00 / 36, 5.50 / 36);
    expect_interval(b, "cost_per_million_candidates", 5.25 / 9000, 5.00 / 9000, 5.50 / 9000);
    expect_interval(json_array_get(machines, 2), "cost_per_hour", 7, 7, 7);
    cr_expect_float_eq(json_number_value(json_object_get(a, "kwh_per_million_queries")), 2, 1e-9);
    cr_expect_str_eq(text_at(machines, 1, "kwh_per_million_queries"), UNAVAILABLE);

    const json_t *sensitivity = json_object_get(all, "sensitivity");
    const json_t *price = json_object_get(sensitivity, "price");
    const json_t *above = json_object_get(json_object_get(sensitivity, "rate"), "above");
    cr_expect_float_eq(json_number_value(json_object_get(price, "equal")), 5.20 / 21, 1e-12);
    cr_expect_float_eq(json_number_value(json_object_get(above, "from")), 10000, 1e-6);
    const json_t *slo = json_object_get(sensitivity, "slo");
    cr_assert_eq(json_array_size(slo), 1);
    cr_expect_str_eq(text_at(slo, 0, "slo"), "p99=5ms");
    cr_expect_str_eq(text_at(slo, 0, "first"), "b");
    expect_interval(json_array_get(slo, 0), "cost_per_hour", 8.25, 8.25, 8.25);
    cr_expect(json_is_true(json_object_get(json_array_get(slo, 0), "second_first")));
    json_decref(expected);
    json_decref(all);
}

Test(choose, says_so_in_words)
{
    cr_assert_eq(run(ASK "@/a @/b @/c >@/out"), STATUS_DONE);
    static const char *const says[] = {
        "aliexpress, ids zipf:1.05, candidates fixed 250 (250 a query)\n",
        "p99=10ms at 10000 queries/s and 30 % headroom; prices in EUR, of ",
        "\n1=    a        avx2 f32 all 1x1  1000 (950-1040)   13 (13-14)  5.20 (5.20-5.60)  ",
        "\n3     c        avx2 f32 all 1x1  2000 (1900-2100)  7           7.00              ",
        "Take 13 (13-14) x a, avx2 f32 all 1x1, for 5.20 (5.20-5.60) EUR an hour\n",
        "No difference shown between it and b\n",
        "Price: at 0.2476 EUR an hour (-1.0 % of 0.25) b costs as much as a; below 0.2364 (-5.5 %)",
        "Rate: b costs least above 8462 and up to 9846 queries/s, and above 10000 and up to 11323 "
        "queries/s; ",
        "Objective: at p99=5ms b becomes first, for 8.25 EUR an hour\n",
        "a: one search alone"};
    char *text = text_of("out");
    for (size_t i = 0; i < sizeof says / sizeof *says; i++)
        cr_expect(strstr(text, says[i]) != NULL, "%s: %s", says[i], text);
    cr_expect_null(strstr(text, "Left out"));
    cr_expect_null(strstr(text, "compiler"));
    free(text);
    cr_assert_eq(run(ASK "--full @/a @/b @/c >@/out"), STATUS_DONE);
    cr_expect(contains("out", "a        compiler avx2 f32 all 1x1  400               no\n"));
}

Test(choose, says_so_in_markdown)
{
    cr_assert_eq(run(ASK "--markdown @/a @/b @/c >@/out"), STATUS_DONE);
    cr_expect(contains("out", "| rank | machine | configuration | queries/s of one |"));
    cr_expect(contains("out", "\n|---|---|---|---|---|---|---|---|---|\n"));
    cr_expect(contains("out", "\n| 3 | c | avx2 f32 all 1x1 | 2000 (1900-2100) | 7 | 7.00 |"));
    cr_expect(contains("out", "\n- Objective: at p99=5ms b becomes first"));
}

Test(choose, one_objective_may_be_written_in_many_ways)
{
    cr_assert_eq(
        run("EKTM choose --prices @/prices.csv --slo p99.0=0.005s --rate 10000 --headroom 30%% @/a "
            ">@/out"),
        STATUS_DONE);
    cr_expect(contains("out", "p99=5ms at 10000 queries/s and 30 % headroom"));
    cr_expect(contains("out", "Take 26 (26-27) x a, "));
    cr_expect(contains("out", "It is the only machine that can be ranked"));
}

Test(choose, folders_are_searched_and_names_may_be_given)
{
    write_text("prices.csv", "machine,price_per_hour,currency,note\nmine,1,USD,2026-11-25\n"
                             "a,1,USD,2026-11-25\n");
    write_text("a/notes.txt", "no results");
    cr_assert_eq(run("mkdir -p @/all && mv @/a @/b @/c @/all && " ASK
                     "@/all/a @/all/a/r.jsonl mine=@/all/c/r.jsonl @/all --json >@/out"),
                 STATUS_DONE);
    json_t *all = json_of("out"), *machines = json_object_get(all, "machines");
    cr_expect_eq(json_array_size(machines), 2);
    cr_expect_str_eq(text_at(machines, 0, "machine"), "mine");
    cr_expect_str_eq(text_at(machines, 1, "machine"), "a");
    json_decref(all);
    cr_expect(contains("out", "b: has no price in "));
}

Test(choose, runs_of_one_configuration_count_together)
{
    write_search("a", (struct found){.median = 900, .low = 890, .high = 910});
    cr_assert_eq(run(ASK "--json @/a >@/out"), STATUS_DONE);
    json_t *all = json_of("out");
    const json_t *machines = json_object_get(all, "machines");
    /* 13000 / 950 = 13.7: 14; / 1040 = 12.5: 13; / 890 = 14.6: 15 */
    expect_interval(json_array_get(machines, 0), "machines", 14, 13, 15);
    json_decref(all);
    cr_expect_not(contains("out", "one search alone"));
}

Test(choose, formats_must_keep_to_the_quality_asked_for)
{
    write_searches(
        "a",
        (struct found[]){
            {.formats = "i8", .median = 3000, .low = 3000, .high = 3000, .tau = 0.97},
            {.formats = "embedding=i8,bottom.0=bf16,tower=bf16",
             .median = 2500,
             .low = 2500,
             .high = 2500},
            {.formats = "bf16", .median = 2000, .low = 2000, .high = 2000, .tau = 0.995}},
        3);
    cr_assert_eq(run(ASK "@/a >@/out"), STATUS_DONE);
    cr_expect(contains("out", "Take 5 x a, avx2 i8 all 1x1,"));
    cr_assert_eq(run(ASK "--min-quality tau=0.99 --full @/a >@/out"), STATUS_DONE);
    cr_expect(contains("out", "Take 7 x a, avx2 bf16 all 1x1,"));
    cr_expect(contains("out", "no: its tau of pcvr1 is 0.97; at least 0.99 is asked for\n"));
    cr_expect(contains("out", "avx2 bf16,embedding=i8 all 1x1  2500"));
    cr_expect(contains("out", "no: its tau was not recorded\n"));
    cr_assert_eq(run(ASK "--min-quality tau=0.999,off=0.03 @/a >@/out"), STATUS_DONE);
    cr_expect(contains("out", "Take 13 (13-14) x a, avx2 f32 all 1x1,"));
}

Test(choose, neighbours_count_when_asked_for)
{
    write_search(
        "a",
        (struct found){
            .median = 650, .low = 650, .high = 650, .column = "antagonist", .text = "stream=2"});
    cr_assert_eq(run(ASK "@/a >@/out"), STATUS_DONE);
    cr_expect(contains("out", "Take 13 (13-14) x a,"));
    cr_assert_eq(run(ASK "--antagonist @/a @/b >@/out"), STATUS_DONE);
    cr_expect(contains("out", "Take 20 x a, avx2 f32 all 1x1 beside stream=2,"));
    cr_expect(
        contains("out", "b: has no search at p99=10ms beside an antagonist that can be used"));
}

/* ---- what it leaves out ---------------------------------------------------------------------- */

Test(choose, what_cannot_be_ranked_is_told)
{
    write_search(
        "invalid",
        (struct found){
            .median = 9000, .low = 9000, .high = 9000, .column = "verdict", .text = "invalid"});
    write_search("slow", (struct found){.median = NAN, .low = NAN, .high = NAN});
    write_search("other", (struct found){.slo = "p95=1ms", .median = 1, .low = 1, .high = 1});
    write_searches("idle", NULL, 0);
    write_search("rough", (struct found){.formats = "i8", .median = 5, .low = 5, .high = 5});
    write_search("dear", (struct found){.median = 5000, .low = 5000, .high = 5000});
    write_text("prices.csv", "machine,price_per_hour,currency,note\na,0.40,EUR,list\n"
                             "gone,1,USD,2026-11-25\n");
    cr_assert_eq(run(ASK "--min-quality tau=0.9 @/a @/invalid @/slow @/other @/idle @/rough @/dear "
                         ">@/out"),
                 STATUS_DONE);
    static const char *const says[] = {
        "invalid: ",
        "/r.jsonl:2 is invalid: no reason is told\n",
        "slow: ",
        "/r.jsonl:2: at no rate did model_f32_avx2_avx2 hold p99=10ms\n",
        "other: has no search at p99=10ms without an antagonist that can be used; it has some at "
        "p95=1ms\n",
        "idle: has no search for a highest rate; `ektm load --slo p99=10ms` makes one\n",
        "rough: none of its configurations passes --min-quality; of 'avx2 i8 all 1x1' its tau was "
        "not recorded\n",
        "dear: has no price in ",
        "gone: has a price (",
        "prices.csv:3) and no results\n",
        "a: the note of its price (",
        "prices.csv:2) names no day, as 2026-11-25\n"};
    char *text = text_of("out");
    for (size_t i = 0; i < sizeof says / sizeof *says; i++)
        cr_expect(strstr(text, says[i]) != NULL, "%s: %s", says[i], text);
    free(text);
}

Test(choose, doubts_are_told)
{
    write_search("d",
                 (struct found){
                     .median = 1000, .low = 0, .high = 1000, .column = "verdict", .text = "noisy"});
    write_search(
        "e",
        (struct found){.median = 1000, .low = 999, .high = 1001, .column = "holds", .text = "no"});
    write_text("prices.csv", "machine,price_per_hour,currency,note\nd,1,EUR,2026-11-25\n"
                             "e,1,EUR,2026-11-25\n");
    cr_assert_eq(run(ASK "@/d @/e >@/out"), STATUS_DONE);
    cr_expect(contains("out", "avx2 f32 all 1x1 ~  "));
    cr_expect(contains("out", "13 (13-unbounded)"));
    cr_expect(contains("out", "d: its search was noisy: no reason is told\n"));
    cr_expect(
        contains("out", "d: the least rate in its interval is 0, so no number of machines is"));
    cr_expect(contains("out", "e: run once more at the rate that its search found ("));
    cr_assert_eq(run(ASK "--json @/d @/e >@/out"), STATUS_DONE);
    json_t *all = json_of("out");
    cr_expect(json_is_null(json_object_get(
        json_object_get(json_array_get(json_object_get(all, "machines"), 0), "machines"), "hi")));
    json_decref(all);
}

/* ---- what it refuses ------------------------------------------------------------------------- */

Test(choose, runs_that_cannot_be_compared_are_refused)
{
    static const char *const columns[][3] = {
        {"preset", "aliccp",
         "preset is 'aliexpress' in the one and 'aliccp' in the other; --preset"},
        {"ids", "uniform", "ids is 'zipf:1.05' in the one and 'uniform' in the other; --ids picks"},
        {"candidates", "fixed 64", "candidates is 'fixed 250' in the one and 'fixed 64' in the"}};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        run("rm -rf @/d");
        write_search(
            "d",
            (struct found){
                .median = 9, .low = 9, .high = 9, .column = columns[i][0], .text = columns[i][1]});
        cr_expect_eq(run(ASK "@/a @/d 2>@/talk >@/out"), STATUS_CALLER);
        cr_expect(contains("talk", "a/r.jsonl:2 and "), "%s", columns[i][0]);
        cr_expect(contains("talk", columns[i][2]), "%s", columns[i][0]);
        cr_expect_eq(lines_of("out"), 0);
    }
    cr_expect_eq(run(ASK "--candidates 'fixed 250' @/a @/d >@/out"), STATUS_DONE);
}

Test(choose, other_refusals_are_a_sentence)
{
    static const struct {
        const char *line, *says;
    } refused[] = {
        {"EKTM choose --rate 5 @/a", "ektm: --prices is missing: a file as results/prices.example"},
        {"EKTM choose --prices @/prices.csv @/a", "ektm: --rate: 0 rates; the queries a second"},
        {"EKTM choose --prices @/prices.csv --rate 1,2 @/a", "ektm: --rate: 2 rates; "},
        {"EKTM choose --prices @/prices.csv --rate x @/a",
         "ektm: --rate: 'x' is not a whole number"},
        {"EKTM choose --prices @/prices.csv --rate 5", "ektm: no file of results is named"},
        {"EKTM choose --prices @/none.csv --rate 5 @/a",
         "none.csv: cannot be opened: No such file"},
        {ASK "--preset tiny,aliccp @/a", "ektm: --preset: 2 presets; machines are chosen for one"},
        {ASK "--preset tiny @/a", "ektm: no machine can be ranked at p99=10ms; the files hold "
                                  "searches at p99=10ms, p99=5ms; a: has no search"},
        {ASK "--slo 10ms @/a", "ektm: --slo: '10ms' is no objective"},
        {ASK "--slo p99=1ms @/a",
         "ektm: no machine can be ranked at p99=1ms; the files hold searches "
         "at p99=10ms, p99=5ms; a: has no search at p99=1ms"},
        {ASK "--headroom -5 @/a", "ektm: --headroom: '-5' is not a percentage from 0 to 1000"},
        {ASK "--json --markdown @/a", "ektm: --json and --markdown exclude each other"},
        {ASK "--min-quality speed=1 @/a",
         "ektm: --min-quality: 'speed=1' is no requirement; allowed"},
        {ASK "--min-quality tau=2 @/a",
         "ektm: --min-quality: tau: '2' is not a number from -1 to 1"},
        {ASK "--min-quality tau=1,tau=1 @/a", "ektm: --min-quality: tau is named twice"},
        {ASK "@/nowhere", "nowhere': No such file"},
        {ASK "@/prices.csv", "prices.csv:1: column 7: not JSON"},
        {ASK "=@/a", "the name of a machine before the = has 1 to 255 bytes"},
        {ASK "results/amd-epyc-2c/2026-11-25-651f0cb1aa76.jsonl",
         "ektm: the files hold no search for a highest rate; `ektm load "},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        char line[512];
        snprintf(line, sizeof line, "%s 2>@/talk >@/out", refused[i].line);
        cr_expect_eq(run("%s", line), STATUS_CALLER, "%s", line);
        char *talk = text_of("talk");
        cr_expect(strstr(talk, refused[i].says) != NULL, "%s: %s", line, talk);
        free(talk);
        cr_expect_eq(lines_of("out"), 0, "%s", line);
    }
}

Test(choose, currencies_must_agree)
{
    write_text("prices.csv", "machine,price_per_hour,currency,note\na,0.40,EUR,list\n"
                             "b,0.25,USD,list\n");
    cr_expect_eq(run(ASK "@/a @/b 2>@/talk"), STATUS_CALLER);
    cr_expect(contains("talk", "line 2 is in EUR and line 3 in USD; prices of one currency"));
    cr_expect_eq(run(ASK "@/a >@/out"), STATUS_DONE);
}

Test(choose, lines_that_say_nonsense_are_refused)
{
    write_search("d", (struct found){.slo = "soon", .median = 9, .low = 9, .high = 9});
    cr_expect_eq(run(ASK "@/d 2>@/talk"), STATUS_CALLER);
    cr_expect(contains("talk", "d/r.jsonl:2: column 'slo': 'soon' is no objective; one such as"));
    cr_assert_eq(run("sed -i 1d @/d/r.jsonl"), 0);
    cr_expect_eq(run(ASK "@/d 2>@/talk"), STATUS_CALLER);
    cr_expect(contains("talk", "d/r.jsonl:1: comes before the file's line of kind machine"));
}
