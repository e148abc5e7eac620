/* `ektm trace`: which ids rows ask for, and those rows as a trace that `ektm bench --ids` takes. */
#include "harness/arguments.h"
#include "harness/command.h"
#include "harness/data/accesses.h"
#include "harness/data/dataset.h"
#include "harness/data/write.h"

#include <math.h>

enum { PIECE_ROWS = 4096, USUAL_ROWS = 100000 };

struct trace {
    const struct arguments *arguments;
    uint64_t rows; /* of the trace, at most */
    struct rows file;
    struct batch batch;
    struct accesses accesses;
    const struct ektm_config *preset; /* NULL: no trace is written */
    struct output out;
    uint64_t written, ids, folded;
};

/* ---- the trace ------------------------------------------------------------------------------- */

/* Row `b` of the batch for the preset: its field i takes the ids of field i of the data, round and
 * round where these have fewer, folded into the preset's tables; dense features likewise. */
static bool put_row(struct trace *t, size_t b, struct dataset *to, struct fault *fault)
{
    const struct tensor *buffer = t->batch.activations.memory.buffer;
    const size_t fields = t->accesses.fields, dense = t->file.config->dense;
    const int32_t *id = buffer[BUFFER_IDS].data;
    const int32_t *bag = (const int32_t *)buffer[BUFFER_BAGS].data + b * fields;
    const float *feature = (const float *)buffer[BUFFER_DENSE].data + b * buffer[BUFFER_DENSE].ld;
    dataset_clear(to);
    for (size_t f = 0; f < to->fields; f++) {
        const size_t from = f % fields, rows = t->preset->rows[f];
        if (!dataset_reserve(to, 1, (size_t)(bag[from + 1] - bag[from]), fault))
            return false;
        for (int32_t i = bag[from]; i < bag[from + 1]; i++) {
            t->folded += (size_t)id[i] >= rows;
            to->id[to->ids++] = (int32_t)((size_t)id[i] % rows);
        }
        to->bag[f + 1] = (uint32_t)to->ids;
    }
    for (size_t d = 0; d < to->dense; d++)
        to->feature[d] = dense ? feature[d % dense] : 0;
    for (size_t i = 0; i <= to->tasks; i++)
        to->label[i] = LABEL_MISSING;
    to->user[0] = t->batch.activations.user[b];
    t->ids += to->ids;
    return true;
}

static bool write_piece(struct trace *t, size_t count, struct dataset *row, struct fault *fault)
{
    for (size_t b = 0; b < count && t->written < t->rows; b++, t->written++) {
        if (!put_row(t, b, row, fault))
            return false;
        write_rows(&t->out, row, 1);
    }
    return true;
}

/* ---- the pass -------------------------------------------------------------------------------- */

static bool read_pieces(struct trace *t, struct dataset *row, struct fault *fault)
{
    for (;;) {
        size_t count;
        if (!rows_read(&t->file, &t->batch.activations, PIECE_ROWS, &count, fault) ||
            !accesses_add(&t->accesses, &t->batch.activations, count, fault))
            return false;
        if (count == 0)
            return t->accesses.bags ? true : fault_caller(fault, "%s: has no rows", t->file.path);
        if (t->preset && !write_piece(t, count, row, fault))
            return false;
    }
}

static bool read_all(struct trace *t, struct fault *fault)
{
    struct dataset row;
    if (!t->preset)
        return read_pieces(t, NULL, fault);
    if (!output_open(&t->out, t->arguments->out, fault))
        return false;
    dataset_begin(&row, t->preset->fields, t->preset->dense, t->preset->tasks);
    write_names(&t->out, &row);
    bool fine = read_pieces(t, &row, fault);
    dataset_free(&row);
    return output_close(&t->out, fine, fault);
}

/* ---- telling --------------------------------------------------------------------------------- */

static bool report(const struct trace *t, struct fault *fault)
{
    printf("%-6s%10s%12s%12s%12s%12s%8s\n", "", "ids a row", "distinct", "below", "hottest 1%",
           "hottest 10%", "Zipf");
    for (size_t f = 0; f < t->accesses.fields; f++) {
        struct access_statistics s;
        char name[32];
        if (!accesses_tell(&t->accesses, f, &s, fault))
            return false;
        snprintf(name, sizeof name, "f%zu", f);
        printf("%-6s%10.3g%12zu%12zu", name, s.per_row, s.distinct, s.beyond);
        if (s.distinct)
            printf("%11.1f%%%11.1f%%", 100 * s.hottest[0], 100 * s.hottest[1]);
        else
            printf("%12s%12s", "-", "-");
        if (isfinite(s.exponent))
            printf("%8.2f\n", s.exponent);
        else
            printf("%8s\n", "-");
    }
    printf("\n%zu rows; hottest: share of accesses of the ids that come most often; Zipf: the "
           "exponent that makes them likeliest\n",
           (size_t)t->accesses.bags);
    if (t->preset)
        fprintf(stderr,
                "%s: %zu rows for --preset %s --ids; %.2g %% of ids folded into its "
                "tables\n",
                t->out.path, (size_t)t->written, t->arguments->preset.name[0],
                t->ids ? 100. * (double)t->folded / (double)t->ids : 0);
    return true;
}

/* ---- the command ----------------------------------------------------------------------------- */

static bool check(const struct arguments *a, struct fault *fault)
{
    if (!a->input)
        return fault_caller(fault, "--input is needed: a CSV file of rows");
    if (a->preset.count > 1)
        return fault_caller(fault, "--preset: a trace is for one, %zu are given", a->preset.count);
    return !a->out == !a->preset.count
               ? true
               : fault_caller(fault, "--preset and --out go together: the sizes that a trace is "
                                     "for, and the file to write it to");
}

static bool trace(struct trace *t, struct fault *fault)
{
    const struct arguments *a = t->arguments;
    struct ektm_config config;
    if (a->preset.count)
        t->preset = &ektm_preset_find(a->preset.name[0])->config;
    if (!rows_sizes(a->input, &config, fault))
        return false;
    accesses_begin(&t->accesses, config.fields);
    bool fine = rows_open(&t->file, a->input, &config, fault);
    if (fine && batch_make(&t->batch, &config, PIECE_ROWS, fault)) {
        fine = read_all(t, fault) && report(t, fault);
        batch_free(&t->batch);
    }
    rows_close(&t->file);
    accesses_free(&t->accesses);
    return fine;
}

int trace_command(int argc, char **argv)
{
    struct arguments arguments;
    struct fault fault;
    struct trace t = {.arguments = &arguments, .rows = USUAL_ROWS};
    const struct own_option own[] = {
        {.name = "rows",
         .value = "N",
         .about = "Most rows of the trace (100000)",
         .number = &t.rows,
         .low = 1,
         .high = 1e12},
        {.name = NULL},
    };
    arguments_parse_own(
        &arguments, TAKES(OPTION_INPUT) | TAKES_ONE(OPTION_PRESET) | TAKES(OPTION_OUT), own,
        "Tells which ids rows ask for: how many, how often the hottest, after which "
        "law. With --preset and --out it writes them as a trace of the preset's "
        "sizes, which `ektm bench --ids FILE` times.",
        argc, argv);
    return check(&arguments, &fault) && trace(&t, &fault) ? STATUS_DONE : fault_print(&fault);
}
