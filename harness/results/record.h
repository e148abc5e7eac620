/* One line of the results: a JSON object that holds columns and nothing else. */
#ifndef EKTM_HARNESS_RESULTS_RECORD_H
#define EKTM_HARNESS_RESULTS_RECORD_H

#include "harness/fault.h"
#include "harness/measure/statistics.h"
#include "harness/results/columns.h"
#include "reference/dims.h"

#include <jansson.h>
#include <stdint.h>

/* A new line of that kind. */
json_t *record_new(enum kind kind, const char *run);

/* Set a column. A number that is not finite, and an interval that is not, become UNAVAILABLE. Text
 * that is not UTF-8 is written with "?" for every byte that is not printable ASCII. */
void record_text(json_t *record, const char *column, const char *text);
void record_number(json_t *record, const char *column, double number);
void record_count(json_t *record, const char *column, uint64_t count);
void record_interval(json_t *record, const char *column, const struct estimate *estimate);

/* An object of `count` numbers by name, those that are not finite UNAVAILABLE. */
void record_numbers(json_t *record, const char *column, const char *const *names,
                    const double *numbers, size_t count);

/* An object of `count` intervals by name, those that are not finite UNAVAILABLE. */
void record_intervals(json_t *record, const char *column, const char *const *names,
                      const struct estimate *intervals, size_t count);

/* The axes of nonzero extent, by name. */
void record_dims(json_t *record, const struct dims *dims);

/* Whether `record` is an object of columns of its kind, each of its type, and lacks none. If not,
 * the fault names `where` and the column. */
bool record_check(const json_t *record, const char *where, struct fault *fault);

/* Reading: "" or NaN where the column is absent or UNAVAILABLE. */
enum kind record_kind(const json_t *record);
const char *record_get_text(const json_t *record, const char *column);
double record_get_number(const json_t *record, const char *column);
struct estimate record_get_interval(const json_t *record, const char *column);

/* Extent of an axis in `dims`; 0 where it is not used. */
size_t record_get_dim(const json_t *record, enum axis axis);

#endif
