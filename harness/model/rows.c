#include "harness/model/rows.h"

#include "reference/operands.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- columns --------------------------------------------------------------------------------- */

/* Columns are numbered as EKTM.md lists them: f0 .., d0 .., click, conv1 .., and then user. */
static size_t labels_at(const struct ektm_config *c) { return c->fields + c->dense; }
static size_t user_at(const struct ektm_config *c) { return labels_at(c) + 1 + c->tasks; }
static size_t known_columns(const struct ektm_config *c) { return user_at(c) + 1; }

struct name {
    char text[32];
};

static struct name column_name(const struct ektm_config *c, size_t column)
{
    struct name name;
    if (column < c->fields)
        snprintf(name.text, sizeof name.text, "f%zu", column);
    else if (column < labels_at(c))
        snprintf(name.text, sizeof name.text, "d%zu", column - c->fields);
    else if (column == labels_at(c))
        snprintf(name.text, sizeof name.text, "click");
    else if (column == user_at(c))
        snprintf(name.text, sizeof name.text, "user");
    else
        snprintf(name.text, sizeof name.text, "conv%zu", column - labels_at(c));
    return name;
}

/* The column of that name; SIZE_MAX: there is none. */
static size_t column_of(const struct ektm_config *c, const char *text)
{
    size_t digits = strcspn(text, "0123456789");
    size_t number = strtoull(text + digits, NULL, 10), column = SIZE_MAX;
    if (text[0] == 'f' && number < c->fields)
        column = number;
    else if (text[0] == 'd' && number < c->dense)
        column = c->fields + number;
    else if (strcmp(text, "click") == 0)
        column = labels_at(c);
    else if (strcmp(text, "user") == 0)
        column = user_at(c);
    else if (text[0] == 'c' && number >= 1 && number <= c->tasks)
        column = labels_at(c) + number;
    /* So that neither f01 nor feature1 is f1. */
    return column != SIZE_MAX && strcmp(column_name(c, column).text, text) == 0 ? column : SIZE_MAX;
}

/* ---- sentences ------------------------------------------------------------------------------- */

/* A fault at a cell of the current line. */
static bool cell_fault(const struct rows *rows, size_t column, struct fault *fault,
                       const char *cell, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

static bool cell_fault(const struct rows *rows, size_t column, struct fault *fault,
                       const char *cell, const char *format, ...)
{
    char what[256];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return fault_caller(fault, "%s:%zu: column %zu (%s): '%s' %s", rows->path, rows->lines.line,
                        rows->position[column] + 1, column_name(rows->config, column).text,
                        shown(cell).text, what);
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* Reads a line. `*end`: there is none left. */
static bool read_line(struct rows *rows, size_t *length, bool *end, struct fault *fault)
{
    if (!lines_read(&rows->lines, length, end, fault))
        return false;
    const char *quote = *end ? NULL : strchr(rows->lines.text, '"');
    size_t column = 1;
    for (const char *c = rows->lines.text; quote && c < quote; c++)
        column += *c == ',';
    return quote ? fault_caller(fault,
                                "%s:%zu: column %zu: has a quotation mark; cells are not quoted",
                                rows->path, rows->lines.line, column)
                 : true;
}

/* Reads the next row and cuts it. Empty lines are skipped if nothing follows them. */
static bool next_row(struct rows *rows, bool *end, struct fault *fault)
{
    size_t length = 0, empty = 0;
    for (;;) {
        if (!read_line(rows, &length, end, fault))
            return false;
        if (*end)
            return true;
        if (length || rows->columns == 1)
            break;
        empty = empty ? empty : rows->lines.line;
    }
    if (empty)
        return fault_caller(fault, "%s:%zu: is empty; empty lines are allowed only at the end",
                            rows->path, empty);
    size_t cells = lines_cut(rows->lines.text, ',', rows->cell, rows->columns);
    return cells == rows->columns
               ? true
               : fault_caller(fault, "%s:%zu: has %zu columns; the first line names %zu",
                              rows->path, rows->lines.line, cells, rows->columns);
}

/* ---- names ----------------------------------------------------------------------------------- */

static bool place_columns(struct rows *rows, struct fault *fault)
{
    const struct ektm_config *c = rows->config;
    for (size_t i = 0; i < known_columns(c); i++)
        rows->position[i] = SIZE_MAX;
    for (size_t i = 0; i < rows->columns; i++) {
        size_t column = column_of(c, rows->cell[i]);
        if (column == SIZE_MAX)
            return fault_caller(fault,
                                "%s:1: column %zu: '%s' is unknown; the model takes f0 to f%zu, "
                                "%zu dense features from d0, labels click, conv1 to conv%zu, "
                                "and user",
                                rows->path, i + 1, shown(rows->cell[i]).text, c->fields - 1,
                                c->dense, c->tasks);
        if (rows->position[column] != SIZE_MAX)
            return fault_caller(fault, "%s:1: column %zu: '%s' is column %zu, too", rows->path,
                                i + 1, rows->cell[i], rows->position[column] + 1);
        rows->position[column] = i;
    }
    for (size_t i = 0; i < labels_at(c); i++)
        if (rows->position[i] == SIZE_MAX)
            return fault_caller(fault, "%s:1: column '%s' is missing", rows->path,
                                column_name(c, i).text);
    return true;
}

static bool read_names(struct rows *rows, struct fault *fault)
{
    size_t length = 0;
    bool end;
    if (!read_line(rows, &length, &end, fault))
        return false;
    if (end)
        return fault_caller(fault, "%s: is empty; the first line names the columns", rows->path);
    rows->columns = 1;
    for (const char *c = rows->lines.text; *c; c++)
        rows->columns += *c == ',';
    rows->cell = calloc(rows->columns, sizeof *rows->cell);
    rows->position = calloc(known_columns(rows->config), sizeof *rows->position);
    if (!rows->cell || !rows->position)
        return fault_memory(fault, "the columns of the rows");
    lines_cut(rows->lines.text, ',', rows->cell, rows->columns);
    return place_columns(rows, fault);
}

bool rows_open(struct rows *rows, const char *path, const struct ektm_config *config,
               struct fault *fault)
{
    *rows = (struct rows){.config = config};
    if (lines_open(&rows->lines, path, fault)) {
        rows->path = rows->lines.path;
        if (read_names(rows, fault))
            return true;
    }
    rows_close(rows);
    return false;
}

/* The least number of columns of that letter, or word, that has the column `name`. */
static void count_column(const char *name, const char *word, size_t first, size_t *count)
{
    const size_t length = strlen(word);
    if (strncmp(name, word, length) != 0 || !isdigit((unsigned char)name[length]))
        return;
    const size_t number = strtoull(name + length, NULL, 10);
    const size_t least = number < SIZE_MAX ? number + 1 - first : SIZE_MAX;
    *count = *count > least ? *count : least;
}

bool rows_sizes(const char *path, struct ektm_config *config, struct fault *fault)
{
    struct lines lines;
    size_t length;
    bool end;
    *config = (struct ektm_config){.tasks = 1};
    if (strcmp(path, "-") == 0)
        return fault_caller(fault, "standard input: rows are read twice, first for their sizes; "
                                   "name a file");
    if (!lines_open(&lines, path, fault))
        return false;
    bool fine = lines_read(&lines, &length, &end, fault);
    for (char *rest = fine && !end ? lines.text : NULL, *name; (name = strsep(&rest, ","));) {
        count_column(name, "f", 0, &config->fields);
        count_column(name, "d", 0, &config->dense);
        count_column(name, "conv", 1, &config->tasks);
    }
    const bool sized = config->fields >= 1 && config->fields <= FIELDS_MAX &&
                       config->dense <= COLUMNS_MAX && config->tasks <= TASKS_MAX;
    if (fine && !sized)
        fine = fault_caller(fault,
                            "%s:1: columns f0 to f%d, d0 to d%d and conv1 to conv%d are "
                            "allowed, at least f0",
                            path, FIELDS_MAX - 1, COLUMNS_MAX - 1, TASKS_MAX);
    lines_close(&lines);
    for (size_t f = 0; f < config->fields && fine; f++)
        config->rows[f] = INT32_MAX;
    return fine;
}

bool rows_have_label(const struct rows *rows, size_t task)
{
    return rows->position[labels_at(rows->config) + task] != SIZE_MAX;
}

bool rows_have_user(const struct rows *rows)
{
    return rows->position[user_at(rows->config)] != SIZE_MAX;
}

void rows_close(struct rows *rows)
{
    lines_close(&rows->lines);
    free(rows->cell);
    free(rows->position);
    *rows = (struct rows){.path = NULL};
}

/* ---- cells ----------------------------------------------------------------------------------- */

/* Parses the id at the beginning of `text`; returns where it ends, NULL after a fault. */
static const char *parse_id(const struct rows *rows, size_t field, const char *text, int32_t *id,
                            struct fault *fault)
{
    size_t limit = rows->config->rows[field];
    uint64_t value = 0;
    size_t digits = 0;
    for (; isdigit((unsigned char)text[digits]); digits++)
        if (value < limit)
            value = value * 10 + (uint64_t)(text[digits] - '0');
    bool ends = text[digits] == '|' || text[digits] == '\0';
    if (digits && ends && value < limit) {
        *id = (int32_t)value;
        return text + digits;
    }
    const char *what = digits && ends                                      ? "is too large"
                       : text[0] == '-' && isdigit((unsigned char)text[1]) ? "is negative"
                       : digits == 0 && ends                               ? "is no id"
                                             : "is not a whole number";
    char word[32];
    snprintf(word, sizeof word, "%.*s", (int)strcspn(text, "|"), text);
    cell_fault(rows, field, fault, word, "%s; ids of this field are 0 to %zu, joined by |", what,
               limit - 1);
    return NULL;
}

/* Appends a bag's ids behind `*at`. */
static bool parse_bag(const struct rows *rows, size_t field, struct activations *activations,
                      size_t *at, struct fault *fault)
{
    const char *cell = rows->cell[rows->position[field]], *text = cell;
    size_t begin = *at;
    while (*cell) {
        if (*at - begin == BAG_IDS_MAX)
            return cell_fault(rows, field, fault, cell, "has more than %d ids, the most allowed",
                              BAG_IDS_MAX);
        if (!activations_reserve(activations, *at + 1, fault))
            return false;
        int32_t *ids = activations->memory.buffer[BUFFER_IDS].data;
        text = parse_id(rows, field, text, &ids[*at], fault);
        if (!text)
            return false;
        ++*at;
        if (*text++ == '\0')
            break;
    }
    return true;
}

static bool parse_dense(const struct rows *rows, size_t column, float *to, struct fault *fault)
{
    const char *cell = rows->cell[rows->position[column]];
    char *end;
    *to = strtof(cell, &end);
    bool number =
        end != cell && *end == '\0' && !isspace((unsigned char)*cell) && !strpbrk(cell, "xX");
    if (!number)
        return cell_fault(rows, column, fault, cell, "is not a number");
    return isfinite(*to) ? true
                         : cell_fault(rows, column, fault, cell,
                                      "is not finite in 32 bits; other numbers "
                                      "are not allowed");
}

static bool parse_label(const struct rows *rows, size_t column, uint8_t *to, struct fault *fault)
{
    const char *cell = rows->position[column] == SIZE_MAX ? "" : rows->cell[rows->position[column]];
    *to = *cell == '\0' ? LABEL_MISSING : *cell == '1';
    return *cell == '\0' || strcmp(cell, "0") == 0 || strcmp(cell, "1") == 0
               ? true
               : cell_fault(rows, column, fault, cell, "is no label; 0, 1 and nothing are allowed");
}

/* Whether the row's labels follow the pattern: what a conversion needs is the click or the last
 * conversion before it that is known. */
static bool check_pattern(const struct rows *rows, const uint8_t *label, struct fault *fault)
{
    const struct ektm_config *c = rows->config;
    size_t needed = 0;
    for (size_t i = 1; i <= c->tasks && rows->pattern != LABELS_ANY; i++) {
        const size_t column = labels_at(c) + i;
        if (label[i] == 1 && label[needed] == 0)
            return cell_fault(rows, column, fault, "1",
                              "without %s; %s pattern, a conversion needs it",
                              column_name(c, labels_at(c) + needed).text,
                              rows->pattern == LABELS_SEQUENTIAL ? "in the sequential" : "in any");
        if (label[i] != LABEL_MISSING && rows->pattern == LABELS_SEQUENTIAL)
            needed = i;
    }
    return true;
}

static bool parse_user(const struct rows *rows, uint64_t *to, struct fault *fault)
{
    const size_t column = user_at(rows->config);
    const char *cell = rows->position[column] == SIZE_MAX ? "" : rows->cell[rows->position[column]];
    char *end;
    errno = 0;
    *to = *cell == '\0' ? USER_NONE : strtoull(cell, &end, 10);
    return *cell == '\0' ||
                   (isdigit((unsigned char)*cell) && *end == '\0' && errno == 0 && *to != USER_NONE)
               ? true
               : cell_fault(rows, column, fault, cell,
                            "is no user; whole numbers below 2^64 - 1 and nothing are allowed");
}

/* Puts the current line into row `row`; ids go behind `*at`. */
static bool parse_row(const struct rows *rows, struct activations *activations, size_t row,
                      size_t *at, struct fault *fault)
{
    const struct ektm_config *c = rows->config;
    const struct tensor *dense = &activations->memory.buffer[BUFFER_DENSE];
    int32_t *bags = activations->memory.buffer[BUFFER_BAGS].data;
    for (size_t f = 0; f < c->fields; f++) {
        if (!parse_bag(rows, f, activations, at, fault))
            return false;
        bags[row * c->fields + f + 1] = (int32_t)*at;
    }
    for (size_t d = 0; d < c->dense; d++)
        if (!parse_dense(rows, c->fields + d, (float *)dense->data + row * dense->ld + d, fault))
            return false;
    uint8_t *label = activations->label + row * (c->tasks + 1);
    for (size_t l = 0; l <= c->tasks; l++)
        if (!parse_label(rows, labels_at(c) + l, &label[l], fault))
            return false;
    return check_pattern(rows, label, fault) && parse_user(rows, &activations->user[row], fault);
}

bool rows_read(struct rows *rows, struct activations *activations, size_t most, size_t *count,
               struct fault *fault)
{
    size_t at = 0;
    bool end = false, fine = true;
    *count = 0;
    activations->memory.ids = 0;
    ((int32_t *)activations->memory.buffer[BUFFER_BAGS].data)[0] = 0;
    rows->first_line = rows->lines.line + 1;
    most = most < activations->rows_max ? most : activations->rows_max;
    while (*count < most) {
        fine = next_row(rows, &end, fault);
        if (!fine || end)
            break;
        fine = parse_row(rows, activations, *count, &at, fault);
        if (!fine)
            break;
        ++*count;
        activations->memory.ids = at;
    }
    return fine;
}
