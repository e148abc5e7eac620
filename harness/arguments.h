/* The command line: every option of every command is listed, parsed and checked here, once. */
#ifndef EKTM_HARNESS_ARGUMENTS_H
#define EKTM_HARNESS_ARGUMENTS_H

#include "harness/model/formats.h"
#include "kernels/kernel.h"

#include <stdbool.h>
#include <stdint.h>

enum command_option {
    OPTION_OP,
    OPTION_DTYPE,
    OPTION_BACKEND,
    OPTION_KERNEL,
    OPTION_PRESET,
    OPTION_BATCH,
    OPTION_THREADS,
    OPTION_PLACEMENT,
    OPTION_IDS,
    OPTION_CACHE,
    OPTION_PAGES,
    OPTION_SEED,
    OPTION_TILE,
    OPTION_TUNING,
    OPTION_MODEL,
    OPTION_INPUT,
    OPTION_OUT,
    OPTION_TOPOLOGY,
    OPTION_THRESHOLD,
    OPTION_RESUME,
    OPTION_SEARCH,
    OPTION_QUICK,
    OPTION_FULL,
    OPTIONS
};

/* A command takes the OR of the options it accepts. */
typedef uint64_t options_set;
#define TAKES(option) ((options_set)1 << (option))

/* The same for an option that others give a list and this command one value: --help says so. The
 * command refuses more. */
#define TAKES_ONE(option) (TAKES(option) | TAKES((option) + OPTIONS))
/* A command that takes so many files beside its options, and no fewer. */
#define TAKES_FILES(count) ((options_set)(count) << 60)
_Static_assert(2 * OPTIONS <= 60, "TAKES_ONE takes two bits for each option");

#define TILE_UNSET SIZE_MAX

enum { FILES_MAX = 2, OPTION_LIST_MAX = 64, BATCH_MAX = 1 << 20, THREADS_MAX = 4096 };

struct names {
    size_t count; /* 0: the option was not given */
    const char *name[OPTION_LIST_MAX];
};

struct sizes {
    size_t count;
    size_t size[OPTION_LIST_MAX];
};

/* What the caller asked for. Lists hold names that exist; text is the caller's. */
struct arguments {
    struct names op, dtype, backend, kernel, preset, placement;
    struct formats formats; /* of a model: each word of --dtype in turn */
    struct sizes batch, threads;
    const char *ids, *cache, *pages, *model, *input, *out, *topology; /* NULL: not given */
    uint64_t seed;                                                    /* 1 unless given  */
    bool quick, full, search;
    size_t tile;        /* rows; 0: layer by layer; TILE_UNSET: not given */
    const char *tuning; /* NULL: not given */
    double threshold;   /* as a fraction; 0.05 unless given */
    const char *resume; /* NULL: not given                  */
    const char *file[FILES_MAX];
    size_t files;
};

/* Parses the arguments of a command that takes the options in `accepted`. A mistake is one sentence
 * on stderr and exit 2; --help prints and exits 0. */
void arguments_parse(struct arguments *arguments, options_set accepted, const char *about, int argc,
                     char **argv);

/* An option that one command alone has: where its value goes is the one pointer that is not NULL.
 */
struct own_option {
    const char *name, *value, *about; /* value: as --help names it; NULL for a flag            */
    uint64_t *number;                 /* a whole number from `low` to `high`                   */
    double *real;                     /* a number from `low` to `high`                         */
    const char **text;                /* not empty                                             */
    bool *flag;
    double low, high;
};

enum { OWN_OPTIONS_MAX = 24 };

/* The same for a command with options of its own, ended by a name of NULL. */
void arguments_parse_own(struct arguments *arguments, options_set accepted,
                         const struct own_option *own, const char *about, int argc, char **argv);

/* Whether `name` is in the list or the option was not given. */
bool names_admit(const struct names *names, const char *name);

/* Whether --dtype was given. */
static inline bool asks_for_formats(const struct arguments *arguments)
{
    return arguments->dtype.count || arguments->formats.count;
}

/* Whether --op, --dtype, --backend and --kernel admit the kernel. */
bool arguments_admit(const struct arguments *arguments, const struct kernel *kernel);

#endif
