#include "harness/data/table.h"

#include <stdlib.h>
#include <string.h>

/* Takes the quotes off a cell that begins with one, in place, and finds its end: the comma or the
 * end of the text. NULL: the quotes do not end. */
static char *unquote(char *text)
{
    char *to = text;
    for (const char *from = text + 1; *from; from++) {
        if (*from == '"' && from[1] != '"') {
            char *end = text + (from + 1 - text);
            *to = '\0';
            return *end == '\0' || *end == ',' ? end : NULL;
        }
        from += *from == '"';
        *to++ = *from;
    }
    return NULL;
}

/* Cuts a line; returns how many cells it has, of which `cell` takes `room`; 0: quotes do not end.
 */
static size_t cut(char *text, char **cell, size_t room)
{
    size_t count = 0;
    for (char *at = text, *end;; at = end + 1) {
        const bool quoted = *at == '"';
        if (count < room)
            cell[count] = at;
        count++;
        end = quoted ? unquote(at) : at + strcspn(at, ",");
        if (!end)
            return 0;
        if (*end == '\0')
            return count;
        *end = '\0';
    }
}

static bool read_names(struct table *t, struct fault *fault)
{
    size_t length;
    bool end;
    if (!lines_read(&t->lines, &length, &end, fault))
        return false;
    if (end)
        return fault_caller(fault, "%s: is empty; the first line names the columns", t->lines.path);
    t->names = strdup(t->lines.text);
    t->name = calloc(length + 2, sizeof *t->name);
    if (!t->names || !t->name)
        return fault_memory(fault, "the names of columns");
    t->columns = cut(t->names, t->name, length + 1);
    return t->columns
               ? true
               : fault_caller(fault, "%s:1: has a quotation mark that does not end", t->lines.path);
}

bool table_open(struct table *t, const char *path, size_t columns, struct fault *fault)
{
    *t = (struct table){.columns = columns};
    if (!lines_open(&t->lines, path, fault))
        return false;
    if (columns || read_names(t, fault)) {
        t->cell = calloc(t->columns + 1, sizeof *t->cell);
        if (t->cell)
            return true;
        fault_memory(fault, "the cells of a line");
    }
    table_close(t);
    return false;
}

void table_close(struct table *t)
{
    lines_close(&t->lines);
    free(t->name);
    free(t->names);
    free(t->cell);
    *t = (struct table){.columns = 0};
}

bool table_read(struct table *t, bool *end, struct fault *fault)
{
    size_t length;
    if (!lines_read(&t->lines, &length, end, fault))
        return false;
    if (*end)
        return true;
    const size_t cells = cut(t->lines.text, t->cell, t->columns);
    if (cells == 0)
        return fault_caller(fault, "%s:%zu: has a quotation mark that does not end", t->lines.path,
                            t->lines.line);
    return cells == t->columns ? true
                               : fault_caller(fault, "%s:%zu: has %zu columns; there should be %zu",
                                              t->lines.path, t->lines.line, cells, t->columns);
}

bool table_rewind(struct table *t, struct fault *fault)
{
    size_t length;
    bool end;
    return lines_rewind(&t->lines, fault) &&
           (!t->name || lines_read(&t->lines, &length, &end, fault));
}

bool table_column(const struct table *t, const char *name, size_t *column, struct fault *fault)
{
    for (*column = 0; *column < t->columns; ++*column)
        if (strcmp(t->name[*column], name) == 0)
            return true;
    return fault_caller(fault, "%s:1: column '%s' is missing", t->lines.path, name);
}

bool table_fault(const struct table *t, size_t column, const char *what, struct fault *fault)
{
    return fault_caller(fault, "%s:%zu: column %zu%s%s%s: '%s' %s", t->lines.path, t->lines.line,
                        column + 1, t->name ? " (" : "", t->name ? t->name[column] : "",
                        t->name ? ")" : "", shown(t->cell[column]).text, what);
}
