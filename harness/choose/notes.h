/* Sentences that go with a decision: what it leaves out, what makes it doubtful. */
#ifndef EKTM_HARNESS_CHOOSE_NOTES_H
#define EKTM_HARNESS_CHOOSE_NOTES_H

#include "harness/fault.h"

#include <stddef.h>

struct notes {
    size_t count;
    char **text; /* no full stop, no newline */
};

/* Appends a sentence unless it is there already. False: no memory. */
bool notes_add(struct notes *notes, struct fault *fault, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void notes_free(struct notes *notes);

#endif
