/* AliExpress' searches (Tianchi 74690), in either of two forms.
 *
 * With names, as most who use it have it: search_id, categorical_*, numerical_*, click, conversion.
 *
 * As published, without names: products shown (xx_item_*.csv), each a line of the search page's id,
 * 47 features and a label (0 shown, 1 clicked, 2 bought), and search pages (xx_user_*.csv), each a
 * line of its id and 32 features of user and query. Features are named U1 .. U32 and I1 .. I47;
 * which of them are words, the user says. */
#include "harness/data/source.h"
#include "harness/data/table.h"

#include <stdlib.h>
#include <string.h>

enum { USER_FEATURES = 32, ITEM_FEATURES = 47, FEATURES_MAX = 1024 };

/* Columns that are words, or numbers. */
struct columns {
    size_t words, numbers;
    size_t word[FEATURES_MAX], number[FEATURES_MAX];
};

struct aliexpress {
    struct table items;
    struct keyed pages;
    struct columns item, page; /* of both files' features; with names: all are the item's */
    size_t click, conversion, search;
    bool named;
};

/* ---- features -------------------------------------------------------------------------------- */

/* Puts a line's features into fields from `field` on and into dense features. */
static bool put_features(struct source *s, const struct table *table, const struct columns *columns,
                         struct dataset *rows, size_t field, size_t of, float *dense,
                         struct fault *fault)
{
    for (size_t i = 0; i < columns->words; i++) {
        const char *cell = table->cell[columns->word[i]];
        if (*cell && !source_put_word(s, rows, field + i, of + i, cell, strlen(cell), fault))
            return false;
        source_end_field(rows, field + i);
    }
    for (size_t i = 0; i < columns->numbers; i++)
        if (!source_number(table->cell[columns->number[i]], &dense[i]))
            return table_fault(table, columns->number[i], "is not a finite number", fault);
    return true;
}

/* ---- search pages ---------------------------------------------------------------------------- */

static bool add_page(struct source *s, const struct table *table, struct fault *fault)
{
    struct aliexpress *a = s->state;
    struct dataset *rows = &a->pages.rows;
    bool known;
    if (!keyed_add(&a->pages, table->cell[0], &known, fault))
        return false;
    if (known)
        return table_fault(table, 0, "has an earlier line, too", fault);
    return source_begin_row(rows, fault) &&
           put_features(s, table, &a->page, rows, 0, 0, source_dense(rows), fault);
}

static bool read_pages(struct source *s, const char *path, struct fault *fault)
{
    struct aliexpress *a = s->state;
    struct table table;
    bool end = false, fine = true;
    if (!keyed_begin(&a->pages, a->page.words, a->page.numbers, fault) ||
        !table_open(&table, path, 1 + USER_FEATURES, fault))
        return false;
    while (fine && !end) {
        fine = table_read(&table, &end, fault);
        if (fine && !end)
            fine = add_page(s, &table, fault);
    }
    table_close(&table);
    return fine;
}

static bool put_page(struct aliexpress *a, struct dataset *rows, struct fault *fault)
{
    const size_t page = keyed_find(&a->pages, a->items.cell[0]);
    if (page == SIZE_MAX)
        return table_fault(&a->items, 0, "is no search page in the file of --users", fault);
    for (size_t f = 0; f < a->page.words; f++) {
        if (!keyed_put(&a->pages, page, f, rows, fault))
            return false;
        source_end_field(rows, f);
    }
    memcpy(source_dense(rows), a->pages.rows.feature + page * a->page.numbers,
           a->page.numbers * sizeof(float));
    return true;
}

/* ---- exposures ------------------------------------------------------------------------------- */

/* 0 shown, 1 clicked, 2 bought. */
static bool put_step(const struct table *table, uint8_t *label, struct fault *fault)
{
    const char *cell = table->cell[1 + ITEM_FEATURES];
    if (*cell < '0' || *cell > '2' || cell[1] != '\0')
        return table_fault(table, 1 + ITEM_FEATURES, "is no label; 0, 1 and 2 are allowed", fault);
    label[0] = *cell >= '1';
    label[1] = *cell == '2';
    return true;
}

static bool put_labels(const struct aliexpress *a, uint8_t *label, struct fault *fault)
{
    const size_t column[] = {a->click, a->conversion};
    if (!a->named)
        return put_step(&a->items, label, fault);
    for (size_t i = 0; i < 2; i++)
        if (!source_is_label(a->items.cell[column[i]], &label[i]))
            return table_fault(&a->items, column[i], "is no label; 0 and 1 are allowed", fault);
    return true;
}

static bool next(struct source *s, struct dataset *rows, bool *end, struct fault *fault)
{
    struct aliexpress *a = s->state;
    if (!table_read(&a->items, end, fault))
        return false;
    if (*end)
        return true;
    if (!source_begin_row(rows, fault) || !put_labels(a, source_label(rows), fault))
        return false;
    source_set_user(rows, source_user(a->items.cell[a->search]));
    return (a->named || put_page(a, rows, fault)) &&
           put_features(s, &a->items, &a->item, rows, a->page.words, a->page.words,
                        source_dense(rows) + a->page.numbers, fault);
}

/* ---- files ----------------------------------------------------------------------------------- */

static bool rewind_files(struct source *s, struct fault *fault)
{
    struct aliexpress *a = s->state;
    return table_rewind(&a->items, fault);
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static bool open_named(struct source *s, struct aliexpress *a, struct fault *fault)
{
    const char *name[FEATURES_MAX];
    struct columns *c = &a->item;
    a->named = true;
    if (!table_open(&a->items, s->files.input, 0, fault) ||
        !table_column(&a->items, "search_id", &a->search, fault) ||
        !table_column(&a->items, "click", &a->click, fault) ||
        !table_column(&a->items, "conversion", &a->conversion, fault))
        return false;
    for (size_t i = 0; i < a->items.columns; i++) {
        const char *column = a->items.name[i];
        if (c->words == FEATURES_MAX || c->numbers == FEATURES_MAX)
            return fault_caller(fault, "%s:1: more than %d features", s->files.input, FEATURES_MAX);
        if (begins(column, "categorical_")) {
            name[c->words] = column;
            c->word[c->words++] = i;
        } else if (begins(column, "numerical_")) {
            c->number[c->numbers++] = i;
        } else if (i != a->search && i != a->click && i != a->conversion) {
            return fault_caller(fault,
                                "%s:1: column %zu: '%s' is unknown; search_id, "
                                "categorical_*, numerical_*, click and conversion are "
                                "allowed",
                                s->files.input, i + 1, shown(column).text);
        }
    }
    return c->words ? source_fields(s, c->words, name, c->numbers, 1, fault)
                    : fault_caller(fault, "%s:1: there is no column categorical_*", s->files.input);
}

/* Whether `name` is among the words of --categorical; `*left` counts down how many are still to be
 * found. */
static bool is_word(const char *list, const char *name, size_t *left)
{
    const size_t length = strlen(name);
    for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (strncmp(at, name, length) == 0 && (at[length] == ',' || at[length] == '\0')) {
            --*left;
            return true;
        }
    return false;
}

/* Sorts the features of one file into words and numbers; returns how many names it added. */
static size_t sort_features(struct columns *c, const char *list, char letter, size_t features,
                            char (*name)[8], size_t *left)
{
    for (size_t i = 1; i <= features; i++) {
        snprintf(name[c->words], sizeof *name, "%c%zu", letter, i);
        if (is_word(list, name[c->words], left))
            c->word[c->words++] = i;
        else
            c->number[c->numbers++] = i;
    }
    return c->words;
}

static bool open_published(struct source *s, struct aliexpress *a, struct fault *fault)
{
    char text[USER_FEATURES + ITEM_FEATURES + 2][8];
    const char *name[USER_FEATURES + ITEM_FEATURES], *list = s->files.categorical;
    size_t left = 1;
    for (const char *c = list; c && *c; c++)
        left += *c == ',';
    if (!list)
        return fault_caller(fault,
                            "--categorical is needed with --users: which of U1 .. U%d and I1 "
                            ".. I%d are words, joined by commas",
                            USER_FEATURES, ITEM_FEATURES);
    size_t words = sort_features(&a->page, list, 'U', USER_FEATURES, text, &left);
    words += sort_features(&a->item, list, 'I', ITEM_FEATURES, text + words, &left);
    if (left || !words)
        return fault_caller(fault,
                            "--categorical: '%s' names what is neither U1 .. U%d nor I1 .. "
                            "I%d, or names one twice",
                            list, USER_FEATURES, ITEM_FEATURES);
    for (size_t i = 0; i < words; i++)
        name[i] = text[i];
    return source_fields(s, words, name, a->page.numbers + a->item.numbers, 1, fault) &&
           read_pages(s, s->files.users, fault) &&
           table_open(&a->items, s->files.input, 2 + ITEM_FEATURES, fault);
}

static bool open_files(struct source *s, const struct source_files *files, struct fault *fault)
{
    struct aliexpress *a = s->state = calloc(1, sizeof *a);
    if (!a)
        return fault_memory(fault, "a data set");
    return files->users ? open_published(s, a, fault) : open_named(s, a, fault);
}

static void close_files(struct source *s)
{
    struct aliexpress *a = s->state;
    table_close(&a->items);
    keyed_free(&a->pages);
    free(a);
}

const struct source_format aliexpress_format = {
    "aliexpress",
    "a file with the names search_id, categorical_*, numerical_*, click, conversion; or "
    "xx_item_*.csv, with --users xx_user_*.csv and --categorical",
    open_files,
    next,
    rewind_files,
    close_files};
