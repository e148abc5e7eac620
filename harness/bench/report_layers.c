/* The tables of layers and of the whole model on one thread: one line for each shape, one column
 * for each of ours, the compiler's best, each peer, and the best peer at each layer. */
#include "harness/bench/cells.h"
#include "harness/bench/contender.h"
#include "harness/bench/report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { COLUMNS_MAX = 32, LAYERS_SHOWN = 6, MODELS_SHOWN = 7 /* columns side by side */ };

/* Whose times a column holds. The compiler's is the best of what it makes for any ISA. */
enum who { WHO_COMPILER, WHO_OURS, WHO_PEER, WHO_REFERENCE };

struct table {
    const json_t *records;
    enum kind kind;
    const char *preset, *dtype;
    size_t count;
    const json_t *column[COLUMNS_MAX]; /* a record of each; the reference only where it is alone */
    int width;                         /* of the column of layers' names */
};

static bool is_peers(const json_t *r)
{
    return strcmp(cell_text(r, "backend"), peers_backend.name) == 0;
}

static enum who who_of(const json_t *r)
{
    const char *name = cell_text(r, "backend");
    if (is_peers(r))
        return WHO_PEER;
    for (const struct backend *const *b = backends; *b; b++)
        if (strcmp((*b)->name, name) == 0 && (*b)->peer)
            return WHO_PEER;
    return strcmp(name, "compiler") == 0    ? WHO_COMPILER
           : strcmp(name, "reference") == 0 ? WHO_REFERENCE
                                            : WHO_OURS;
}

/* Whether the record is one of a comparison on one thread. */
static bool belongs(const struct table *table, const json_t *r)
{
    return record_kind(r) == table->kind && strcmp(cell_text(r, "preset"), table->preset) == 0 &&
           strcmp(cell_text(r, "dtype"), table->dtype) == 0 && !json_object_get(r, "speedup") &&
           !cell_invalid(r) && !cell_by_layers(r);
}

static bool same_column(const json_t *a, const json_t *b)
{
    bool merged = who_of(a) == WHO_COMPILER || who_of(a) == WHO_PEER;
    return cell_same(a, b, "backend") && (merged || cell_same(a, b, "isa"));
}

/* Whether both are of the same layer and batch. The reference has a batch of its own. */
static bool same_row(const json_t *a, const json_t *b)
{
    return cell_same(a, b, "layer") && (who_of(a) == WHO_REFERENCE || who_of(b) == WHO_REFERENCE ||
                                        record_get_dim(a, BATCH) == record_get_dim(b, BATCH));
}

static void add_columns(struct table *table, enum who who)
{
    size_t i;
    json_t *r;
    json_array_foreach((json_t *)(uintptr_t)table->records, i, r)
    {
        size_t known = 0;
        if (!belongs(table, r) || who_of(r) != who)
            continue;
        while (known < table->count && !same_column(table->column[known], r))
            known++;
        if (known == table->count && known < COLUMNS_MAX)
            table->column[table->count++] = r;
    }
}

/* The fastest of the column's in that row, or NULL. */
static const json_t *find_cell(const struct table *table, const json_t *row, const json_t *column)
{
    const json_t *best = NULL;
    size_t i;
    json_t *r;
    json_array_foreach((json_t *)(uintptr_t)table->records, i, r)
    {
        if (belongs(table, r) && same_row(r, row) && same_column(r, column) &&
            (!best || cell_us_per_row(r) < cell_us_per_row(best)))
            best = r;
    }
    return best;
}

/* The fastest of the row: of ours where there is one. */
static const json_t *best_of_row(const struct table *table, const json_t *row, bool ours)
{
    const json_t *best = NULL;
    for (size_t c = 0; c < table->count; c++) {
        const json_t *cell = find_cell(table, row, table->column[c]);
        if (cell && (!ours || who_of(cell) == WHO_OURS) &&
            (!best || cell_us_per_row(cell) < cell_us_per_row(best)))
            best = cell;
    }
    return best || !ours ? best : best_of_row(table, row, false);
}

/* Whether the record is the first of its row; references stand for one where they are alone. */
static bool starts_row(const struct table *table, size_t at)
{
    const json_t *record = json_array_get(table->records, at);
    if (!belongs(table, record))
        return false;
    bool only_references = true;
    for (size_t i = 0; i < json_array_size(table->records); i++) {
        const json_t *r = json_array_get(table->records, i);
        if (!belongs(table, r) || !cell_same(r, record, "layer"))
            continue;
        only_references = only_references && who_of(r) == WHO_REFERENCE;
        if (i < at && who_of(r) == who_of(record) && same_row(r, record))
            return false;
        if (i < at && who_of(r) != WHO_REFERENCE && same_row(r, record))
            return false;
    }
    return only_references || who_of(record) != WHO_REFERENCE;
}

static bool is_narrow(const struct table *table) { return strcmp(table->dtype, "f32") != 0; }

/* The column of the last ratio of a line; "": there is none. */
static const char *last_ratio(const struct table *table)
{
    return is_narrow(table) ? "x_f32" : table->kind == KIND_MODEL ? "x_reference" : "";
}

/* As wide as the longest name that is shown; inference's are of 11 characters at most. */
static int name_width(const struct table *table)
{
    size_t width = 11;
    for (size_t i = 0; i < json_array_size(table->records); i++) {
        const json_t *r = json_array_get(table->records, i);
        const size_t length = belongs(table, r) ? strlen(cell_text(r, "layer")) : 0;
        width = length > width ? length : width;
    }
    return (int)width;
}

static void print_heads(const struct table *table, size_t first, size_t last)
{
    bool model = table->kind == KIND_MODEL;
    if (!model)
        printf("%-*s", table->width, "layer");
    printf("%6s", "rows");
    for (size_t c = first; c < last; c++)
        printf("%9.8s", cell_text(table->column[c], "backend"));
    if (first == 0)
        printf(" | %4s %-7s %6s %6s", "roof", "bound", "x comp", "x peer");
    if (first == 0 && *last_ratio(table))
        printf("%12s", is_narrow(table) ? "x f32" : "x ref");
    printf("\n");
}

/* Of the best of ours: how near its bound, and how much faster than the others' best. */
static void print_best(const struct table *table, const json_t *best)
{
    double roofline = record_get_number(best, "roofline");
    const char *verdict = cell_text(best, "versus_peer");
    printf(" |");
    if (isfinite(roofline))
        printf("%4.0f%%", 100 * roofline);
    else
        printf("%5s", "-");
    printf(" %-7.7s ", cell_text(best, "bound"));
    print_short(6, record_get_interval(best, "x_compiler").median);
    printf(" ");
    print_short(6, record_get_interval(best, "x_peer").median);
    printf(*last_ratio(table) ? " %-6s" : " %s", cell_verdict(verdict));
    if (*last_ratio(table))
        print_short(5, record_get_interval(best, last_ratio(table)).median);
}

static void print_row(const struct table *table, const json_t *row, size_t first, size_t last)
{
    const json_t *fastest = best_of_row(table, row, false);
    if (table->kind != KIND_MODEL)
        printf("%-*s", table->width, cell_text(row, "layer"));
    printf("%6zu", record_get_dim(row, BATCH));
    for (size_t c = first; c < last; c++) {
        const json_t *cell = find_cell(table, row, table->column[c]);
        print_number(8, cell ? cell_us_per_row(cell) : NAN);
        printf("%c", cell && cell_noisy(cell) ? '~' : cell && cell == fastest ? '*' : ' ');
    }
    if (first == 0)
        print_best(table, best_of_row(table, row, true));
    printf("\n");
}

static void print_side_by_side(const struct run *run, enum kind kind, const char *preset,
                               const char *dtype, const char *title)
{
    struct table table = {run->journal.records, kind, preset, dtype, 0, {NULL}};
    for (enum who who = WHO_COMPILER; who < WHO_REFERENCE; who++)
        add_columns(&table, who);
    if (!table.count)
        add_columns(&table, WHO_REFERENCE);
    table.width = name_width(&table);
    size_t shown = kind == KIND_MODEL ? MODELS_SHOWN : LAYERS_SHOWN;
    for (size_t first = 0; first < table.count; first += shown) {
        size_t last = first + shown < table.count ? first + shown : table.count;
        printf("\n%s: us a row on one thread, %s; * least, ~ noisy%s\n", title,
               cache_name(run->plan.cache), first ? " (continued)" : "");
        print_heads(&table, first, last);
        for (size_t i = 0; i < json_array_size(table.records); i++)
            if (starts_row(&table, i))
                print_row(&table, json_array_get(table.records, i), first, last);
        for (size_t c = first; c < last; c++)
            if (is_peers(table.column[c]))
                printf(" %s: %s, as timed above\n", peers_backend.name, peers_backend.about);
    }
}

/* A table for each number format, f32's first. */
static void print_formats(const struct run *run, enum kind kind, const char *preset,
                          const char *title)
{
    static const char *const formats[] = {"f32", "bf16", "i8", "mixed"};
    for (size_t f = 0; f < sizeof formats / sizeof *formats; f++) {
        char text[96];
        snprintf(text, sizeof text, f ? "%s, %s%s" : "%s", title, formats[f],
                 strcmp(formats[f], "mixed") == 0 ? " formats" : "");
        print_side_by_side(run, kind, preset, formats[f], text);
    }
}

void report_layers(const struct run *run, const struct ektm_preset *preset)
{
    char title[64];
    snprintf(title, sizeof title, "Layers of %s", preset->name);
    print_formats(run, KIND_KERNEL, preset->name, title);
    snprintf(title, sizeof title, "The whole model, %s", preset->name);
    print_formats(run, KIND_MODEL, preset->name, title);
}
