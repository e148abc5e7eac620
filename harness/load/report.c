#include "harness/load/report.h"

#include "harness/bench/cells.h"
#include "harness/load/objective.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ROWS_MAX = 256 };

/* Lines of one configuration. */
struct row {
    const json_t *any, *single, *offline, *highest;
    const json_t *tried; /* a rate that a search tried */
};

struct table {
    const json_t *records;
    const char *preset;
    size_t count;
    struct row row[ROWS_MAX];
};

/* ---- rows ------------------------------------------------------------------------------------ */

/* What makes two lines tell of one configuration. */
static bool is_same(const json_t *a, const json_t *b)
{
    static const char *const columns[] = {"name",   "formats",          "backend",  "isa",
                                          "layout", "instance_threads", "batching", "antagonist"};
    bool same = true;
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        same = same && cell_same(a, b, columns[i]);
    return same;
}

static bool is_text(const json_t *record, const char *column, const char *text)
{
    return strcmp(cell_text(record, column), text) == 0;
}

static bool is_load(const struct table *table, const json_t *record)
{
    return record_kind(record) == KIND_LOAD && is_text(record, "preset", table->preset) &&
           !cell_invalid(record);
}

static struct row *row_of(struct table *table, const json_t *record)
{
    for (size_t i = 0; i < table->count; i++)
        if (is_same(table->row[i].any, record))
            return &table->row[i];
    if (table->count == ROWS_MAX)
        return NULL;
    table->row[table->count] = (struct row){.any = record};
    return &table->row[table->count++];
}

static void find_rows(struct table *table)
{
    for (size_t i = 0; i < json_array_size(table->records); i++) {
        const json_t *r = json_array_get(table->records, i);
        struct row *row = is_load(table, r) ? row_of(table, r) : NULL;
        if (!row)
            continue;
        if (is_text(r, "scenario", "single-stream"))
            row->single = r;
        else if (is_text(r, "scenario", "offline"))
            row->offline = r;
        else if (is_text(r, "finding", "highest"))
            row->highest = r;
        else
            row->tried = r;
    }
}

/* Without neighbours. */
static bool is_alone(const struct row *row) { return is_text(row->any, "antagonist", "none"); }

/* ---- cells ----------------------------------------------------------------------------------- */

static double latency_ms(const json_t *record, const char *percentile)
{
    const json_t *latency = record ? json_object_get(record, "latency") : NULL;
    const json_t *value = json_object_get(json_object_get(latency, percentile), "median");
    return json_is_number(value) ? json_number_value(value) / 1e6 : NAN;
}

static double number_of(const json_t *record, const char *column)
{
    return record ? record_get_number(record, column) : NAN;
}

/* The objective's percentile: "p99" of "p99=10ms". */
static void percentile_of(const json_t *record, char *name, size_t size)
{
    const char *slo = cell_text(record, "slo");
    snprintf(name, size, "%.*s", (int)strcspn(slo, "="), slo);
}

/* Who, in which format and layout: what every table begins with. */
static void print_configuration(const json_t *r)
{
    char shape[32];
    snprintf(shape, sizeof shape, "%.0f x %.0f", record_get_number(r, "instances"),
             record_get_number(r, "instance_threads"));
    printf("%-9s %-6s %-8s %7s ", cell_text(r, "backend"), cell_text(r, "dtype"),
           cell_text(r, "layout"), shape);
}

static void print_configuration_names(void)
{
    printf("%-9s %-6s %-8s %7s ", "backend", "format", "layout", "i x t");
}

static bool is_noisy(const struct row *row)
{
    return (row->single && cell_noisy(row->single)) || (row->offline && cell_noisy(row->offline)) ||
           (row->highest && cell_noisy(row->highest));
}

/* The line that knows how many instances there are. */
static const json_t *shape_of(const struct row *row)
{
    return row->offline ? row->offline : row->highest ? row->highest : row->any;
}

static void print_row(const struct row *row)
{
    char percentile[16];
    const struct estimate highest = row->highest ? record_get_interval(row->highest, "highest")
                                                 : (struct estimate){NAN, NAN, NAN};
    percentile_of(row->any, percentile, sizeof percentile);
    print_configuration(shape_of(row));
    printf("|");
    print_number(8, latency_ms(row->single, "p50"));
    print_number(8, latency_ms(row->single, percentile));
    printf(" |");
    print_number(9, number_of(row->offline, "rows_per_s"));
    printf(" |");
    print_number(9, highest.median);
    print_number(9, highest.high);
    print_number(9, number_of(row->highest, "rows_per_s"));
    print_number(8, latency_ms(row->highest, percentile));
    print_number(9, number_of(row->highest, "knee"));
    printf("%s", is_noisy(row) ? "  ~" : "");
    if (!is_alone(row))
        printf("  beside %s", cell_text(row->any, "antagonist"));
    printf("\n");
}

static void print_names(const json_t *any)
{
    char percentile[16], highest[64];
    percentile_of(any, percentile, sizeof percentile);
    snprintf(highest, sizeof highest, "highest rate with %s", cell_text(any, "slo"));
    printf("%-33s | %-15s | %8s | %s\n", "", "one alone, ms", "most", highest);
    print_configuration_names();
    printf("|%8s%8s |%9s |%9s%9s%9s%8s%9s\n", "p50", percentile, "rows/s", "query/s", "below",
           "rows/s", percentile, "knee");
}

/* ---- what to take ---------------------------------------------------------------------------- */

static double highest_of(const struct row *row)
{
    return row->highest ? record_get_interval(row->highest, "highest").median : 0;
}

/* The row of the highest rate in one format; NULL: any. */
static const struct row *best_row(const struct table *table, const char *formats)
{
    const struct row *best = NULL;
    for (size_t i = 0; i < table->count; i++) {
        const struct row *row = &table->row[i];
        if (is_alone(row) && row->highest && is_text(row->any, "formats", formats) &&
            (!best || highest_of(row) > highest_of(best)))
            best = row;
    }
    return best;
}

/* Whether another layout may be as good: it was not seen to fail where this one holds. */
static const struct row *rival_of(const struct table *table, const struct row *best)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct row *row = &table->row[i];
        if (row != best && is_alone(row) && row->highest &&
            cell_same(row->any, best->any, "formats") &&
            record_get_interval(row->highest, "highest").high > highest_of(best))
            return row;
    }
    return NULL;
}

static void print_shape(const json_t *r)
{
    printf("%s (instances: %.0f, threads of each: %.0f)", cell_text(r, "layout"),
           record_get_number(r, "instances"), record_get_number(r, "instance_threads"));
}

/* The largest difference from f32 over all predictions. */
static double off_most(const json_t *record)
{
    double most = NAN;
    const char *name;
    json_t *value;
    json_object_foreach(json_object_get(record, "off_most"), name, value) most =
        fmax(most, json_number_value(value));
    return most;
}

static void print_choice(const struct table *table, const char *formats)
{
    const struct row *best = best_row(table, formats);
    if (!best)
        return;
    const struct row *rival = rival_of(table, best);
    printf("%s: take ", cell_text(best->any, "dtype"));
    print_shape(best->highest);
    printf(": %.4g query/s keep to %s", highest_of(best), cell_text(best->any, "slo"));
    if (rival)
        printf("; no difference shown from %s", cell_text(rival->any, "layout"));
    if (isfinite(off_most(best->any)))
        printf("; predictions differ from f32's by up to %.2g", off_most(best->any));
    printf("\n");
}

/* One choice for each format, in the order of the rows. */
static void print_choices(const struct table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        size_t before = 0;
        while (before < i && !cell_same(table->row[before].any, table->row[i].any, "formats"))
            before++;
        if (before == i)
            print_choice(table, cell_text(table->row[i].any, "formats"));
    }
}

/* Format, layout and neighbours in words. */
static void print_place(const struct row *row)
{
    printf("%s, %s", cell_text(row->any, "dtype"), cell_text(row->any, "layout"));
    if (!is_alone(row))
        printf(" beside %s", cell_text(row->any, "antagonist"));
}

/* Whether a query alone is known to take too long already. */
static bool is_too_slow(const struct row *row, double *ms)
{
    struct objective objective;
    struct fault ignored;
    char percentile[16];
    percentile_of(row->any, percentile, sizeof percentile);
    *ms = latency_ms(row->single, percentile);
    return row->single && (is_text(row->single, "holds", "no") ||
                           (objective_parse(&objective, cell_text(row->any, "slo"), &ignored) &&
                            *ms * 1e6 > objective.ns));
}

/* Configurations that no rate was found for, though it was looked for. */
static void print_hopeless(const struct table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct row *row = &table->row[i];
        double ms;
        const bool slow = is_too_slow(row, &ms);
        if (row->highest || (!slow && !row->tried))
            continue;
        print_place(row);
        printf(": no rate was found that keeps to %s", cell_text(row->any, "slo"));
        if (slow)
            printf(": a query alone does not");
        if (slow && isfinite(ms))
            printf(" (%.4g ms)", ms);
        printf("\n");
    }
}

/* ---- neighbours ------------------------------------------------------------------------------ */

static const struct row *undisturbed(const struct table *table, const struct row *disturbed)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct row *row = &table->row[i];
        if (is_alone(row) && cell_same(row->any, disturbed->any, "layout") &&
            cell_same(row->any, disturbed->any, "name") &&
            cell_same(row->any, disturbed->any, "formats"))
            return row;
    }
    return NULL;
}

static void print_loss(const char *what, double alone, double beside)
{
    if (isfinite(alone) && isfinite(beside) && alone > 0)
        printf("  %s %.4g -> %.4g: %.0f %% %s", what, alone, beside, 100 * fabs(1 - beside / alone),
               beside < alone ? "lost" : "more");
}

static void print_neighbours(const struct table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct row *row = &table->row[i], *alone = undisturbed(table, row);
        if (is_alone(row) || !alone)
            continue;
        print_place(row);
        printf(":");
        print_loss("rows/s", number_of(alone->offline, "rows_per_s"),
                   number_of(row->offline, "rows_per_s"));
        if (alone->highest)
            print_loss("query/s", highest_of(alone), highest_of(row));
        printf("\n");
    }
}

/* ---- single rates ---------------------------------------------------------------------------- */

static void print_point(const json_t *r)
{
    static const char *const percentiles[] = {"p50", "p95", "p99", "p99.9"};
    print_configuration(r);
    printf("|");
    print_number(9, record_get_number(r, "offered"));
    print_number(9, record_get_number(r, "completed"));
    for (size_t i = 0; i < sizeof percentiles / sizeof *percentiles; i++)
        print_number(8, latency_ms(r, percentiles[i]));
    print_number(7, record_get_number(r, "shed"));
    printf("  %s%s\n", cell_text(r, "holds"), cell_noisy(r) ? "  ~" : "");
}

/* Where rates were given, they were not searched for. */
static void print_points(const struct table *table)
{
    bool any = false;
    for (size_t i = 0; i < json_array_size(table->records); i++) {
        const json_t *r = json_array_get(table->records, i);
        if (!is_load(table, r) || !is_text(r, "scenario", "server") ||
            is_text(r, "finding", "highest"))
            continue;
        if (!any) {
            print_configuration_names();
            printf("|%9s%9s%8s%8s%8s%8s%7s  %s\n", "offered", "served/s", "p50 ms", "p95", "p99",
                   "p99.9", "shed", cell_text(r, "slo"));
        }
        any = true;
        print_point(r);
    }
}

/* ---- all ------------------------------------------------------------------------------------- */

static bool any_highest(const struct table *table)
{
    for (size_t i = 0; i < table->count; i++)
        if (table->row[i].highest)
            return true;
    return false;
}

void report_load(const struct run *run, const char *preset)
{
    struct table table = {.records = run->journal.records, .preset = preset};
    find_rows(&table);
    if (!table.count)
        return;
    const json_t *any = table.row[0].any;
    printf("\nUnder load, %s: a query has %s candidates, ids %s; instances x threads; ~ noisy\n",
           preset, cell_text(any, "candidates"), cell_text(any, "ids"));
    print_names(any);
    for (size_t i = 0; i < table.count; i++)
        print_row(&table.row[i]);
    if (run->arguments->rate.count)
        print_points(&table);
    else
        print_hopeless(&table);
    if (any_highest(&table))
        print_choices(&table);
    print_neighbours(&table);
    fflush(stdout);
}
