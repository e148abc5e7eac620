/* One line on a terminal that says how far a run is. */
#ifndef EKTM_HARNESS_BENCH_PROGRESS_H
#define EKTM_HARNESS_BENCH_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress {
    bool shown;     /* stderr is a terminal */
    uint64_t begin; /* ns                   */
    size_t all;
    double shares;
};

void progress_begin(struct progress *progress, size_t all, double shares);

/* Job `done` (from 0) begins; those before it make up `share` of the shares. */
void progress_show(const struct progress *progress, size_t done, double share, const char *what);

/* Erases the line, so that something else can be printed. */
void progress_erase(const struct progress *progress);

#endif
