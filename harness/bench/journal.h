/* The records of a run: written as they come, and kept for the report. */
#ifndef EKTM_HARNESS_BENCH_JOURNAL_H
#define EKTM_HARNESS_BENCH_JOURNAL_H

#include "harness/bench/plan.h"
#include "harness/results/file.h"

struct journal {
    char run[48];
    struct results results;
    json_t *records; /* an array: what this run has written, in earlier parts too */
    size_t resumed;  /* how many of them were there when it was resumed; 0: it is new */
    size_t job;      /* that writes now */
    size_t last_id;  /* of the line written last */
};

/* What the run was asked for. */
struct request {
    const struct arguments *arguments;
    json_t *words; /* request_words */
};

/* The words of a command line that shape the plan: all behind the command's name but where results
 * go. Parsing changes words: to be called before. */
json_t *request_words(int argc, char **argv);

/* Opens --out, or where results of today on this machine go, and writes the machine's line. */
bool journal_open(struct journal *journal, const struct request *request,
                  const struct topology *topology, const struct plan *plan, struct fault *fault);

/* Opens the file of a run that is to be finished, of whose file `records` are all. Refuses it where
 * this is another machine or another program. */
bool journal_resume(struct journal *journal, const struct request *request, const json_t *records,
                    const struct topology *topology, const struct plan *plan, struct fault *fault);
void journal_close(struct journal *journal);

/* Writes the record, keeps it, and gives the caller's reference back. A line that an earlier part
 * of the run wrote about the same is not written again: that one stands. Sets last_id either way.
 */
bool journal_add(struct journal *journal, json_t *record, struct fault *fault);

/* The job that the run broke off in, or just behind; 0 for a new run. */
size_t journal_first_job(const struct journal *journal);

/* The machine's line of the last run in those records, or NULL. */
const json_t *journal_last_run(const json_t *records);

/* A line of kind skip for each kernel that was asked for and cannot run here. */
bool journal_add_skipped(struct journal *journal, const struct arguments *arguments,
                         struct fault *fault);

/* A new line of kind skip about a kernel. */
json_t *journal_skip(const struct journal *journal, const struct kernel *kernel,
                     const char *verdict, const char *reason);

#endif
