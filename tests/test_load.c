/* `ektm load` from outside: what it writes and prints, and what it refuses. */
#include "tests/shell.h"

#include "harness/fault.h"
#include "harness/results/file.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(load, .init = shell_begin, .fini = shell_end, .timeout = 120);

/* The lines of a run that keeps to the schema; to be given back. */
static json_t *records_of(const char *name)
{
    struct fault fault;
    char line[256];
    char *where;
    cr_assert_eq(run("echo @/%s >@/where", name), 0);
    where = text_of("where");
    snprintf(line, sizeof line, "%.*s", (int)strcspn(where, "\n"), where);
    free(where);
    json_t *records = results_read(line, NULL, &fault);
    cr_assert(records, "%s", fault.text);
    return records;
}

/* The only line with that scenario and finding, or NULL. */
static const json_t *find(const json_t *records, const char *scenario, const char *finding)
{
    const json_t *found = NULL;
    for (size_t i = 0; i < json_array_size(records); i++) {
        const json_t *r = json_array_get(records, i);
        if (record_kind(r) == KIND_LOAD && strcmp(record_get_text(r, "scenario"), scenario) == 0 &&
            strcmp(record_get_text(r, "finding"), finding) == 0) {
            cr_expect(found == NULL, "two lines of %s", scenario);
            found = r;
        }
    }
    return found;
}

#define TINY "EKTM load --quick --preset tiny --dtype f32 --layout all --candidates fixed:4 "

Test(load, every_scenario_has_its_line)
{
    cr_assert_eq(run(TINY "--rate 2000 --slo p95=1s --out @/r.jsonl >@/out 2>@/err"), STATUS_DONE);
    json_t *records = records_of("r.jsonl");
    const json_t *server = find(records, "server", "point");
    cr_assert(server && find(records, "offline", "point") &&
              find(records, "single-stream", "point"));
    cr_expect_eq(record_get_number(server, "offered"), 2000);
    cr_expect_eq(record_get_number(server, "candidates_mean"), 4);
    cr_expect_str_eq(record_get_text(server, "candidates"), "fixed 4");
    cr_expect_str_eq(record_get_text(server, "slo"), "p95=1s");
    cr_expect_str_eq(record_get_text(server, "antagonist"), "none");
    cr_expect_eq(record_get_number(server, "shed"), 0);
    cr_expect(json_object_size(json_object_get(server, "histogram")) > 0);
    cr_expect(contains("out", "Under load, tiny"));
    cr_expect(contains("out", "fixed 4 candidates"));
    json_decref(records);
}

Test(load, scenarios_may_be_chosen)
{
    cr_assert_eq(run(TINY "--scenario offline --out @/r.jsonl >@/out 2>@/err"), STATUS_DONE);
    json_t *records = records_of("r.jsonl");
    cr_expect(find(records, "offline", "point") != NULL);
    cr_expect(find(records, "single-stream", "point") == NULL);
    cr_expect(find(records, "server", "point") == NULL);
    json_decref(records);
}

/* Nobody waits for a minute, and a short queue sheds what is too much: half of the queries are
 * answered up to about twice what the machine can do, however busy it is. */
Test(load, a_search_ends_with_the_highest_rate)
{
    cr_assert_eq(run(TINY "--slo p50=60s --queue 64 --out @/r.jsonl >@/out 2>@/err"), STATUS_DONE);
    json_t *records = records_of("r.jsonl");
    const json_t *highest = find(records, "server", "highest");
    cr_assert(highest, "no rate was found");
    const struct estimate e = record_get_interval(highest, "highest");
    cr_expect(e.low <= e.median && e.median < e.high, "%g %g %g", e.low, e.median, e.high);
    cr_expect_float_eq(record_get_number(highest, "offered"), e.median, 1e-6 * e.median);
    cr_expect(contains("out", "f32: take all (instances: 1, threads of each: "));
    json_decref(records);
}

/* One query alone takes longer than a nanosecond. */
Test(load, where_no_rate_holds_it_says_so)
{
    cr_assert_eq(run(TINY "--slo p50=1ns --out @/r.jsonl >@/out 2>@/err"), STATUS_DONE);
    json_t *records = records_of("r.jsonl");
    cr_expect(find(records, "server", "highest") == NULL);
    cr_expect(contains("out", "no rate was found that keeps to p50=1ns: a query alone does not"));
    json_decref(records);
}

Test(load, formats_carry_what_they_cost)
{
    cr_assert_eq(run("EKTM load --quick --preset tiny --dtype bf16 --layout all --candidates "
                     "fixed:4 --scenario offline --out @/r.jsonl >@/out 2>@/err"),
                 STATUS_DONE);
    json_t *records = records_of("r.jsonl");
    const json_t *offline = find(records, "offline", "point");
    cr_assert(offline);
    cr_expect_str_eq(record_get_text(offline, "formats"), "bf16");
    cr_expect(json_object_size(json_object_get(offline, "off_most")) == 5);
    cr_expect(json_object_size(json_object_get(offline, "tau")) == 5);
    json_decref(records);
}

/* Queries of more rows than a pass takes are cut into passes. */
Test(load, large_queries_and_batches_are_computed)
{
    cr_assert_eq(run("EKTM load --quick --preset tiny --dtype f32 --instances 2 --threads 1 "
                     "--candidates fixed:2500 --scenario offline --batching 200us "
                     "--out @/r.jsonl >@/out 2>@/err"),
                 STATUS_DONE);
    json_t *records = records_of("r.jsonl");
    const json_t *offline = find(records, "offline", "point");
    cr_assert(offline);
    cr_expect_eq(record_get_number(offline, "batching"), 200e3);
    cr_expect_str_eq(record_get_text(offline, "layout"), "2x1");
    cr_expect_gt(record_get_number(offline, "rows_per_s"),
                 2400 * record_get_number(offline, "completed"));
    json_decref(records);
}

/* With a core to spare there are neighbours, and lines without and with them. */
Test(load, antagonists_have_lines_of_their_own)
{
    const int status = run("EKTM load --quick --preset tiny --dtype f32 --candidates fixed:4 "
                           "--scenario offline --instances 1 --antagonist stream=1 "
                           "--out @/r.jsonl >@/out 2>@/err");
    if (status == STATUS_MACHINE) {
        cr_expect(contains("err", "--antagonist"), "it names what there is too little for");
        return;
    }
    size_t beside = 0;
    json_t *records = records_of("r.jsonl");
    for (size_t i = 0; i < json_array_size(records); i++)
        beside +=
            strcmp(record_get_text(json_array_get(records, i), "antagonist"), "stream=1") == 0;
    cr_expect_eq(status, STATUS_DONE);
    cr_expect_eq(beside, 1);
    cr_expect(contains("out", "beside stream=1"));
    json_decref(records);
}

Test(load, bad_input_is_one_sentence)
{
    static const struct {
        const char *words, *says;
    } bad[] = {
        {"--slo p99", "--slo: 'p99' is no objective"},
        {"--slo p99=10", "'10' is no time"},
        {"--candidates lognormal:10", "--candidates"},
        {"--candidates /nonexistent", "/nonexistent"},
        {"--scenario batch", "--scenario: 'batch' is not known"},
        {"--layout socket", "--layout: 'socket' is not known"},
        {"--rate 0", "--rate: '0'"},
        {"--rate fast", "--rate: 'fast'"},
        {"--queue 0", "--queue: '0'"},
        {"--instances -1", "--instances: '-1'"},
        {"--batching 5", "--batching: '5' is no time"},
        {"--antagonist cache=1", "--antagonist: 'cache=1'"},
        {"--threads 1,2", "--threads"},
        {"--model a --preset tiny", "--model and --preset"},
        {"--dtype nothing=bf16", "--dtype"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_expect_eq(
            run("EKTM load --quick --preset tiny --out @/r.jsonl %s >@/out 2>@/err", bad[i].words),
            STATUS_CALLER, "%s", bad[i].words);
        cr_expect(contains("err", bad[i].says), "%s", bad[i].words);
        cr_expect_eq(lines_of("err"), 1, "%s", bad[i].words);
    }
}
