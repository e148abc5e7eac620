/* Which ids a data set asks for, and how often: what decides how well tables lie in caches. */
#ifndef EKTM_HARNESS_DATA_ACCESSES_H
#define EKTM_HARNESS_DATA_ACCESSES_H

#include "harness/model/activations.h"

struct accesses {
    size_t fields;
    uint64_t bags; /* of each field: rows */
    struct {
        uint64_t ids;    /* accesses                                     */
        size_t room;     /* of `count`                                   */
        uint32_t *count; /* [id]: how often it came; at most UINT32_MAX  */
    } field[FIELDS_MAX];
};

/* Of one field. */
struct access_statistics {
    double per_row;          /* mean ids of a bag                                        */
    size_t distinct, beyond; /* ids that came; one more than the largest of them         */
    double hottest[2];       /* share of accesses that the hottest 1 % and 10 % of them
                                have                                                     */
    double exponent;         /* of the Zipf law that makes them likeliest; NAN: none does */
};

void accesses_begin(struct accesses *accesses, size_t fields);
void accesses_free(struct accesses *accesses);

/* Adds the first `rows` rows of a batch. */
bool accesses_add(struct accesses *accesses, const struct activations *activations, size_t rows,
                  struct fault *fault);

bool accesses_tell(const struct accesses *accesses, size_t field,
                   struct access_statistics *statistics, struct fault *fault);

#endif
