/* ektm: which CPU should serve this multi-task ranking model? */
#include "harness/command.h"
#include "harness/fault.h"
#include "harness/hold.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct command commands[] = {
#define COMMAND(name, about) {#name, name##_command, about},
#include "harness/commands.def"
#undef COMMAND
    {NULL, NULL, NULL},
};

static void help(FILE *out)
{
    fprintf(out, "Usage: ektm COMMAND [OPTION...]\n\n"
                 "Kernels of every layer of the EKTM ranking model: proven, timed, compared.\n\n");
    for (const struct command *c = commands; c->name; c++)
        fprintf(out, "  %-8s %s\n", c->name, c->about);
    fprintf(out, "\n`ektm COMMAND --help` tells the options of one.\n");
}

/* The status of a command, unless its data did not reach stdout. One that ends with a fault has
 * said its sentence. */
static int flushed(int status)
{
    struct fault fault;
    errno = 0;
    if ((fflush(stdout) == 0 && !ferror(stdout)) || status >= STATUS_CALLER)
        return status;
    fault_machine(&fault, "standard output: cannot be written: %s",
                  strerror(errno ? errno : EIO)); /* an earlier write's error is gone */
    int unwritten = fault_print(&fault);
    return status == STATUS_DONE ? unwritten : status;
}

int main(int argc, char **argv)
{
    struct fault fault;
    argp_err_exit_status = STATUS_CALLER;
    if (!hold(argv, &fault))
        return fault_print(&fault);
    if (argc < 2) {
        help(stderr);
        return STATUS_CALLER;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        help(stdout);
        return flushed(STATUS_DONE);
    }
    for (const struct command *c = commands; c->name; c++)
        if (strcmp(argv[1], c->name) == 0) {
            char name[32];
            snprintf(name, sizeof name, "ektm %s", c->name);
            argv[1] = name;
            return flushed(c->run(argc - 1, argv + 1));
        }
    fprintf(stderr, "ektm: no command '%s'; there are", argv[1]);
    for (const struct command *c = commands; c->name; c++)
        fprintf(stderr, " %s", c->name);
    fprintf(stderr, "\n");
    return STATUS_CALLER;
}
