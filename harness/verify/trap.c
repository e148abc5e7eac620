#include "harness/verify/trap.h"

#include <setjmp.h>
#include <signal.h>
#include <stddef.h>

enum { CAUGHT = 4, STACK_BYTES = 1 << 16 };
static const int caught[CAUGHT] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE};

static sigjmp_buf before;
static struct trapped *result;

static void on_signal(int signal, siginfo_t *info, void *context)
{
    (void)context;
    *result = (struct trapped){signal, info->si_addr};
    siglongjmp(before, 1);
}

/* The handler has a stack of its own: the fault may be an overflow of the usual one. */
bool trap_run(void (*body)(void *), void *argument, struct trapped *trapped)
{
    static char stack[STACK_BYTES];
    stack_t old_stack, own_stack = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction old[CAUGHT],
        action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigaltstack(&own_stack, &old_stack);
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < CAUGHT; i++)
        sigaction(caught[i], &action, &old[i]);

    result = trapped;
    volatile bool finished = false;
    if (sigsetjmp(before, 1) == 0) {
        body(argument);
        finished = true;
    }

    for (int i = 0; i < CAUGHT; i++)
        sigaction(caught[i], &old[i], NULL);
    sigaltstack(&old_stack, NULL);
    return finished;
}
