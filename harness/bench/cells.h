/* The cells of the tables for people: what a record says, and how it is printed. */
#ifndef EKTM_HARNESS_BENCH_CELLS_H
#define EKTM_HARNESS_BENCH_CELLS_H

#include "harness/results/record.h"

/* A text column; "" where there is none. */
const char *cell_text(const json_t *record, const char *column);

bool cell_same(const json_t *a, const json_t *b, const char *column);

/* Of the verdict. What is invalid was timed, but stands in no table. */
bool cell_noisy(const json_t *record);
bool cell_invalid(const json_t *record);

/* A verdict of a comparison in one word; "" where there is none. */
const char *cell_verdict(const char *versus);

/* Whether it goes layer by layer, beside the same kernels that go depth first. */
bool cell_by_layers(const json_t *record);

double cell_ns(const json_t *record);
double cell_us_per_row(const json_t *record);

/* Right-aligned, with about four significant digits; "-" where there is no number. */
void print_number(int width, double number);

/* A ratio or a percentage: fewer digits. */
void print_short(int width, double number);

/* Who computed, such as "compiler avx2"; one word where both are the same. */
void print_who(const json_t *record);

#endif
