/* `ektm convert`: published data sets as rows on disk, with a vocabulary of their words. */
#include "harness/arguments.h"
#include "harness/command.h"
#include "harness/data/source.h"
#include "harness/data/write.h"

#include <inttypes.h>
#include <string.h>

enum { USUAL_BAG = 50 };

static const struct source_format *const formats[] = {&aliccp_format, &aliexpress_format,
                                                      &kuairand_format};
enum { FORMATS = sizeof formats / sizeof *formats };

struct conversion {
    const struct source_format *format;
    struct source_files files;
    const char *learn, *vocabulary, *out; /* one of the first two is NULL */
    uint64_t least;
    uint64_t rows, dropped;
};

/* ---- rows ------------------------------------------------------------------------------------ */

/* The next exposure, alone in `row`. Conversions without a click are dropped: the published data
 * have a few, which no model of a click and what follows can mean. */
static bool next_row(struct conversion *c, struct source *source, struct dataset *row, bool *end,
                     struct fault *fault)
{
    for (;;) {
        bool contradicts = false;
        dataset_clear(row);
        if (!source->format->next(source, row, end, fault))
            return false;
        if (*end)
            return true;
        for (size_t t = 1; t <= row->tasks; t++)
            contradicts = contradicts || (row->label[0] == 0 && row->label[t] == 1);
        if (!contradicts)
            return true;
        c->dropped++;
    }
}

/* What the token of each id is, or its id. */
static void count_tokens(struct source *source, const struct dataset *row)
{
    for (size_t f = 0; f < row->fields; f++)
        for (uint32_t i = row->bag[f]; i < row->bag[f + 1]; i++)
            vocabulary_count(&source->vocabulary, f, (uint32_t)row->id[i]);
}

static void give_ids(const struct source *source, const struct dataset *row)
{
    for (size_t f = 0; f < row->fields; f++)
        for (uint32_t i = row->bag[f]; i < row->bag[f + 1]; i++)
            row->id[i] = vocabulary_id(&source->vocabulary, f, (uint32_t)row->id[i]);
}

static bool learn(struct conversion *c, struct source *source, struct dataset *row,
                  struct fault *fault)
{
    for (bool end;;) {
        if (!next_row(c, source, row, &end, fault))
            return false;
        if (end)
            break;
        count_tokens(source, row);
    }
    c->dropped = 0;
    return vocabulary_close(&source->vocabulary, c->least, fault) &&
           vocabulary_write(&source->vocabulary, c->learn, fault) &&
           source->format->rewind(source, fault);
}

static bool write_all(struct conversion *c, struct source *source, struct dataset *row,
                      struct output *out, struct fault *fault)
{
    write_names(out, row);
    for (bool end;;) {
        if (!next_row(c, source, row, &end, fault))
            return false;
        if (end)
            return c->rows ? true : fault_caller(fault, "%s: has no rows", c->files.input);
        give_ids(source, row);
        write_rows(out, row, 1);
        c->rows++;
    }
}

/* ---- files ----------------------------------------------------------------------------------- */

static void tell(const struct conversion *c, const struct source *source)
{
    fprintf(stderr, "%s: %" PRIu64 " rows, %zu fields, %zu dense features, %zu conversions\n",
            c->out, c->rows, source->fields, source->dense, source->tasks);
    if (c->dropped)
        fprintf(stderr, "dropped: %" PRIu64 " rows with a conversion but no click\n", c->dropped);
    for (size_t f = 0; f < source->fields; f++)
        fprintf(stderr, "  f%-3zu %-22s %9zu ids\n", f, source->vocabulary.field[f].name,
                source->vocabulary.field[f].ids);
}

static bool write_converted(struct conversion *c, struct source *source, struct fault *fault)
{
    struct dataset row;
    struct output out;
    dataset_begin(&row, source->fields, source->dense, source->tasks);
    bool fine = (!c->learn || learn(c, source, &row, fault)) && output_open(&out, c->out, fault);
    if (fine) {
        fine = write_all(c, source, &row, &out, fault);
        fine = output_close(&out, fine, fault);
    }
    dataset_free(&row);
    return fine;
}

static bool convert(struct conversion *c, struct fault *fault)
{
    struct vocabulary known;
    struct source source;
    if (c->vocabulary && !vocabulary_read(&known, c->vocabulary, fault))
        return false;
    if (!source_open(&source, c->format, &c->files, c->vocabulary ? &known : NULL, fault))
        return false;
    const bool fine = write_converted(c, &source, fault);
    if (fine)
        tell(c, &source);
    source_close(&source);
    return fine;
}

/* ---- the command ----------------------------------------------------------------------------- */

static bool choose(struct conversion *c, const struct arguments *a, const char *from,
                   struct fault *fault)
{
    for (size_t i = 0; i < FORMATS && from; i++)
        if (strcmp(formats[i]->name, from) == 0)
            c->format = formats[i];
    c->files.input = a->input;
    c->out = a->out;
    if (!c->format)
        return fault_caller(fault, "--from is needed: aliccp, aliexpress or kuairand%s%s",
                            from ? ", not " : "", from ? from : "");
    if (!a->input || !a->out)
        return fault_caller(fault, "--input and --out are needed: %s; and the file to write",
                            c->format->about);
    if (!c->learn == !c->vocabulary)
        return fault_caller(fault, "one of --learn and --vocabulary is needed: the vocabulary to "
                                   "make and write, or to read and use");
    return true;
}

int convert_command(int argc, char **argv)
{
    struct arguments arguments;
    struct fault fault;
    struct conversion c = {.least = 1};
    const char *from = NULL;
    uint64_t bag = USUAL_BAG;
    const struct own_option own[] = {
        {.name = "from",
         .value = "FORMAT",
         .about = "aliccp, aliexpress or kuairand",
         .text = &from},
        {.name = "common",
         .value = "FILE",
         .about = "aliccp: the common features",
         .text = &c.files.common},
        {.name = "users",
         .value = "FILE",
         .about = "aliexpress: search pages; kuairand: users",
         .text = &c.files.users},
        {.name = "items", .value = "FILE", .about = "kuairand: videos", .text = &c.files.items},
        {.name = "categorical",
         .value = "NAME,...",
         .about = "aliexpress without names: which of U1 .. U32, I1 .. I47 are words",
         .text = &c.files.categorical},
        {.name = "learn",
         .value = "FILE",
         .about = "Make a vocabulary of the data, in a pass of its own, and write it",
         .text = &c.learn},
        {.name = "vocabulary",
         .value = "FILE",
         .about = "Use that vocabulary: words it lacks are id 0",
         .text = &c.vocabulary},
        {.name = "min-count",
         .value = "N",
         .about = "Words that come less often are id 0 (1)",
         .number = &c.least,
         .low = 1,
         .high = 1e15},
        {.name = "bag",
         .value = "N",
         .about = "Most ids of a field in a row (50)",
         .number = &bag,
         .low = 1,
         .high = BAG_IDS_MAX},
        {.name = NULL},
    };
    arguments_parse_own(&arguments, TAKES(OPTION_INPUT) | TAKES(OPTION_OUT), own,
                        "Writes a published data set as rows: learn the vocabulary from the "
                        "training data, then convert the test data with it.",
                        argc, argv);
    c.files.bag = (size_t)bag;
    return choose(&c, &arguments, from, &fault) && convert(&c, &fault) ? STATUS_DONE
                                                                       : fault_print(&fault);
}
