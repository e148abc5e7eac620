/* A table of texts, whose first row names its columns, to be printed in one form or another. */
#ifndef EKTM_HARNESS_CHOOSE_GRID_H
#define EKTM_HARNESS_CHOOSE_GRID_H

#include "harness/fault.h"

#include <stddef.h>

struct grid {
    size_t columns;
    size_t cells; /* row by row; all rows are whole once it is filled */
    char **cell;
};

/* Appends a cell. False: no memory. */
bool grid_add(struct grid *grid, struct fault *fault, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void grid_free(struct grid *grid);

/* Prints to stdout: columns aligned with blanks, or as a table of Markdown. */
void grid_print(const struct grid *grid);
void grid_print_markdown(const struct grid *grid);

#endif
