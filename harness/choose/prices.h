/* What machines cost: a CSV file with the columns machine, price_per_hour, currency and note, in
 * any order; results/prices.example.csv is one. */
#ifndef EKTM_HARNESS_CHOOSE_PRICES_H
#define EKTM_HARNESS_CHOOSE_PRICES_H

#include "harness/fault.h"

#include <stddef.h>

struct price {
    char *machine;
    double per_hour; /* above 0 */
    char currency[4];
    char *note; /* whose price, of which day */
    size_t line;
};

struct prices {
    const char *path; /* the caller's */
    size_t count;
    struct price *price; /* one for a machine, in the order of the file */
};

/* Reads a file. What is no price, or the second of one machine: a fault that names file and line,
 * what was found and what is allowed. */
bool prices_read(struct prices *prices, const char *path, struct fault *fault);
void prices_free(struct prices *prices);

/* That of the machine, or NULL. */
const struct price *prices_find(const struct prices *prices, const char *machine);

/* Whether the note names a day, as 2026-11-25. */
bool price_is_dated(const struct price *price);

#endif
