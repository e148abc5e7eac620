#include "harness/bench/report.h"

#include "harness/machine/describe.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *text(const json_t *record, const char *column)
{
    return record_get_text(record, column);
}

static bool same(const json_t *a, const json_t *b, const char *column)
{
    return strcmp(text(a, column), text(b, column)) == 0;
}

static bool is_reference(const json_t *record)
{
    return strcmp(text(record, "backend"), "reference") == 0;
}

static double ns_of(const json_t *record) { return record_get_interval(record, "ns").median; }

static double us_per_row(const json_t *record)
{
    return ns_of(record) / (double)record_get_dim(record, BATCH) * 1e-3;
}

/* Right-aligned, with about four significant digits; "-" where there is no number. */
static void print_number(int width, double number)
{
    int digits = number < 0.1 ? 4 : number < 10 ? 3 : number < 100 ? 2 : number < 1000 ? 1 : 0;
    if (isfinite(number))
        printf("%*.*f", width, digits, number);
    else
        printf("%*s", width, "-");
}

/* A ratio or a percentage: fewer digits. */
static void print_short(int width, double number)
{
    if (isfinite(number))
        printf("%*.*f", width, number < 10 ? 2 : number < 100 ? 1 : 0, number);
    else
        printf("%*s", width, "-");
}

/* Who computed, such as "compiler avx2"; one word where both are the same. */
static void print_who(const json_t *record)
{
    printf("%s", text(record, "backend"));
    if (*text(record, "isa") && strcmp(text(record, "backend"), text(record, "isa")) != 0)
        printf(" %s", text(record, "isa"));
}

/* ---- the machine and its ceilings ------------------------------------------------------------ */

void report_machine(const struct run *run)
{
    machine_describe(&run->topology, stdout);
    fflush(stdout);
}

/* Whether it is of the table of ceilings: others were taken beside kernels. */
static bool is_of_table(const json_t *r)
{
    return record_kind(r) == KIND_CEILING && !json_object_get(r, "preset");
}

/* The ceiling of that label that was fastest with as many threads, or NULL. */
static const json_t *best_ceiling(const struct run *run, const char *label, size_t threads,
                                  const char *unit)
{
    const json_t *best = NULL;
    size_t i;
    json_t *r;
    json_array_foreach(run->journal.records, i, r)
    {
        if (is_of_table(r) && strcmp(text(r, "ceiling"), label) == 0 &&
            record_get_number(r, "threads") == (double)threads &&
            (!best || record_get_number(r, unit) > record_get_number(best, unit)))
            best = r;
    }
    return best;
}

static bool is_noisy(const json_t *record) { return strcmp(text(record, "verdict"), "noisy") == 0; }

static void print_ceiling(const struct run *run, const char *label, size_t threads,
                          const char *unit, int width)
{
    const json_t *best = best_ceiling(run, label, threads, unit);
    print_number(width, best ? record_get_number(best, unit) : NAN);
    printf("%s", best && is_noisy(best) ? " ~" : "  ");
}

static bool label_came_before(const struct run *run, size_t at)
{
    const json_t *record = json_array_get(run->journal.records, at);
    for (size_t i = 0; i < at; i++) {
        const json_t *r = json_array_get(run->journal.records, i);
        if (is_of_table(r) && same(r, record, "ceiling"))
            return true;
    }
    return false;
}

void report_ceilings(const struct run *run)
{
    size_t most = plan_widest(&run->plan).threads, i;
    json_t *r;
    printf("\n%-44s%10s", "Ceilings: the best of all kernels, ~ noisy", "1 thread");
    if (most > 1)
        printf("  %4zu threads", most);
    json_array_foreach(run->journal.records, i, r)
    {
        if (!is_of_table(r) || label_came_before(run, i))
            continue;
        bool fma = strcmp(text(r, "op"), "fma") == 0;
        const char *label = text(r, "ceiling"), *unit = fma ? "gflops" : "gbytes";
        printf("\n  %-32s%10s", label, fma ? "Gflop/s" : "GB/s");
        print_ceiling(run, label, 1, unit, 10);
        if (most > 1)
            print_ceiling(run, label, most, unit, 12);
    }
    printf("\n");
    fflush(stdout);
}

/* ---- side by side ---------------------------------------------------------------------------- */

enum { COLUMNS_MAX = 64, COLUMNS_SHOWN = 4 };

/* Records of one kind of one preset, and who competes in them: one record of each. */
struct table {
    const json_t *records;
    enum kind kind;
    const char *preset;
    size_t count;
    const json_t *column[COLUMNS_MAX]; /* the reference only where nobody else competes */
};

/* Whether the record is one of a comparison on one thread. */
static bool belongs(const struct table *table, const json_t *r)
{
    return record_kind(r) == table->kind && strcmp(text(r, "preset"), table->preset) == 0 &&
           !json_object_get(r, "speedup");
}

static bool same_column(const json_t *a, const json_t *b)
{
    return same(a, b, "backend") && same(a, b, "isa") && same(a, b, "dtype");
}

/* Whether both are of the same layer and batch. The reference has a batch of its own. */
static bool same_row(const json_t *a, const json_t *b)
{
    return same(a, b, "layer") && (is_reference(a) || is_reference(b) ||
                                   record_get_dim(a, BATCH) == record_get_dim(b, BATCH));
}

static void add_columns(struct table *table, bool references)
{
    size_t i;
    json_t *r;
    json_array_foreach((json_t *)(uintptr_t)table->records, i, r)
    {
        size_t known = 0;
        if (!belongs(table, r) || is_reference(r) != references)
            continue;
        while (known < table->count && !same_column(table->column[known], r))
            known++;
        if (known == table->count && known < COLUMNS_MAX)
            table->column[table->count++] = r;
    }
}

static const json_t *find_cell(const struct table *table, const json_t *row, const json_t *column)
{
    size_t i;
    json_t *r;
    json_array_foreach((json_t *)(uintptr_t)table->records, i, r)
    {
        if (belongs(table, r) && same_row(r, row) && same_column(r, column))
            return r;
    }
    return NULL;
}

static const json_t *best_of_row(const struct table *table, const json_t *row)
{
    const json_t *best = NULL;
    for (size_t c = 0; c < table->count; c++) {
        const json_t *cell = find_cell(table, row, table->column[c]);
        if (cell && (!best || us_per_row(cell) < us_per_row(best)))
            best = cell;
    }
    return best;
}

/* Whether an earlier record stands for the same row, or only references do. */
static bool starts_row(const struct table *table, size_t at)
{
    const json_t *record = json_array_get(table->records, at);
    if (!belongs(table, record))
        return false;
    bool only_references = true;
    for (size_t i = 0; i < json_array_size(table->records); i++) {
        const json_t *r = json_array_get(table->records, i);
        if (!belongs(table, r) || !same(r, record, "layer"))
            continue;
        only_references = only_references && is_reference(r);
        if (i < at && is_reference(r) == is_reference(record) && same_row(r, record))
            return false;
    }
    return only_references || !is_reference(record);
}

static void print_heads(const struct table *table, size_t first, size_t last)
{
    bool model = table->kind == KIND_MODEL;
    printf("%-12s%6s ", "", "");
    for (size_t c = first; c < last; c++)
        printf("%9.9s", text(table->column[c], "backend"));
    if (first == 0)
        printf("  | the best:       of its x refer-        x");
    printf("\n%-12s%6s ", model ? "" : "layer", "rows");
    for (size_t c = first; c < last; c++)
        printf("%9.9s", text(table->column[c], "isa"));
    if (first == 0)
        printf("  | Gflop/s %7s ceiling     ence compiler", model ? "rows/s" : "GB/s");
    printf("\n");
}

static void print_best(const struct table *table, const json_t *best)
{
    double roofline = record_get_number(best, "roofline");
    printf("  |");
    print_number(8, record_get_number(best, "gflops"));
    if (table->kind == KIND_MODEL)
        printf("%8.0f", record_get_number(best, "rows_per_s"));
    else
        print_number(8, record_get_number(best, "gbytes"));
    if (isfinite(roofline))
        printf("%7.0f%%", 100 * roofline);
    else
        printf("%8s", "-");
    print_short(9, record_get_interval(best, "x_reference").median);
    print_short(9, record_get_interval(best, "x_compiler").median);
}

static void print_row(const struct table *table, const json_t *row, size_t first, size_t last)
{
    const json_t *best = best_of_row(table, row);
    printf("%-12.12s%6zu ", text(row, "layer"), record_get_dim(row, BATCH));
    for (size_t c = first; c < last; c++) {
        const json_t *cell = find_cell(table, row, table->column[c]);
        print_number(7, cell ? us_per_row(cell) : NAN);
        printf("%c%c", cell && cell == best ? '*' : ' ', cell && is_noisy(cell) ? '~' : ' ');
    }
    if (first == 0)
        print_best(table, best);
    printf("\n");
}

static void print_side_by_side(const struct run *run, enum kind kind, const char *preset,
                               const char *title)
{
    struct table table = {run->journal.records, kind, preset, 0, {NULL}};
    add_columns(&table, false);
    if (!table.count)
        add_columns(&table, true);
    for (size_t first = 0; first < table.count; first += COLUMNS_SHOWN) {
        size_t last = first + COLUMNS_SHOWN < table.count ? first + COLUMNS_SHOWN : table.count;
        printf("\n%s: us a row on one thread, warm; * best, ~ noisy%s\n", title,
               first ? " (continued)" : "");
        print_heads(&table, first, last);
        for (size_t i = 0; i < json_array_size(table.records); i++)
            if (starts_row(&table, i))
                print_row(&table, json_array_get(table.records, i), first, last);
    }
}

/* ---- threads --------------------------------------------------------------------------------- */

static bool is_scaling(const json_t *r, const char *preset)
{
    return record_kind(r) == KIND_MODEL && json_object_get(r, "speedup") &&
           strcmp(text(r, "preset"), preset) == 0;
}

/* One batch for all threads to share, or a batch for each; `heading` once, where there are rows. */
static void print_scaling(const struct run *run, const char *preset, bool shared,
                          const char *heading)
{
    size_t i, most = plan_batch_most(&run->plan);
    json_t *r;
    json_array_foreach(run->journal.records, i, r)
    {
        size_t rows = record_get_dim(r, BATCH);
        double threads = record_get_number(r, "threads");
        bool is_shared = rows == most && record_get_number(r, "base_rows") == (double)most;
        if (!is_scaling(r, preset) || is_shared != shared)
            continue;
        double speedup = record_get_interval(r, "speedup").median;
        printf("%s", heading);
        heading = "";
        printf("%8.0f %9s %7zu ", threads, text(r, "placement"), rows);
        print_number(10, ns_of(r) * 1e-3);
        printf(" %11.0f ", record_get_number(r, "rows_per_s"));
        print_short(8, speedup);
        printf("%10.0f%%%s\n", 100 * speedup / threads, is_noisy(r) ? "  ~" : "");
    }
}

static void report_scaling(const struct run *run, const char *preset)
{
    const json_t *first = NULL;
    size_t i;
    json_t *r;
    json_array_foreach(run->journal.records, i, r)
    {
        if (!first && is_scaling(r, preset))
            first = r;
    }
    if (!first)
        return;
    printf("\nThe whole model, %s, by threads, with ", preset);
    print_who(first);
    if (run->plan.placements_coincide)
        printf("; compact and spread seat them alike here");
    printf("\n threads placement    rows   us/batch      rows/s speed-up efficiency\n");
    char each[64];
    snprintf(each, sizeof each, " a batch of %zu rows for each thread\n", run->plan.rows_each);
    print_scaling(run, preset, true, " one batch, shared by all threads\n");
    print_scaling(run, preset, false, each);
}

void report_preset(const struct run *run, const struct ektm_preset *preset)
{
    char title[64];
    snprintf(title, sizeof title, "Layers of %s", preset->name);
    print_side_by_side(run, KIND_KERNEL, preset->name, title);
    snprintf(title, sizeof title, "The whole model, %s", preset->name);
    print_side_by_side(run, KIND_MODEL, preset->name, title);
    report_scaling(run, preset->name);
    fflush(stdout);
}

/* ---- the end --------------------------------------------------------------------------------- */

static bool is_skip(const json_t *r, const char *verdict)
{
    return record_kind(r) == KIND_SKIP && strcmp(text(r, "verdict"), verdict) == 0;
}

/* Whether a record before `at` skips for the same reason, and (`who`) the same backend and ISA. */
static bool came_before(const json_t *records, size_t at, bool who)
{
    const json_t *record = json_array_get(records, at);
    for (size_t i = 0; i < at; i++) {
        const json_t *r = json_array_get(records, i);
        if (is_skip(r, "skipped") && same(r, record, "reason") &&
            (!who || (same(r, record, "backend") && same(r, record, "isa"))))
            return true;
    }
    return false;
}

/* Each reason once, with the backends it holds for. */
static void print_skipped(const json_t *records)
{
    for (size_t i = 0; i < json_array_size(records); i++) {
        const json_t *record = json_array_get(records, i);
        const char *between = "skipped ";
        if (!is_skip(record, "skipped") || came_before(records, i, false))
            continue;
        for (size_t k = i; k < json_array_size(records); k++) {
            const json_t *r = json_array_get(records, k);
            if (!is_skip(r, "skipped") || !same(r, record, "reason") ||
                came_before(records, k, true))
                continue;
            printf("%s", between);
            print_who(r);
            between = ", ";
        }
        printf(": %s\n", text(record, "reason"));
    }
}

static void print_invalid(const json_t *records)
{
    for (size_t i = 0; i < json_array_size(records); i++) {
        const json_t *r = json_array_get(records, i);
        if (!is_skip(r, "invalid"))
            continue;
        printf("INVALID %s", text(r, "name"));
        if (*text(r, "layer"))
            printf(" in %s", text(r, "layer"));
        if (record_get_dim(r, BATCH))
            printf(", %zu rows", record_get_dim(r, BATCH));
        printf(":\n  %s\n", text(r, "reason"));
    }
}

/* The model record of most rows a second, with one thread or with any number. */
static const json_t *most_rows(const struct run *run, const char *preset, bool one_thread)
{
    const json_t *best = NULL;
    size_t i;
    json_t *r;
    json_array_foreach(run->journal.records, i, r)
    {
        if (record_kind(r) != KIND_MODEL || strcmp(text(r, "preset"), preset) != 0 ||
            (one_thread && record_get_number(r, "threads") > 1))
            continue;
        if (!best || record_get_number(r, "rows_per_s") > record_get_number(best, "rows_per_s"))
            best = r;
    }
    return best;
}

static void print_answer(const struct run *run, const char *preset)
{
    const json_t *core = most_rows(run, preset, true), *all = most_rows(run, preset, false);
    if (!core)
        return;
    printf("%s: fastest is ", preset);
    print_who(core);
    printf(": %.0f rows/s on one core (batches of %zu)", record_get_number(core, "rows_per_s"),
           record_get_dim(core, BATCH));
    if (all != core)
        printf(",\n  %.0f rows/s on this machine (%.0f threads, %s)",
               record_get_number(all, "rows_per_s"), record_get_number(all, "threads"),
               text(all, "placement"));
    printf("\n");
}

void report_end(const struct run *run)
{
    size_t noisy = 0, busy = 0, i;
    json_t *r;
    json_array_foreach(run->journal.records, i, r)
    {
        noisy += is_noisy(r);
        busy += is_noisy(r) && strstr(text(r, "reason"), BUSY_REASON) != NULL;
    }
    printf("\n");
    print_skipped(run->journal.records);
    print_invalid(run->journal.records);
    for (size_t p = 0; p < run->plan.presets; p++)
        print_answer(run, run->plan.preset[p]->name);
    if (busy > json_array_size(run->journal.records) / 10)
        printf("Other work kept the processors busy during %zu records: on an idle machine "
               "figures differ.\n",
               busy);
    printf("%zu records, %zu of them noisy, in %s\n", json_array_size(run->journal.records), noisy,
           run->journal.results.path);
    fflush(stdout);
}
