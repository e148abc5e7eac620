/* Data sets as files: "Rows on disk" of EKTM.md, and predictions. */
#ifndef EKTM_HARNESS_DATA_WRITE_H
#define EKTM_HARNESS_DATA_WRITE_H

#include "harness/data/dataset.h"

#include <stdio.h>

/* A file that is being written. `path` is the caller's. */
struct output {
    const char *path;
    FILE *file;
};

/* Creates the file; it replaces an old one. */
bool output_open(struct output *output, const char *path, struct fault *fault);

/* Closes it; whatever could not be written is a fault, unless what was to be written already is
 * one: `fine` is false, and is returned. */
bool output_close(struct output *output, bool fine, struct fault *fault);

/* The line of names: f0 .., d0 .., click, conv1 .., user. */
void write_names(struct output *output, const struct dataset *data);

/* The first `rows` rows. Numbers of dense features are written so that the same float is read. */
void write_rows(struct output *output, const struct dataset *data, size_t rows);

/* The truth of the first `rows` rows as predictions. */
void write_truth(struct output *output, const struct dataset *data, size_t rows);

#endif
