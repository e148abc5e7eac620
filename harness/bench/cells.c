#include "harness/bench/cells.h"

#include "harness/bench/contender.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *cell_text(const json_t *record, const char *column)
{
    return record_get_text(record, column);
}

bool cell_same(const json_t *a, const json_t *b, const char *column)
{
    return strcmp(cell_text(a, column), cell_text(b, column)) == 0;
}

bool cell_noisy(const json_t *record) { return strcmp(cell_text(record, "verdict"), "noisy") == 0; }

bool cell_invalid(const json_t *record)
{
    return strcmp(cell_text(record, "verdict"), "invalid") == 0;
}

const char *cell_verdict(const char *versus)
{
    return strcmp(versus, "faster") == 0   ? "faster"
           : strcmp(versus, "slower") == 0 ? "SLOWER"
           : *versus == 'n'                ? "alike"
                                           : "";
}

bool cell_by_layers(const json_t *record)
{
    const char *name = cell_text(record, "name");
    size_t length = strlen(name), end = strlen(BY_LAYERS_SUFFIX);
    return length > end && strcmp(name + length - end, BY_LAYERS_SUFFIX) == 0;
}

double cell_ns(const json_t *record) { return record_get_interval(record, "ns").median; }

double cell_us_per_row(const json_t *record)
{
    return cell_ns(record) / (double)record_get_dim(record, BATCH) * 1e-3;
}

void print_number(int width, double number)
{
    int digits = number < 0.1 ? 4 : number < 10 ? 3 : number < 100 ? 2 : number < 1000 ? 1 : 0;
    if (isfinite(number))
        printf("%*.*f", width, digits, number);
    else
        printf("%*s", width, "-");
}

void print_short(int width, double number)
{
    if (isfinite(number))
        printf("%*.*f", width, number < 10 ? 2 : number < 100 ? 1 : 0, number);
    else
        printf("%*s", width, "-");
}

void print_who(const json_t *record)
{
    printf("%s", cell_text(record, "backend"));
    if (*cell_text(record, "isa") &&
        !strstr(cell_text(record, "backend"), cell_text(record, "isa")))
        printf(" %s", cell_text(record, "isa"));
}
