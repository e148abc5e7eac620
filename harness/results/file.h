/* Files of results: JSON Lines, appended one whole line at a time, so that a killed run leaves
 * every line but the one in flight. */
#ifndef EKTM_HARNESS_RESULTS_FILE_H
#define EKTM_HARNESS_RESULTS_FILE_H

#include "harness/results/record.h"

struct results {
    int file;
    char path[1024];
};

/* Opens `path` to append, and makes it and its folders where they do not exist. A torn last line,
 * which a killed run left, is cut off. A file that holds something other than results is left as it
 * is: a fault. */
bool results_open(struct results *results, const char *path, struct fault *fault);

/* Appends the record as one line by a single write, and gives the record back. It must pass
 * record_check. */
bool results_write(struct results *results, json_t *record, struct fault *fault);

void results_close(struct results *results);

/* Where a run of today on the machine of that name goes: "results/<machine>/<date>-<commit>.jsonl".
 */
void results_path(char *path, size_t size, const char *machine, const char *commit);

/* Is given a record and the number of its line; keeps it by json_incref. */
typedef bool visit_record(json_t *record, size_t line, void *context, struct fault *fault);

/* Gives every record of a file to `visit` until it returns false, with a fault. A last line without
 * its end is left out and noted in `torn` unless that is NULL: its run was killed. Any other line
 * that is no record is a fault that names file and line. */
bool results_visit(const char *path, bool *torn, visit_record *visit, void *context,
                   struct fault *fault);

/* Every record of a file, as an array, which the caller gives back with json_decref; NULL: a fault.
 */
json_t *results_read(const char *path, bool *torn, struct fault *fault);

#endif
