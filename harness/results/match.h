/* Records of two files that tell of the same thing. */
#ifndef EKTM_HARNESS_RESULTS_MATCH_H
#define EKTM_HARNESS_RESULTS_MATCH_H

#include "harness/results/record.h"

/* One thing that was timed: what all records of it in one file say together. */
struct entry_of_file {
    char *key;            /* what it is: kind, name, preset, layer, sizes, threads, states  */
    const json_t *record; /* the last one                                                  */
    struct estimate ns; /* of several runs the median of medians, within the least and the greatest
                           end of their intervals                                        */
    size_t runs;
    bool noisy; /* one of them is */
};

struct entries {
    size_t count;
    struct entry_of_file *entry; /* by key */
};

/* Everything timed in `records`, an array that stays the caller's, but what is invalid. */
bool entries_make(struct entries *entries, const json_t *records, struct fault *fault);
void entries_free(struct entries *entries);

/* One thing in both files, or in one of them. */
struct match {
    const struct entry_of_file *a, *b; /* NULL: not in that file */
    struct estimate ratio;             /* b's time over a's      */
};

struct matches {
    size_t count;
    struct match *match; /* by key */
};

/* Keeps pointers into both. */
bool matches_make(struct matches *matches, const struct entries *a, const struct entries *b,
                  struct fault *fault);
void matches_free(struct matches *matches);

#endif
