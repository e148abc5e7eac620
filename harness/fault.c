#include "harness/fault.h"

#include <stdarg.h>
#include <stdio.h>

static void fill(struct fault *fault, int status, const char *format, va_list args)
{
    fault->status = status;
    vsnprintf(fault->text, sizeof fault->text, format, args);
}

bool fault_caller(struct fault *fault, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fill(fault, STATUS_CALLER, format, args);
    va_end(args);
    return false;
}

bool fault_machine(struct fault *fault, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fill(fault, STATUS_MACHINE, format, args);
    va_end(args);
    return false;
}

bool fault_memory(struct fault *fault, const char *what)
{
    return fault_machine(fault, "not enough memory for %s", what);
}

int fault_print(const struct fault *fault)
{
    fprintf(stderr, "ektm: %s\n", fault->text);
    return fault->status;
}
