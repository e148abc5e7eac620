/* CSV files as other people publish them: with names or without, cells quoted or not. */
#ifndef EKTM_HARNESS_DATA_TABLE_H
#define EKTM_HARNESS_DATA_TABLE_H

#include "harness/model/lines.h"

struct table {
    struct lines lines;
    size_t columns;
    char **name; /* [columns]; NULL: the file has no names          */
    char **cell; /* [columns] of the last line read                 */
    char *names; /* the line of names, which `name` points into     */
};

/* Opens it and, where `columns` is 0, reads the line of names; otherwise the file has none and so
 * many columns. */
bool table_open(struct table *table, const char *path, size_t columns, struct fault *fault);

/* Reads and cuts the next line; `*end`: there is none. Other numbers of columns and quotes that do
 * not end are faults that name file and line. */
bool table_read(struct table *table, bool *end, struct fault *fault);

/* Begins again, behind the names. */
bool table_rewind(struct table *table, struct fault *fault);

void table_close(struct table *table);

/* The column of that name; a fault where there is none. */
bool table_column(const struct table *table, const char *name, size_t *column, struct fault *fault);

/* A fault at a cell of the last line, that says what is wrong. */
bool table_fault(const struct table *table, size_t column, const char *what, struct fault *fault);

#endif
