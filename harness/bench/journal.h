/* The records of a run: written as they come, and kept for the report. */
#ifndef EKTM_HARNESS_BENCH_JOURNAL_H
#define EKTM_HARNESS_BENCH_JOURNAL_H

#include "harness/bench/plan.h"
#include "harness/results/file.h"

struct journal {
    char run[48];
    struct results results;
    json_t *records; /* an array: what this run has written */
};

/* Opens `out`, or where results of today on this machine go, and writes the machine's line. */
bool journal_open(struct journal *journal, const char *out, const struct topology *topology,
                  const struct plan *plan, uint64_t seed, struct fault *fault);
void journal_close(struct journal *journal);

/* Writes the record, keeps it, and gives the caller's reference back. */
bool journal_add(struct journal *journal, json_t *record, struct fault *fault);

/* What the next line's column `id` will be: lines are counted from 0, the machine's. */
size_t journal_next_id(const struct journal *journal);

/* A line of kind skip for each kernel that was asked for and cannot run here. */
bool journal_add_skipped(struct journal *journal, const struct arguments *arguments,
                         struct fault *fault);

/* A new line of kind skip about a kernel. */
json_t *journal_skip(const struct journal *journal, const struct kernel *kernel,
                     const char *verdict, const char *reason);

#endif
