/* How many candidates a query asks to rank: rows of the model. */
#ifndef EKTM_HARNESS_LOAD_CANDIDATES_H
#define EKTM_HARNESS_LOAD_CANDIDATES_H

#include "harness/fault.h"
#include "harness/random.h"

#include <stddef.h>

enum { CANDIDATES_MAX = 1 << 20 };

enum candidates_kind {
    CANDIDATES_LOGNORMAL, /* exp(N(log mean - spread^2 / 2, spread)), rounded, at least 1: its mean
                             is `mean`, and it has a heavy tail */
    CANDIDATES_FIXED,
    CANDIDATES_FILE /* as recorded, in their order, again and again */
};

struct candidates {
    enum candidates_kind kind;
    double mean, spread; /* of CANDIDATES_LOGNORMAL; mean of CANDIDATES_FIXED  */
    unsigned *recorded;  /* of CANDIDATES_FILE: each from 1 to CANDIDATES_MAX  */
    size_t count;
    char text[160]; /* "lognormal mean 100 spread 0.7", "fixed 64", "file NAME fnv 0123..." */
};

/* Reads "lognormal:MEAN:SPREAD", "fixed:N", or the path of a file of whole numbers, one a line.
 * NULL: lognormal:100:0.7. A mistake is a fault that names --candidates, or file and line. Free
 * with candidates_free. */
bool candidates_parse(struct candidates *candidates, const char *text, struct fault *fault);
void candidates_free(struct candidates *candidates);

/* The rows of query number `query`. */
size_t candidates_draw(const struct candidates *candidates, size_t query, struct random *random);

#endif
