/* Neighbours who want all the memory bandwidth there is. */
#ifndef EKTM_HARNESS_LOAD_ANTAGONIST_H
#define EKTM_HARNESS_LOAD_ANTAGONIST_H

#include "harness/load/layouts.h"

struct antagonist;

/* Reads "stream=N", N threads; NULL: 0. A text of another form: a fault that names --antagonist. */
bool antagonist_parse(size_t *threads, const char *text, struct fault *fault);

/* Starts a thread on each of the layouts' neighbouring cores that copies memory, more of it than
 * the last-level cache holds, until antagonist_stop. NULL: a fault. */
struct antagonist *antagonist_start(const struct layouts *layouts, const struct topology *topology,
                                    struct fault *fault);
void antagonist_stop(struct antagonist *antagonist);

#endif
