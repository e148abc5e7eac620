/* Results: what is written is read back, what is no record is refused by name and line, and the
 * schema page says what the code says. */
#include "harness/results/file.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64], path[128];

static void make_folder(void)
{
    snprintf(folder, sizeof folder, "/tmp/ektm-results-XXXXXX");
    cr_assert(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/a/b/r.jsonl", folder);
}

static void remove_folder(void)
{
    char command[160];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    cr_assert_eq(system(command), 0);
}

TestSuite(results, .init = make_folder, .fini = remove_folder);

static json_t *skip_record(const char *name)
{
    json_t *record = record_new(KIND_SKIP, "2026-01-01T00:00:00Z-1");
    record_text(record, "name", name);
    record_text(record, "verdict", "skipped");
    record_text(record, "reason", "this CPU lacks \"AVX9\"\n, alas");
    return record;
}

/* Every column that a kind may have, with some value of its type. */
static json_t *full_record(enum kind kind)
{
    json_t *record = record_new(kind, "2026-01-01T00:00:00Z-1");
    const struct estimate interval = {2.5, 2.25, 3};
    for (const struct column *c = record_columns; c->name; c++) {
        if (!((c->always | c->maybe) & (1u << kind)) || strcmp(c->name, "kind") == 0)
            continue;
        switch (c->type) {
        case TYPE_TEXT:
            record_text(record, c->name, "\xc3\xa9 \\ \"");
            break;
        case TYPE_TEXTS:
            json_object_set_new(record, c->name, json_pack("[s, s]", "a", "b"));
            break;
        case TYPE_NUMBER:
            record_number(record, c->name, 0.1);
            break;
        case TYPE_COUNT:
            record_count(record, c->name, 1234567890123);
            break;
        case TYPE_INTERVAL:
            record_interval(record, c->name, &interval);
            break;
        case TYPE_COUNTS:
            json_object_set_new(record, c->name, json_pack("{s:i, s:s}", "a", 3, "b", UNAVAILABLE));
            break;
        case TYPE_NAMES:
            json_object_set_new(record, c->name, json_pack("{s:s}", "a", "2.9"));
            break;
        case TYPE_NUMBERS:
            record_numbers(record, c->name, (const char *[]){"a", "b"}, (double[]){0.1, NAN}, 2);
            break;
        case TYPE_INTERVALS:
            record_intervals(record, c->name, (const char *[]){"p50", "p99"},
                             (struct estimate[]){interval, {NAN, NAN, NAN}}, 2);
            break;
        case COLUMN_TYPES:
            break;
        }
    }
    return record;
}

static void append_text(const char *text)
{
    FILE *out = fopen(path, "a");
    fputs(text, out);
    fclose(out);
}

static void write_skips(size_t count)
{
    struct results results;
    struct fault fault;
    cr_assert(results_open(&results, path, &fault), "%s", fault.text);
    for (size_t i = 0; i < count; i++)
        cr_assert(results_write(&results, skip_record("x"), &fault), "%s", fault.text);
    results_close(&results);
}

Test(results, every_column_makes_the_round_trip)
{
    struct results results;
    struct fault fault;
    cr_assert(results_open(&results, path, &fault), "%s", fault.text);
    for (enum kind kind = 0; kind < KINDS; kind++)
        cr_assert(results_write(&results, full_record(kind), &fault), "%s", fault.text);
    results_close(&results);
    json_t *records = results_read(path, NULL, &fault);
    cr_assert(records != NULL, "%s", fault.text);
    cr_assert_eq(json_array_size(records), KINDS);
    for (enum kind kind = 0; kind < KINDS; kind++) {
        json_t *expected = full_record(kind);
        cr_assert(json_equal(json_array_get(records, kind), expected), "kind %s", kind_name(kind));
        cr_assert_eq(record_kind(json_array_get(records, kind)), kind);
        json_decref(expected);
    }
    json_decref(records);
}

Test(results, what_is_not_there_is_unavailable_and_never_zero)
{
    json_t *record = record_new(KIND_KERNEL, "r");
    record_number(record, "error", INFINITY);
    record_number(record, "roofline", NAN);
    record_interval(record, "x_reference", &(struct estimate){1, NAN, 2});
    cr_assert_str_eq(record_get_text(record, "error"), UNAVAILABLE);
    cr_assert_str_eq(record_get_text(record, "roofline"), UNAVAILABLE);
    cr_assert_str_eq(record_get_text(record, "x_reference"), UNAVAILABLE);
    cr_assert(isnan(record_get_number(record, "roofline")));
    cr_assert(isnan(record_get_interval(record, "x_reference").median));
    cr_assert(isnan(record_get_number(record, "flops")), "an absent column is no number");
    json_decref(record);
}

Test(results, dims_hold_the_axes_in_use)
{
    json_t *record = record_new(KIND_KERNEL, "r");
    record_dims(record, &(struct dims){.extent = {[BATCH] = 64, [OUT] = 5}});
    cr_assert_eq(json_object_size(json_object_get(record, "dims")), 2);
    cr_assert_eq(record_get_dim(record, BATCH), 64);
    cr_assert_eq(record_get_dim(record, OUT), 5);
    cr_assert_eq(record_get_dim(record, IN), 0);
    json_decref(record);
}

Test(results, append_to_what_is_there)
{
    write_skips(2);
    write_skips(3);
    struct fault fault;
    bool torn = true;
    json_t *records = results_read(path, &torn, &fault);
    cr_assert_eq(json_array_size(records), 5);
    cr_assert(!torn);
    json_decref(records);
}

Test(results, a_torn_last_line_is_left_out_and_cut_off_by_the_next_run)
{
    struct fault fault;
    bool torn = false;
    write_skips(2);
    append_text("{\"kind\":\"ski");
    json_t *records = results_read(path, &torn, &fault);
    cr_assert(records != NULL, "%s", fault.text);
    cr_assert_eq(json_array_size(records), 2);
    cr_assert(torn);
    json_decref(records);
    write_skips(1);
    records = results_read(path, &torn, &fault);
    cr_assert(records != NULL, "%s", fault.text);
    cr_assert_eq(json_array_size(records), 3);
    cr_assert(!torn);
    json_decref(records);
}

/* What a file may hold that is somebody else's. */
static const char *const foreign[] = {
    "a letter, without an end",
    "a letter\nof two lines\n",
    "kind",
    "\n",
    "\n{\"kind\":\"skip\"}\n",
    "{\"name\":\"somebody else's JSON\"}\n",
    "{\"kind\":\"skip\"}\nand then a letter",
    "{\"kin\n",
};

Test(results, a_file_of_something_else_stays_as_it_is)
{
    write_skips(1); /* makes the folder */
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        struct results results;
        struct fault fault;
        char found[100] = "";
        unlink(path);
        append_text(foreign[i]);
        cr_assert(!results_open(&results, path, &fault), "appends to: %s", foreign[i]);
        cr_assert_eq(fault.status, STATUS_CALLER);
        cr_assert(strstr(fault.text, path) && strstr(fault.text, "other than results"), "%s",
                  fault.text);
        FILE *in = fopen(path, "r");
        cr_assert_eq(fread(found, 1, sizeof found - 1, in), strlen(foreign[i]));
        cr_assert_str_eq(found, foreign[i]);
        fclose(in);
    }
}

Test(results, a_file_of_one_torn_line_is_begun_again)
{
    static const char *const torn[] = {"", "{", "{\"kin", "{\"kind\":\"machine\",\"run"};
    write_skips(1);
    for (size_t i = 0; i < sizeof torn / sizeof *torn; i++) {
        struct fault fault;
        unlink(path);
        append_text(torn[i]);
        write_skips(1);
        json_t *records = results_read(path, NULL, &fault);
        cr_assert(records != NULL, "%s", fault.text);
        cr_assert_eq(json_array_size(records), 1, "%s", torn[i]);
        json_decref(records);
    }
}

/* A bad line and what the fault must say of it. */
static const struct {
    const char *line, *says;
} bad[] = {
    {"{\"kind\":\"skip\",", "not JSON"},
    {"[1,2]", "'kind' is ''"},
    {"{\"kind\":\"kernels\"}", "'kind' is 'kernels'"},
    {"{\"kind\":\"skip\",\"run\":\"r\",\"name\":\"n\",\"verdict\":\"skipped\"}",
     "'reason' is missing"},
    {"{\"kind\":\"skip\",\"run\":\"r\",\"name\":\"n\",\"verdict\":\"skipped\",\"reason\":7}",
     "'reason' is no text"},
    {"{\"kind\":\"skip\",\"colour\":\"red\"}", "no column 'colour'"},
    {"{\"kind\":\"skip\",\"ns\":{\"median\":1,\"lo\":1,\"hi\":1}}", "'ns' has no place"},
    {"{\"kind\":\"kernel\",\"ns\":{\"median\":1}}", "'ns' is no interval"},
    {"{\"kind\":\"kernel\",\"flops\":\"many\"}", "'flops' is no number"},
    {"{\"kind\":\"load\",\"latency\":{\"p50\":1}}", "'latency' is no object of intervals"},
    {"{\"kind\":\"kernel\",\"kind\":\"kernel\"}", "not JSON"},
};

Test(results, a_bad_line_is_named_by_file_and_line)
{
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct fault fault;
        char place[200];
        unlink(path);
        write_skips(1);
        append_text(bad[i].line);
        append_text("\n");
        write_skips(1);
        cr_assert(results_read(path, NULL, &fault) == NULL, "accepted: %s", bad[i].line);
        snprintf(place, sizeof place, "%s:2:", path);
        cr_assert(strncmp(fault.text, place, strlen(place)) == 0, "%s", fault.text);
        cr_assert(strstr(fault.text, bad[i].says) != NULL, "'%s' does not say '%s'", fault.text,
                  bad[i].says);
        cr_assert_eq(fault.status, STATUS_CALLER);
    }
}

Test(results, a_record_that_breaks_the_schema_is_not_written)
{
    struct results results;
    struct fault fault;
    write_skips(1);
    cr_assert(results_open(&results, path, &fault));
    json_t *record = skip_record("y");
    json_object_del(record, "reason");
    cr_assert(!results_write(&results, record, &fault));
    results_close(&results);
    json_t *records = results_read(path, NULL, &fault);
    cr_assert_eq(json_array_size(records), 1);
    json_decref(records);
}

Test(results, a_killed_writer_leaves_whole_lines)
{
    write_skips(1);
    pid_t child = fork();
    if (child == 0) {
        struct results results;
        struct fault fault;
        if (results_open(&results, path, &fault))
            while (results_write(&results, skip_record("z"), &fault))
                ;
        _exit(1);
    }
    struct stat status = {0};
    while (stat(path, &status) == 0 && status.st_size < 100000)
        usleep(100);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    struct fault fault;
    bool torn = true;
    json_t *records = results_read(path, &torn, &fault);
    cr_assert(records != NULL, "%s", fault.text);
    cr_assert(!torn);
    cr_assert_gt(json_array_size(records), 100);
    json_decref(records);
}

Test(results, what_cannot_be_opened_is_a_sentence)
{
    struct results results;
    struct fault fault;
    cr_assert(!results_open(&results, folder, &fault), "a folder is no file");
    cr_assert(strstr(fault.text, folder) != NULL, "%s", fault.text);
    cr_assert(!results_open(&results, "/proc/ektm/r.jsonl", &fault));
    cr_assert_eq(fault.status, STATUS_CALLER);
    cr_assert(results_read("/nonexistent.jsonl", NULL, &fault) == NULL);
    cr_assert(strstr(fault.text, "/nonexistent.jsonl") != NULL, "%s", fault.text);
    cr_assert(results_open(&results, "/dev/full", &fault), "%s", fault.text);
    cr_assert(!results_write(&results, skip_record("x"), &fault), "a full disk goes unnoticed");
    cr_assert_eq(fault.status, STATUS_MACHINE);
    results_close(&results);
}

/* ---- the schema page ------------------------------------------------------------------------- */

static void print_kinds(FILE *out, unsigned kinds)
{
    const char *between = "";
    for (enum kind kind = 0; kind < KINDS; kind++)
        if (kinds & (1u << kind)) {
            fprintf(out, "%s%s", between, kind_name(kind));
            between = ", ";
        }
}

/* The row of the schema page that stands for a column. */
static void print_row(FILE *out, const struct column *c)
{
    fprintf(out, "| `%s` | %s | %s | ", c->name, column_type_name(c->type), c->unit);
    if (c->always == (1u << KINDS) - 1)
        fprintf(out, "every");
    else
        print_kinds(out, c->always);
    fprintf(out, " | ");
    print_kinds(out, c->maybe);
    fprintf(out, " | %s |\n", c->meaning);
}

Test(schema_page, holds_the_columns_row_by_row)
{
    const char *page_path = "results/README.md";
    FILE *page = fopen(page_path, "r");
    cr_assert(page != NULL, "%s: %s (tests run in the repository's root)", page_path,
              strerror(errno));
    char *line = NULL;
    size_t room = 0;
    const struct column *c = record_columns;
    while (getline(&line, &room, page) > 0) {
        if (strncmp(line, "| `", 3) != 0)
            continue;
        char *row = NULL;
        size_t length;
        cr_assert(c->name != NULL, "the page has a row that the code has not: %s", line);
        FILE *out = open_memstream(&row, &length);
        print_row(out, c++);
        fclose(out);
        cr_assert_str_eq(line, row, "results/README.md has\n%sthe code has\n%s", line, row);
        free(row);
    }
    cr_assert(c->name == NULL, "the page lacks '%s'", c->name ? c->name : "");
    free(line);
    fclose(page);
}

Test(schema_page, columns_are_unique_and_belong_somewhere)
{
    for (const struct column *c = record_columns; c->name; c++) {
        cr_assert(column_find(c->name) == c, "column '%s' is listed twice", c->name);
        cr_assert(c->always | c->maybe, "no kind has column '%s'", c->name);
        cr_assert_eq(c->always & c->maybe, 0, "column '%s' is always and maybe there", c->name);
    }
}
