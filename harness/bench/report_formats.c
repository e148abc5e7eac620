/* The table of number formats: what each gains in time and costs in predictions and ranking. */
#include "harness/bench/cells.h"
#include "harness/bench/report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Whether the record is of one of our models on one thread. */
static bool is_ours(const json_t *r, const char *preset)
{
    const struct backend *backend = NULL;
    for (const struct backend *const *b = backends; *b; b++)
        backend = strcmp((*b)->name, cell_text(r, "backend")) == 0 ? *b : backend;
    return record_kind(r) == KIND_MODEL && strcmp(cell_text(r, "preset"), preset) == 0 &&
           !json_object_get(r, "speedup") && !cell_invalid(r) && !cell_by_layers(r) && backend &&
           !backend->peer && strcmp(backend->name, "compiler") != 0 &&
           strcmp(backend->name, "reference") != 0;
}

/* Whether it is one of those side by side with others, not one that a search passed. */
static bool belongs(const json_t *r, const char *preset)
{
    return is_ours(r, preset) && !json_object_get(r, "step");
}

/* The fastest of ours in the formats and at the batch of `row`. */
static bool is_best(const struct run *run, const json_t *row, const char *preset)
{
    size_t i;
    json_t *r;
    json_array_foreach(run->journal.records, i, r)
    {
        if (belongs(r, preset) && cell_same(r, row, "formats") &&
            record_get_dim(r, BATCH) == record_get_dim(row, BATCH) && cell_ns(r) < cell_ns(row))
            return false;
    }
    return true;
}

/* Over all predictions: the largest, the smallest, the mean. */
struct spread {
    double most, least, mean;
};

static struct spread spread_of(const json_t *record, const char *column)
{
    struct spread spread = {-INFINITY, INFINITY, 0};
    json_t *numbers = json_object_get(record, column);
    for (void *i = json_object_iter(numbers); i; i = json_object_iter_next(numbers, i)) {
        const json_t *value = json_object_iter_value(i);
        const double number = json_is_number(value) ? json_number_value(value) : NAN;
        spread.most = fmax(spread.most, number);
        spread.least = fmin(spread.least, number);
        spread.mean += number / (double)json_object_size(numbers);
    }
    return spread;
}

static void print_line(const json_t *r)
{
    const bool wide = !json_object_get(r, "off_most");
    printf("%-6s%6zu", cell_text(r, "dtype"), record_get_dim(r, BATCH));
    print_number(9, cell_us_per_row(r));
    printf("%c ", cell_noisy(r) ? '~' : ' ');
    print_short(6, wide ? 1 : record_get_interval(r, "x_f32").median);
    if (!wide) {
        printf(" %-6s  %9.1e  %9.1e", cell_verdict(cell_text(r, "versus_f32")),
               spread_of(r, "off_most").most, spread_of(r, "off_mean").mean);
        const double tau = spread_of(r, "tau").least;
        if (isfinite(tau))
            printf("  %8.5f", tau);
        else
            printf("  %8s", "-");
    }
    printf("\n");
}

/* What single layers have, where they differ. */
static void print_mixed(const struct run *run, const char *preset)
{
    size_t i;
    json_t *r;
    json_array_foreach(run->journal.records, i, r)
    {
        if (belongs(r, preset) && strcmp(cell_text(r, "dtype"), "mixed") == 0) {
            printf(" mixed: %s\n", cell_text(r, "formats"));
            return;
        }
    }
}

void report_formats(const struct run *run, const char *preset)
{
    size_t narrow = 0, i;
    json_t *r;
    json_array_foreach(run->journal.records, i, r)
    {
        narrow += belongs(r, preset) && strcmp(cell_text(r, "dtype"), "f32") != 0;
    }
    if (!narrow)
        return;
    printf("\nThe whole model, %s, by number format: the best of ours, on one thread\n", preset);
    printf("%-6s%6s%9s  %6s %-6s  %9s  %9s  %8s\n", "format", "rows", "us a row", "x f32", "",
           "off most", "off mean", "tau");
    json_array_foreach(run->journal.records, i, r)
    {
        if (belongs(r, preset) && is_best(run, r, preset))
            print_line(r);
    }
    print_mixed(run, preset);
    printf(" off: differences of predictions from f32's; tau: Kendall's, between the rankings\n");
}

/* ---- a search -------------------------------------------------------------------------------- */

static double error_of(const json_t *r)
{
    return json_object_get(r, "off_mean") ? spread_of(r, "off_mean").mean : 0;
}

/* Whether `r` is on the way of the search that `first` is of: f32, where it begins, too. */
static bool is_on_way(const json_t *r, const json_t *first, const char *preset)
{
    return is_ours(r, preset) && cell_same(r, first, "backend") && cell_same(r, first, "isa") &&
           record_get_dim(r, BATCH) == record_get_dim(first, BATCH) &&
           (json_object_get(r, "step") || strcmp(cell_text(r, "dtype"), "f32") == 0);
}

static bool is_beaten(const struct run *run, const json_t *row, const json_t *first,
                      const char *preset)
{
    size_t i;
    json_t *r;
    json_array_foreach(run->journal.records, i, r)
    {
        if (is_on_way(r, first, preset) && cell_ns(r) < cell_ns(row) &&
            error_of(r) <= error_of(row))
            return true;
    }
    return false;
}

/* The layers that have that format, "" where none has. */
static void print_layers(const json_t *r, const char *dtype)
{
    const char *formats = cell_text(r, "formats"), *separator = "";
    if (strcmp(formats, dtype) == 0) {
        printf("  %s: all", dtype);
        return;
    }
    for (const char *at = formats; *at; at += strcspn(at, ",") + (at[strcspn(at, ",")] == ',')) {
        const char *equals = strchr(at, '=');
        const size_t length = strlen(dtype);
        if (!equals || strncmp(equals + 1, dtype, length) != 0 ||
            (equals[1 + length] != ',' && equals[1 + length] != '\0'))
            continue;
        if (!*separator)
            printf("  %s:", dtype);
        separator = " ";
        printf("%s%.*s", separator, (int)(equals - at), at);
    }
}

static void print_step(const json_t *r, bool beaten)
{
    const bool wide = !json_object_get(r, "step");
    print_number(9, cell_us_per_row(r));
    printf("%c%c", cell_noisy(r) ? '~' : ' ', beaten ? '-' : ' ');
    print_short(6, wide ? 1 : record_get_interval(r, "x_f32").median);
    printf("  %9.1e  %9.1e", error_of(r), wide ? 0 : spread_of(r, "off_most").most);
    if (wide)
        printf("  f32: all");
    else {
        print_layers(r, "bf16");
        print_layers(r, "i8");
    }
    printf("\n");
}

void report_search(const struct run *run, const char *preset)
{
    const json_t *first = NULL;
    size_t i;
    json_t *r;
    json_array_foreach(run->journal.records, i, r)
    {
        if (!first && is_ours(r, preset) && json_object_get(r, "step"))
            first = r;
    }
    if (!first)
        return;
    printf("\n%s, formats of layers at %zu rows: less time for more error; - beaten in both\n",
           preset, record_get_dim(first, BATCH));
    printf("%9s %8s  %9s  %9s  %s\n", "us a row", "x f32", "off mean", "off most", "narrowed");
    json_array_foreach(run->journal.records, i, r)
    {
        if (is_on_way(r, first, preset))
            print_step(r, is_beaten(run, r, first, preset));
    }
}
