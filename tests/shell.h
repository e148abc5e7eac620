/* Commands as a user gives them, in a folder of the test's own. $EKTM names the executable. */
#ifndef EKTM_TESTS_SHELL_H
#define EKTM_TESTS_SHELL_H

#include <stdbool.h>
#include <stddef.h>

/* For a suite's .init and .fini: makes the folder and removes it. Without $EKTM: skips the test. */
void shell_begin(void);
void shell_end(void);

/* Runs a command in which @ stands for the folder and EKTM for the executable. Returns the exit
 * status. */
int run(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Where a file of that name in the folder is; the text holds until the next call. */
const char *shell_path(const char *name);

/* The whole text of a file of the folder; to be freed. */
char *text_of(const char *name);

bool contains(const char *name, const char *words);
size_t lines_of(const char *name);

/* The largest difference between two files of numbers; both have the same names, rows, columns. */
double difference(const char *one, const char *other);

/* Whether the backend promises the same bits however rows are cut. */
bool keeps_bits(const char *backend);

#endif
