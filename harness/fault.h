/* What went wrong, in one sentence for the user. Functions that can meet a user's mistake or a
 * machine's limit return false and fill a fault; only a command prints it and chooses the exit. */
#ifndef EKTM_HARNESS_FAULT_H
#define EKTM_HARNESS_FAULT_H

#include <stdbool.h>

/* The exit statuses of every command. */
enum {
    STATUS_DONE = 0,
    STATUS_FAILED = 1, /* a check failed, or a regression was found */
    STATUS_CALLER = 2, /* the caller's mistake                      */
    STATUS_MACHINE = 3 /* this machine cannot do it                 */
};

struct fault {
    int status;
    char text[1024]; /* names the place, what was found and what is allowed; no full stop, no
                        newline */
};

/* Fill `fault` and return false, so that a function can `return fault_caller(fault, ...)`. */
bool fault_caller(struct fault *fault, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
bool fault_machine(struct fault *fault, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The fault of a failed allocation of `what`. */
bool fault_memory(struct fault *fault, const char *what);

/* Prints "ektm: <text>" to stderr and returns the status. */
int fault_print(const struct fault *fault);

#endif
