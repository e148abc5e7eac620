/* Lines of a text file, one after the other, however long, and sentences that name them. */
#ifndef EKTM_HARNESS_MODEL_LINES_H
#define EKTM_HARNESS_MODEL_LINES_H

#include "harness/fault.h"

#include <stddef.h>
#include <stdio.h>

enum { LINE_BYTES_MAX = 1 << 28 };

struct lines {
    const char *path; /* as sentences name it */
    FILE *file;
    size_t line; /* number of the last line read, from 1 */
    char *text;  /* of that line, without its end: LF or CRLF */
    size_t room;
};

/* Opens a file, or standard input: "-". */
bool lines_open(struct lines *lines, const char *path, struct fault *fault);

/* Reads the next line. `*end`: there is none left, `line` stays. A NUL in it is a fault. */
bool lines_read(struct lines *lines, size_t *length, bool *end, struct fault *fault);

/* Begins again; standard input cannot. */
bool lines_rewind(struct lines *lines, struct fault *fault);

void lines_close(struct lines *lines);

/* The beginning of a cell, fit to be printed. */
struct cell_text {
    char text[32];
};
struct cell_text shown(const char *cell);

/* Cuts a text in place at each `at`; returns how many cells it has, of which `cell` takes `room`.
 */
size_t lines_cut(char *text, char at, char **cell, size_t room);

#endif
