#include "harness/data/source.h"

#include "harness/random.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

bool source_open(struct source *s, const struct source_format *format,
                 const struct source_files *files, struct vocabulary *known, struct fault *fault)
{
    *s = (struct source){.format = format, .files = *files};
    if (known)
        s->vocabulary = *known;
    if (format->open(s, files, fault))
        return true;
    source_close(s);
    return false;
}

void source_close(struct source *s)
{
    if (s->state)
        s->format->close(s);
    vocabulary_free(&s->vocabulary);
    s->state = NULL;
}

bool source_fields(struct source *s, size_t fields, const char *const *name, size_t dense,
                   size_t tasks, struct fault *fault)
{
    const struct vocabulary *v = &s->vocabulary;
    s->fields = fields;
    s->dense = dense;
    s->tasks = tasks;
    if (!v->closed)
        return vocabulary_begin(&s->vocabulary, fields, name, fault);
    for (size_t f = 0; f < fields && f < v->fields; f++)
        if (strcmp(v->field[f].name, name[f]) != 0)
            return fault_caller(fault, "--vocabulary: field %zu is %s there, %s in the data", f,
                                v->field[f].name, name[f]);
    return v->fields == fields ? true
                               : fault_caller(fault, "--vocabulary: has %zu fields, the data %zu",
                                              v->fields, fields);
}

/* ---- rows ------------------------------------------------------------------------------------ */

bool source_begin_row(struct dataset *rows, struct fault *fault)
{
    const size_t row = rows->rows, labels = rows->tasks + 1;
    if (!dataset_reserve(rows, 1, 0, fault))
        return false;
    memset(rows->feature + row * rows->dense, 0, rows->dense * sizeof *rows->feature);
    memset(rows->label + row * labels, LABEL_MISSING, labels);
    for (size_t i = 0; i < labels; i++)
        rows->truth[row * labels + i] = NAN;
    rows->user[row] = USER_NONE;
    rows->rows++;
    return true;
}

/* Where the bags of the last row begin. */
static uint32_t *last_bags(const struct dataset *rows)
{
    return rows->bag + (rows->rows - 1) * rows->fields;
}

static bool put_token(struct dataset *rows, uint32_t token, struct fault *fault)
{
    rows->rows--; /* the row that is being put together has its room */
    const bool fine = dataset_reserve(rows, 1, 1, fault);
    rows->rows++;
    if (fine)
        rows->id[rows->ids++] = (int32_t)token;
    return fine;
}

bool source_put_word(struct source *s, struct dataset *rows, size_t field, size_t of,
                     const char *text, size_t length, struct fault *fault)
{
    uint32_t token;
    if (rows->ids - last_bags(rows)[field] >= s->files.bag)
        return true;
    return vocabulary_token(&s->vocabulary, of, text, length, &token, fault) &&
           put_token(rows, token, fault);
}

void source_end_field(struct dataset *rows, size_t field)
{
    last_bags(rows)[field + 1] = (uint32_t)rows->ids;
}

float *source_dense(const struct dataset *rows)
{
    return rows->feature + (rows->rows - 1) * rows->dense;
}

uint8_t *source_label(const struct dataset *rows)
{
    return rows->label + (rows->rows - 1) * (rows->tasks + 1);
}

void source_set_user(const struct dataset *rows, uint64_t user)
{
    rows->user[rows->rows - 1] = user;
}

/* ---- cells ----------------------------------------------------------------------------------- */

uint64_t source_user(const char *text)
{
    char *end;
    errno = 0;
    const uint64_t number = strtoull(text, &end, 10);
    if (isdigit((unsigned char)*text) && *end == '\0' && errno == 0 && number != USER_NONE)
        return number;
    uint64_t hash = 0;
    for (const char *c = text; *c; c++)
        hash = random_mix(hash ^ (unsigned char)*c);
    return *text ? hash >> 1 : USER_NONE;
}

bool source_number(const char *text, float *number)
{
    char *end;
    *number = strtof(text, &end);
    return end != text && *end == '\0' && isfinite(*number);
}

bool source_is_label(const char *text, uint8_t *label)
{
    *label = *text == '\0' ? LABEL_MISSING : *text == '1';
    return *text == '\0' || ((*text == '0' || *text == '1') && text[1] == '\0');
}

float source_log(float number) { return number > 0 ? log1pf(number) : 0; }

/* ---- keyed rows ------------------------------------------------------------------------------ */

bool keyed_begin(struct keyed *k, size_t fields, size_t dense, struct fault *fault)
{
    static const char *const key[] = {"key"};
    dataset_begin(&k->rows, fields, dense, 0);
    return vocabulary_begin(&k->keys, 1, key, fault);
}

void keyed_free(struct keyed *k)
{
    vocabulary_free(&k->keys);
    dataset_free(&k->rows);
}

bool keyed_add(struct keyed *k, const char *key, bool *known, struct fault *fault)
{
    uint32_t token;
    const size_t before = k->keys.field->words;
    const bool fine = vocabulary_token(&k->keys, 0, key, strlen(key), &token, fault);
    *known = fine && k->keys.field->words == before;
    return fine;
}

size_t keyed_find(struct keyed *k, const char *key)
{
    uint32_t token = 0;
    struct fault none;
    k->keys.closed = true; /* what is looked for is not taken in */
    vocabulary_token(&k->keys, 0, key, strlen(key), &token, &none);
    return token ? token - 1 : SIZE_MAX;
}

bool keyed_put(const struct keyed *k, size_t row, size_t field, struct dataset *rows,
               struct fault *fault)
{
    const uint32_t *bag = k->rows.bag + row * k->rows.fields + field;
    for (uint32_t i = bag[0]; i < bag[1]; i++)
        if (!put_token(rows, (uint32_t)k->rows.id[i], fault))
            return false;
    return true;
}
