#include "harness/choose/grid.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool grid_add(struct grid *grid, struct fault *fault, const char *format, ...)
{
    char *text;
    va_list args;
    va_start(args, format);
    const int length = vasprintf(&text, format, args);
    va_end(args);
    char **grown = length < 0 ? NULL : realloc(grid->cell, (grid->cells + 1) * sizeof *grown);
    if (!grown) {
        if (length >= 0)
            free(text);
        return fault_memory(fault, "a table");
    }
    grid->cell = grown;
    grid->cell[grid->cells++] = text;
    return true;
}

void grid_free(struct grid *grid)
{
    for (size_t i = 0; i < grid->cells; i++)
        free(grid->cell[i]);
    free(grid->cell);
    *grid = (struct grid){.columns = grid->columns};
}

static int width_of(const struct grid *grid, size_t column)
{
    size_t width = 0;
    for (size_t i = column; i < grid->cells; i += grid->columns)
        width = strlen(grid->cell[i]) > width ? strlen(grid->cell[i]) : width;
    return (int)width;
}

void grid_print(const struct grid *grid)
{
    for (size_t i = 0; i < grid->cells; i++) {
        const size_t column = i % grid->columns;
        if (column + 1 == grid->columns)
            printf("%s\n", grid->cell[i]);
        else
            printf("%-*s  ", width_of(grid, column), grid->cell[i]);
    }
}

void grid_print_markdown(const struct grid *grid)
{
    for (size_t i = 0; i < grid->cells; i++) {
        const bool ends = (i + 1) % grid->columns == 0;
        printf("%s %s%s", i % grid->columns ? " |" : "|", grid->cell[i], ends ? " |\n" : "");
        for (size_t c = 0; i + 1 == grid->columns && c < grid->columns; c++)
            printf("|---%s", c + 1 == grid->columns ? "|\n" : "");
    }
}
