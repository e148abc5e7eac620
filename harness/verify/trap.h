/* Running code that may crash. */
#ifndef EKTM_HARNESS_VERIFY_TRAP_H
#define EKTM_HARNESS_VERIFY_TRAP_H

#include <stdbool.h>

struct trapped {
    int signal;          /* SIGSEGV, SIGBUS, SIGILL or SIGFPE */
    const void *address; /* that was touched, or of the instruction */
};

/* Calls body(argument). False: a signal ended it, which `trapped` describes; what the body held is
 * lost. One thread at a time. */
bool trap_run(void (*body)(void *), void *argument, struct trapped *trapped);

#endif
