/* Ali-CCP (Tianchi 408): exposures of Taobao's recommendations, each a line
 *
 *     sample id, click, conversion, index of common features, number of features, features
 *
 * and common features, which many exposures share, each a line
 *
 *     index, number of features, features
 *
 * without names. Features are joined by \x01; each is field \x02 word \x03 value. The 23 fields are
 * those that the data set documents; the values of the eight that count something (behaviour, and
 * how user and item go together) are dense features, ln(1 + their sum). */
#include "harness/data/source.h"
#include "harness/data/table.h"

#include <stdlib.h>
#include <string.h>

enum { CCP_FIELDS = 23, COUNTED = 8, SKELETON_COLUMNS = 6, COMMON_COLUMNS = 3, USER_FIELD = 0 };

/* The user's, then the item's, those of both, and the context. */
static const char *const field_name[CCP_FIELDS] = {
    "101",    "121", "122", "124", "125", "126", "127", "128", "129", "109_14", "110_14", "127_14",
    "150_14", "205", "206", "207", "210", "216", "508", "509", "702", "853",    "301"};

static const char *const counted_name[COUNTED] = {"109_14", "110_14", "127_14", "150_14",
                                                  "508",    "509",    "702",    "853"};

/* What a list of features says. */
struct features {
    size_t words; /* of fields that are wanted */
    struct {
        size_t field, length;
        const char *text;
    } * word;
    size_t room;
    float sum[COUNTED];
};

struct aliccp {
    struct table skeleton;
    struct keyed common;
    struct features features;
};

static size_t index_of(const char *const *names, size_t count, const char *text, size_t length)
{
    size_t i = 0;
    while (i < count && (strncmp(names[i], text, length) != 0 || names[i][length] != '\0'))
        i++;
    return i;
}

/* Parses the feature that begins at `text` and ends at `end`. */
static bool parse_feature(struct features *f, const char *text, const char *end)
{
    const char *word = memchr(text, '\x02', (size_t)(end - text));
    const char *value = word ? memchr(word, '\x03', (size_t)(end - word)) : NULL;
    char number[32];
    float parsed;
    if (!value || word + 1 == value || end - value - 1 >= (ptrdiff_t)sizeof number)
        return false;
    snprintf(number, sizeof number, "%.*s", (int)(end - value - 1), value + 1);
    if (!source_number(number, &parsed))
        return false;
    const size_t name = (size_t)(word - text);
    const size_t field = index_of(field_name, CCP_FIELDS, text, name);
    const size_t counted = index_of(counted_name, COUNTED, text, name);
    if (counted < COUNTED)
        f->sum[counted] += parsed;
    if (field < CCP_FIELDS) {
        f->word[f->words].field = field;
        f->word[f->words].text = word + 1;
        f->word[f->words++].length = (size_t)(value - word - 1);
    }
    return true;
}

/* Parses a list of features, which its number stands before. */
static bool parse_features(struct features *f, const struct table *table, size_t column,
                           struct fault *fault)
{
    const char *list = table->cell[column];
    size_t count = *list != '\0', found = 0;
    for (const char *c = list; *c; c++)
        count += *c == '\x01';
    if (count > f->room) {
        void *larger = realloc(f->word, count * sizeof *f->word);
        if (!larger)
            return fault_memory(fault, "a list of features");
        f->word = larger;
        f->room = count;
    }
    f->words = 0;
    memset(f->sum, 0, sizeof f->sum);
    for (const char *at = list; *at; found++) {
        const char *end = at + strcspn(at, "\x01");
        if (!parse_feature(f, at, end))
            return table_fault(table, column, "has a feature that is no FIELD\\x02WORD\\x03NUMBER",
                               fault);
        at = *end ? end + 1 : end;
    }
    if (strtoull(table->cell[column - 1], NULL, 10) != found)
        return table_fault(table, column - 1, "is not the number of features that follow", fault);
    return true;
}

static bool put_field(struct source *s, struct dataset *rows, const struct features *f,
                      size_t field, struct fault *fault)
{
    for (size_t w = 0; w < f->words; w++)
        if (f->word[w].field == field &&
            !source_put_word(s, rows, field, field, f->word[w].text, f->word[w].length, fault))
            return false;
    return true;
}

/* ---- common features ------------------------------------------------------------------------- */

static uint64_t user_of(const char *word, size_t length)
{
    char text[32];
    snprintf(text, sizeof text, "%.*s", (int)length, word);
    return source_user(text);
}

static bool add_common(struct source *s, struct table *table, struct fault *fault)
{
    struct aliccp *a = s->state;
    struct dataset *rows = &a->common.rows;
    bool known;
    if (!parse_features(&a->features, table, 2, fault) ||
        !keyed_add(&a->common, table->cell[0], &known, fault))
        return false;
    if (known)
        return table_fault(table, 0, "has features in an earlier line, too", fault);
    bool fine = source_begin_row(rows, fault);
    for (size_t f = 0; f < CCP_FIELDS && fine; f++) {
        fine = put_field(s, rows, &a->features, f, fault);
        source_end_field(rows, f);
    }
    if (fine)
        memcpy(source_dense(rows), a->features.sum, sizeof a->features.sum);
    for (size_t w = 0; w < a->features.words && fine; w++)
        if (a->features.word[w].field == USER_FIELD)
            source_set_user(rows, user_of(a->features.word[w].text, a->features.word[w].length));
    return fine;
}

static bool read_common(struct source *s, const char *path, struct fault *fault)
{
    struct table table;
    bool end = false, fine = true;
    if (!table_open(&table, path, COMMON_COLUMNS, fault))
        return false;
    while (fine && !end) {
        fine = table_read(&table, &end, fault);
        if (fine && !end)
            fine = add_common(s, &table, fault);
    }
    table_close(&table);
    return fine;
}

/* ---- exposures ------------------------------------------------------------------------------- */

static bool put_labels(const struct table *table, const struct dataset *rows, struct fault *fault)
{
    for (size_t i = 0; i < 2; i++)
        if (!source_is_label(table->cell[1 + i], &source_label(rows)[i]))
            return table_fault(table, 1 + i, "is no label; 0 and 1 are allowed", fault);
    return true;
}

static bool next(struct source *s, struct dataset *rows, bool *end, struct fault *fault)
{
    struct aliccp *a = s->state;
    if (!table_read(&a->skeleton, end, fault) || *end)
        return *end;
    const size_t shared = keyed_find(&a->common, a->skeleton.cell[3]);
    if (shared == SIZE_MAX)
        return table_fault(&a->skeleton, 3, "is no index in the file of common features", fault);
    bool fine = parse_features(&a->features, &a->skeleton, 5, fault) &&
                source_begin_row(rows, fault) && put_labels(&a->skeleton, rows, fault);
    for (size_t f = 0; f < CCP_FIELDS && fine; f++) {
        fine = keyed_put(&a->common, shared, f, rows, fault) &&
               put_field(s, rows, &a->features, f, fault);
        source_end_field(rows, f);
    }
    for (size_t i = 0; i < COUNTED && fine; i++)
        source_dense(rows)[i] =
            source_log(a->features.sum[i] + a->common.rows.feature[shared * COUNTED + i]);
    if (fine)
        source_set_user(rows, a->common.rows.user[shared]);
    return fine;
}

/* ---- files ----------------------------------------------------------------------------------- */

static bool rewind_files(struct source *s, struct fault *fault)
{
    struct aliccp *a = s->state;
    return table_rewind(&a->skeleton, fault);
}

static bool open_files(struct source *s, const struct source_files *files, struct fault *fault)
{
    struct aliccp *a = s->state = calloc(1, sizeof *a);
    if (!a)
        return fault_memory(fault, "a data set");
    if (!files->common)
        return fault_caller(fault, "--common is needed: common_features_train.csv or _test.csv");
    return source_fields(s, CCP_FIELDS, field_name, COUNTED, 1, fault) &&
           keyed_begin(&a->common, CCP_FIELDS, COUNTED, fault) &&
           read_common(s, files->common, fault) &&
           table_open(&a->skeleton, files->input, SKELETON_COLUMNS, fault);
}

static void close_files(struct source *s)
{
    struct aliccp *a = s->state;
    table_close(&a->skeleton);
    keyed_free(&a->common);
    free(a->features.word);
    free(a);
}

const struct source_format aliccp_format = {
    "aliccp",     "sample_skeleton_*.csv, with --common common_features_*.csv",
    open_files,   next,
    rewind_files, close_files};
