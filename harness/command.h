/* The commands of `ektm`. Each parses its own arguments (argv[0] is "ektm <name>"), writes data to
 * stdout and talk to stderr, and returns a status of harness/fault.h. */
#ifndef EKTM_HARNESS_COMMAND_H
#define EKTM_HARNESS_COMMAND_H

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *about; /* one line for `ektm --help` */
};

/* Defined in the file of its name. */
#define COMMAND(name, about) int name##_command(int argc, char **argv);
#include "harness/commands.def"
#undef COMMAND

#endif
