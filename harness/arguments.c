#include "harness/arguments.h"

#include "harness/fault.h"
#include "reference/ektm.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY = 0x100 }; /* of option o: KEY + o; none has a short form */

static const struct argp_option all[OPTIONS] = {
    [OPTION_OP] = {"op", KEY + OPTION_OP, "OP,...", 0, "Only these ops", 0},
    [OPTION_DTYPE] = {"dtype", KEY + OPTION_DTYPE, "TYPE,...", 0,
                      "Only these number formats: f32, bf16, i8", 0},
    [OPTION_BACKEND] = {"backend", KEY + OPTION_BACKEND, "NAME,...", 0, "Only these backends", 0},
    [OPTION_KERNEL] = {"kernel", KEY + OPTION_KERNEL, "NAME,...", 0, "Only these kernels", 0},
    [OPTION_PRESET] = {"preset", KEY + OPTION_PRESET, "NAME,...", 0,
                       "Model sizes: tiny, aliccp, aliexpress, industrial", 0},
    [OPTION_BATCH] = {"batch", KEY + OPTION_BATCH, "N,...", 0, "Rows of a batch", 0},
    [OPTION_THREADS] = {"threads", KEY + OPTION_THREADS, "N,...", 0, "Thread counts", 0},
    [OPTION_PLACEMENT] = {"placement", KEY + OPTION_PLACEMENT, "NAME,...", 0,
                          "compact (fill one L3 first) or spread (across L3s first)", 0},
    [OPTION_IDS] = {"ids", KEY + OPTION_IDS, "LAW", 0,
                    "Ids of the inputs: zipf:EXPONENT, uniform, or a CSV file of rows", 0},
    [OPTION_CACHE] = {"cache", KEY + OPTION_CACHE, "STATE", 0,
                      "Where weights and rows lie before a call: warm (where the last call left "
                      "them), cold (memory) or rotate (round more than the last-level cache)",
                      0},
    [OPTION_PAGES] = {"pages", KEY + OPTION_PAGES, "KIND", 0,
                      "Pages under tables and weights: 4k, thp or huge", 0},
    [OPTION_SEED] = {"seed", KEY + OPTION_SEED, "N", 0, "Seed of every random number (1)", 0},
    [OPTION_TILE] = {"tile", KEY + OPTION_TILE, "ROWS", 0,
                     "Rows that go through all layers before the next ones do; 0: layer by layer",
                     0},
    [OPTION_TUNING] = {"tuning", KEY + OPTION_TUNING, "FILE", 0,
                       "What `ektm tune` found (results/<machine>/tuning.json); none: go without",
                       0},
    [OPTION_MODEL] = {"model", KEY + OPTION_MODEL, "FILE", 0, "Weights, a .safetensors file", 0},
    [OPTION_INPUT] = {"input", KEY + OPTION_INPUT, "FILE", 0, "Rows, a CSV file", 0},
    [OPTION_OUT] = {"out", KEY + OPTION_OUT, "PATH", 0, "Where to write", 0},
    [OPTION_TOPOLOGY] = {"topology", KEY + OPTION_TOPOLOGY, "TEXT", 0,
                         "A synthetic machine, such as \"pack:2 l3:4 core:8 pu:2\"", 0},
    [OPTION_THRESHOLD] = {"threshold", KEY + OPTION_THRESHOLD, "PERCENT", 0,
                          "How much slower is a regression (5)", 0},
    [OPTION_RESUME] = {"resume", KEY + OPTION_RESUME, "FILE", 0,
                       "Finish the last run of that file, with that run's options", 0},
    [OPTION_SEARCH] =
        {"search", KEY + OPTION_SEARCH, NULL, 0,
         "Search for the number formats of layers that gain most time for their error", 0},
    [OPTION_QUICK] = {"quick", KEY + OPTION_QUICK, NULL, 0, "A first answer within a minute", 0},
    [OPTION_FULL] = {"full", KEY + OPTION_FULL, NULL, 0, "Everything, however long it takes", 0},
};

/* What --help says of an option that takes one value instead of a list. */
static const struct {
    const char *value, *about;
} alone[OPTIONS] = {
    [OPTION_BACKEND] = {"NAME", "The backend that computes"},
    [OPTION_DTYPE] = {"TYPE,LAYER=TYPE,...",
                      "The number format of all layers, and of single layers or ops, such as "
                      "bf16,embedding=i8"},
    [OPTION_PRESET] = {"NAME", NULL},
    [OPTION_BATCH] = {"N", NULL},
    [OPTION_THREADS] = {"N", "Thread count"},
};

typedef bool exists(const char *name);

static bool op_exists(const char *name) { return op_find(name) != NULL; }
static bool kernel_exists(const char *name) { return kernel_find(name) != NULL; }
static bool preset_exists(const char *name) { return ektm_preset_find(name) != NULL; }

static bool dtype_exists(const char *name)
{
    for (const struct kernel *const *k = kernels; *k; k++)
        if (strcmp(dtype_name((*k)->dtype), name) == 0)
            return true;
    return false;
}

static bool backend_exists(const char *name)
{
    for (const struct backend *const *b = backends; *b; b++)
        if (strcmp((*b)->name, name) == 0)
            return true;
    return false;
}

static bool placement_exists(const char *name)
{
    return strcmp(name, "compact") == 0 || strcmp(name, "spread") == 0;
}

static bool cache_exists(const char *name)
{
    return strcmp(name, "warm") == 0 || strcmp(name, "cold") == 0 || strcmp(name, "rotate") == 0;
}

static bool pages_exist(const char *name)
{
    return strcmp(name, "4k") == 0 || strcmp(name, "thp") == 0 || strcmp(name, "huge") == 0;
}

static const char *const listed = "`ektm list` shows what is";

/* The number formats that a kernel has. */
static const char *dtypes_allowed(void)
{
    static char text[64];
    size_t used = (size_t)snprintf(text, sizeof text, "allowed:");
    for (enum dtype dtype = 0; dtype < DTYPES && used < sizeof text; dtype++)
        if (dtype_exists(dtype_name(dtype)))
            used += (size_t)snprintf(text + used, sizeof text - used, " %s", dtype_name(dtype));
    return text;
}

/* Cuts `text` at its commas, in place. */
static bool parse_names(struct names *names, char *text, exists *known, const char *allowed,
                        const char *where, struct fault *fault)
{
    names->count = 0;
    for (char *rest = text, *name; (name = strsep(&rest, ","));) {
        if (!known(name))
            return fault_caller(fault, "--%s: '%s' is not known; %s", where, name, allowed);
        if (names->count == OPTION_LIST_MAX)
            return fault_caller(fault, "--%s: more than %d names", where, OPTION_LIST_MAX);
        names->name[names->count++] = name;
    }
    return true;
}

static bool parse_number(uint64_t *number, const char *text, uint64_t low, uint64_t high,
                         const char *where, struct fault *fault)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || value < low || value > high)
        return fault_caller(fault, "--%s: '%s' is not a whole number from %llu to %llu", where,
                            text, (unsigned long long)low, (unsigned long long)high);
    *number = value;
    return true;
}

static bool parse_sizes(struct sizes *sizes, char *text, size_t high, const char *where,
                        struct fault *fault)
{
    sizes->count = 0;
    for (char *rest = text, *word; (word = strsep(&rest, ","));) {
        uint64_t size = 0;
        if (!parse_number(&size, word, 1, high, where, fault))
            return false;
        if (sizes->count == OPTION_LIST_MAX)
            return fault_caller(fault, "--%s: more than %d numbers", where, OPTION_LIST_MAX);
        sizes->size[sizes->count++] = size;
    }
    return true;
}

static bool parse_percent(double *fraction, const char *text, const char *where,
                          struct fault *fault)
{
    char *end;
    double percent = strtod(text, &end);
    if (end == text || *end || !(percent >= 0 && percent <= 1000))
        return fault_caller(fault, "--%s: '%s' is not a percentage from 0 to 1000", where, text);
    *fraction = percent / 100;
    return true;
}

static bool parse_word(const char **to, const char *text, exists *known, const char *allowed,
                       const char *where, struct fault *fault)
{
    *to = text;
    return known(text) ? true
                       : fault_caller(fault, "--%s: '%s' is not known; %s are allowed", where, text,
                                      allowed);
}

static bool parse_text(const char **to, const char *text, const char *where, struct fault *fault)
{
    *to = text;
    return *text ? true : fault_caller(fault, "--%s: the argument is empty", where);
}

/* Formats to choose from, and those of single layers. */
static bool parse_dtypes(struct arguments *o, char *text, const char *where, struct fault *fault)
{
    o->dtype.count = 0;
    o->formats = (struct formats){.count = 0};
    for (char *rest = text, *word; (word = strsep(&rest, ","));) {
        if (!strchr(word, '=') && !dtype_exists(word))
            return fault_caller(fault, "--%s: '%s' is not known; %s", where, word,
                                dtypes_allowed());
        if (o->dtype.count == OPTION_LIST_MAX)
            return fault_caller(fault, "--%s: more than %d names", where, OPTION_LIST_MAX);
        if (!strchr(word, '='))
            o->dtype.name[o->dtype.count++] = word;
        if ((strchr(word, '=') || o->dtype.count == 1) &&
            !formats_add(&o->formats, word, "--dtype", fault))
            return false;
    }
    return true;
}

static bool set(struct arguments *o, enum command_option option, char *arg, struct fault *fault)
{
    const char *name = all[option].name;
    switch (option) {
    case OPTION_OP:
        return parse_names(&o->op, arg, op_exists, listed, name, fault);
    case OPTION_DTYPE:
        return parse_dtypes(o, arg, name, fault);
    case OPTION_BACKEND:
        return parse_names(&o->backend, arg, backend_exists, listed, name, fault);
    case OPTION_KERNEL:
        return parse_names(&o->kernel, arg, kernel_exists, listed, name, fault);
    case OPTION_PRESET:
        return parse_names(&o->preset, arg, preset_exists, listed, name, fault);
    case OPTION_PLACEMENT:
        return parse_names(&o->placement, arg, placement_exists, "compact and spread are allowed",
                           name, fault);
    case OPTION_BATCH:
        return parse_sizes(&o->batch, arg, BATCH_MAX, name, fault);
    case OPTION_THREADS:
        return parse_sizes(&o->threads, arg, THREADS_MAX, name, fault);
    case OPTION_SEED:
        return parse_number(&o->seed, arg, 0, UINT64_MAX, name, fault);
    case OPTION_TILE: {
        uint64_t rows = 0;
        bool fine = parse_number(&rows, arg, 0, BATCH_MAX, name, fault);
        o->tile = rows;
        return fine;
    }
    case OPTION_TUNING:
        return parse_text(&o->tuning, arg, name, fault);
    case OPTION_IDS:
        return parse_text(&o->ids, arg, name, fault);
    case OPTION_CACHE:
        return parse_word(&o->cache, arg, cache_exists, "warm, cold and rotate", name, fault);
    case OPTION_PAGES:
        return parse_word(&o->pages, arg, pages_exist, "4k, thp and huge", name, fault);
    case OPTION_MODEL:
        return parse_text(&o->model, arg, name, fault);
    case OPTION_INPUT:
        return parse_text(&o->input, arg, name, fault);
    case OPTION_OUT:
        return parse_text(&o->out, arg, name, fault);
    case OPTION_TOPOLOGY:
        return parse_text(&o->topology, arg, name, fault);
    case OPTION_THRESHOLD:
        return parse_percent(&o->threshold, arg, name, fault);
    case OPTION_RESUME:
        return parse_text(&o->resume, arg, name, fault);
    case OPTION_SEARCH:
        o->search = true;
        break;
    case OPTION_QUICK:
        o->quick = true;
        break;
    case OPTION_FULL:
        o->full = true;
        break;
    case OPTIONS:
        break;
    }
    return o->quick && o->full ? fault_caller(fault, "--quick and --full exclude each other")
                               : true;
}

static bool set_own(const struct own_option *own, const char *text, struct fault *fault)
{
    char *end;
    if (own->number)
        return parse_number(own->number, text, (uint64_t)own->low, (uint64_t)own->high, own->name,
                            fault);
    if (own->text)
        return parse_text(own->text, text, own->name, fault);
    if (own->flag)
        return *own->flag = true;
    *own->real = strtod(text, &end);
    return end != text && *end == '\0' && *own->real >= own->low && *own->real <= own->high
               ? true
               : fault_caller(fault, "--%s: '%s' is not a number from %g to %g", own->name, text,
                              own->low, own->high);
}

/* What the parser fills, and how many files it must find. */
struct taken {
    struct arguments *arguments;
    size_t files;
    const struct own_option *own; /* NULL: none */
};

static bool take_file(struct taken *taken, const char *name, struct fault *fault)
{
    struct arguments *a = taken->arguments;
    if (!taken->files)
        return fault_caller(fault, "'%s' is no option, and nothing else is taken", name);
    if (a->files == taken->files)
        return fault_caller(fault, "'%s' is one file too many; %zu are compared", name,
                            taken->files);
    a->file[a->files++] = name;
    return true;
}

static error_t parser(int key, char *arg, struct argp_state *state)
{
    struct taken *taken = state->input;
    struct arguments *arguments = taken->arguments;
    struct fault fault;
    bool fine;
    if (key == ARGP_KEY_ARG)
        fine = take_file(taken, arg, &fault);
    else if (key == ARGP_KEY_END)
        fine = arguments->files == taken->files
                   ? true
                   : fault_caller(&fault, "%zu files were named; %zu are compared",
                                  arguments->files, taken->files);
    else if (taken->own && key >= KEY + OPTIONS && key < KEY + OPTIONS + OWN_OPTIONS_MAX)
        fine = set_own(&taken->own[key - KEY - OPTIONS], arg, &fault);
    else if (key < KEY || key >= KEY + OPTIONS)
        return ARGP_ERR_UNKNOWN;
    else
        fine = set(arguments, (enum command_option)(key - KEY), arg, &fault);
    if (!fine)
        exit(fault_print(&fault));
    return 0;
}

void arguments_parse(struct arguments *arguments, options_set accepted, const char *about, int argc,
                     char **argv)
{
    arguments_parse_own(arguments, accepted, NULL, about, argc, argv);
}

void arguments_parse_own(struct arguments *arguments, options_set accepted,
                         const struct own_option *own, const char *about, int argc, char **argv)
{
    struct argp_option taken[OPTIONS + OWN_OPTIONS_MAX + 1] = {{0}};
    size_t count = 0;
    for (int o = 0; own && own[o].name; o++)
        taken[count++] =
            (struct argp_option){own[o].name, KEY + OPTIONS + o, own[o].value, 0, own[o].about, 0};
    for (unsigned o = 0; o < OPTIONS; o++) {
        bool one = (accepted & TAKES_ONE(o)) == TAKES_ONE(o);
        if (!(accepted & TAKES(o)))
            continue;
        taken[count] = all[o];
        taken[count].arg = one && alone[o].value ? alone[o].value : all[o].arg;
        taken[count++].doc = one && alone[o].about ? alone[o].about : all[o].doc;
    }
    struct taken input = {arguments, (size_t)(accepted >> 60), own};
    struct argp argp = {.options = taken,
                        .parser = parser,
                        .args_doc = input.files ? "A.jsonl B.jsonl" : NULL,
                        .doc = about};
    *arguments = (struct arguments){.seed = 1, .threshold = 0.05, .tile = TILE_UNSET};
    argp_parse(&argp, argc, argv, 0, NULL, &input);
}

bool names_admit(const struct names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->name[i], name) == 0)
            return true;
    return names->count == 0;
}

bool arguments_admit(const struct arguments *arguments, const struct kernel *kernel)
{
    return names_admit(&arguments->op, kernel->op->name) &&
           names_admit(&arguments->dtype, dtype_name(kernel->dtype)) &&
           names_admit(&arguments->backend, kernel->backend->name) &&
           names_admit(&arguments->kernel, kernel->name);
}
