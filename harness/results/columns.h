/* The columns of the results: every field that a line may have, listed once. results/README.md is
 * the same table for readers. */
#ifndef EKTM_HARNESS_RESULTS_COLUMNS_H
#define EKTM_HARNESS_RESULTS_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>

/* What a line is about. */
enum kind { KIND_MACHINE, KIND_CEILING, KIND_KERNEL, KIND_MODEL, KIND_LOAD, KIND_SKIP, KINDS };

/* "machine", "ceiling", "kernel", "model", "load", "skip". */
const char *kind_name(enum kind kind);

/* The kind of that name, or KINDS. */
enum kind kind_find(const char *name);

enum column_type {
    TYPE_TEXT,
    TYPE_TEXTS,     /* an array of texts                           */
    TYPE_NUMBER,    /* finite                                      */
    TYPE_COUNT,     /* a whole number                              */
    TYPE_INTERVAL,  /* {"median", "lo", "hi"}, each a number       */
    TYPE_COUNTS,    /* an object of counts                         */
    TYPE_NAMES,     /* an object of texts                          */
    TYPE_NUMBERS,   /* an object of numbers                        */
    TYPE_INTERVALS, /* an object of intervals                      */
    COLUMN_TYPES
};

/* As the schema page prints it. */
const char *column_type_name(enum column_type type);

struct column {
    const char *name;
    enum column_type type;
    const char *unit; /* "" for none */
    unsigned always;  /* kinds whose lines all have it: bits 1u << kind */
    unsigned maybe;   /* kinds whose lines may have it                  */
    const char *meaning;
};

/* Ended by name == NULL, in the order in which lines hold them. */
extern const struct column record_columns[];

/* The column of that name, or NULL. */
const struct column *column_find(const char *name);

/* The value of a number, count or interval, or of a part of an object, that this machine does not
 * offer. It is never 0. */
#define UNAVAILABLE "unavailable"

#endif
