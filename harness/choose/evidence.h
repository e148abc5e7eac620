/* What files of results know about machines under load: the outcomes of searches for the highest
 * rate, and where each is written. */
#ifndef EKTM_HARNESS_CHOOSE_EVIDENCE_H
#define EKTM_HARNESS_CHOOSE_EVIDENCE_H

#include "harness/load/objective.h"
#include "harness/results/record.h"

/* A line of kind load, scenario `server`, finding `highest`. */
struct search {
    const char *machine; /* whose it is: a name of evidence.machine */
    const char *path;    /* of the file                             */
    size_t line;
    const char *commit; /* of the run's sources; "": not told */
    json_t *record;
    struct objective objective;
};

struct texts {
    size_t count;
    char **text;
};

struct evidence {
    size_t count;
    struct search *search; /* in the order of files and lines */
    struct texts machines; /* names, each once; some have no search */
    struct texts paths, commits;
};

/* Reads files, and of folders all files *.jsonl in them and below. A machine's name is that of the
 * file's folder, or of the machine that the file tells of where it has none; a word NAME=FILE names
 * it. What is no file of results, and no file at all: a fault. */
bool evidence_read(struct evidence *evidence, const char *const *words, size_t count,
                   struct fault *fault);
void evidence_free(struct evidence *evidence);

#endif
