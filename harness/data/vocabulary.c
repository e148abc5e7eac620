#include "harness/data/vocabulary.h"

#include "harness/data/table.h"
#include "harness/data/write.h"
#include "harness/random.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_SLOTS = 64 };

bool vocabulary_begin(struct vocabulary *v, size_t fields, const char *const *name,
                      struct fault *fault)
{
    *v = (struct vocabulary){.fields = fields, .field = calloc(fields + 1, sizeof *v->field)};
    if (!v->field)
        return fault_memory(fault, "a vocabulary");
    for (size_t f = 0; f < fields; f++)
        snprintf(v->field[f].name, sizeof v->field[f].name, "%s", name[f]);
    return true;
}

void vocabulary_free(struct vocabulary *v)
{
    for (size_t f = 0; f < v->fields; f++) {
        free(v->field[f].word);
        free(v->field[f].text);
        free(v->field[f].slot);
    }
    free(v->field);
    *v = (struct vocabulary){.fields = 0};
}

/* ---- words ----------------------------------------------------------------------------------- */

/* FNV-1a (Fowler, Noll, Vo), mixed, since slots are its last bits. */
static uint64_t hash_of(const char *text, size_t length)
{
    uint64_t hash = 0xcbf29ce484222325;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)text[i]) * 0x100000001b3;
    return random_mix(hash);
}

/* The slot of a word: that holds it, or that is free for it. */
static uint32_t *slot_of(const struct vocabulary_field *f, const char *text, size_t length)
{
    size_t at = hash_of(text, length) & (f->slots - 1);
    for (; f->slot[at]; at = (at + 1) & (f->slots - 1)) {
        const char *known = f->text + f->word[f->slot[at] - 1].text;
        if (strncmp(known, text, length) == 0 && known[length] == '\0')
            break;
    }
    return &f->slot[at];
}

/* At most half of the slots are taken. */
static bool grow_slots(struct vocabulary_field *f)
{
    if (2 * (f->words + 1) <= f->slots)
        return true;
    struct vocabulary_field larger = *f;
    larger.slots = f->slots ? 2 * f->slots : FIRST_SLOTS;
    larger.slot = calloc(larger.slots, sizeof *larger.slot);
    if (!larger.slot)
        return false;
    for (size_t w = 0; w < f->words; w++) {
        const char *text = f->text + f->word[w].text;
        *slot_of(&larger, text, strlen(text)) = (uint32_t)(w + 1);
    }
    free(f->slot);
    *f = larger;
    return true;
}

static bool grow_words(struct vocabulary_field *f, size_t length)
{
    if (f->words == f->words_room) {
        const size_t room = 2 * f->words_room + 64;
        struct word *word = realloc(f->word, room * sizeof *word);
        if (!word)
            return false;
        f->word = word;
        f->words_room = room;
    }
    if (f->texts + length + 1 > f->texts_room) {
        const size_t room = 2 * f->texts_room + length + 256;
        char *text = realloc(f->text, room);
        if (!text)
            return false;
        f->text = text;
        f->texts_room = room;
    }
    return true;
}

static bool take_in(struct vocabulary_field *f, const char *text, size_t length)
{
    if (f->words >= INT32_MAX || !grow_words(f, length) || !grow_slots(f))
        return false;
    *slot_of(f, text, length) = (uint32_t)(f->words + 1);
    f->word[f->words++] = (struct word){.text = f->texts};
    memcpy(f->text + f->texts, text, length);
    f->texts += length;
    f->text[f->texts++] = '\0';
    return true;
}

bool vocabulary_token(struct vocabulary *v, size_t field, const char *text, size_t length,
                      uint32_t *token, struct fault *fault)
{
    struct vocabulary_field *f = &v->field[field];
    *token = f->slots ? *slot_of(f, text, length) : 0;
    if (*token || v->closed)
        return true;
    *token = (uint32_t)(f->words + 1);
    return take_in(f, text, length) ? true : fault_memory(fault, "the words of a field");
}

void vocabulary_count(struct vocabulary *v, size_t field, uint32_t token)
{
    v->field[field].word[token - 1].count++;
}

/* ---- ids ------------------------------------------------------------------------------------- */

static int by_count(const void *a, const void *b, void *field)
{
    const struct vocabulary_field *f = field;
    const struct word *x = *(struct word *const *)a, *y = *(struct word *const *)b;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return strcmp(f->text + x->text, f->text + y->text);
}

/* The field's words that have ids, in their order; NULL: out of memory. To be freed. */
static struct word **in_order(struct vocabulary_field *f, uint64_t least, size_t *count)
{
    struct word **order = malloc((f->words + 1) * sizeof *order);
    *count = 0;
    for (size_t w = 0; w < f->words && order; w++)
        if (f->word[w].count >= least)
            order[(*count)++] = &f->word[w];
    if (order)
        qsort_r(order, *count, sizeof *order, by_count, f);
    return order;
}

bool vocabulary_close(struct vocabulary *v, uint64_t least, struct fault *fault)
{
    least = least ? least : 1;
    for (size_t i = 0; i < v->fields; i++) {
        struct vocabulary_field *f = &v->field[i];
        size_t count;
        struct word **order = in_order(f, least, &count);
        if (!order)
            return fault_memory(fault, "the ids of a field");
        for (size_t w = 0; w < f->words; w++)
            f->rest += f->word[w].count < least ? f->word[w].count : 0;
        for (size_t w = 0; w < count; w++)
            order[w]->id = (int32_t)(w + 1);
        f->ids = count + 1;
        free(order);
    }
    v->closed = true;
    return true;
}

int32_t vocabulary_id(const struct vocabulary *v, size_t field, uint32_t token)
{
    return token ? v->field[field].word[token - 1].id : 0;
}

/* ---- files ----------------------------------------------------------------------------------- */

enum { FIELD, VALUE, ID, COUNT, COLUMNS };
static const char *const names[COLUMNS] = {"field", "value", "id", "count"};

/* Words with a comma or a quotation mark are quoted. */
static void write_word(FILE *file, const char *text)
{
    if (!strpbrk(text, ",\"")) {
        fputs(text, file);
        return;
    }
    putc('"', file);
    for (; *text; text++)
        fprintf(file, *text == '"' ? "\"%c" : "%c", *text);
    putc('"', file);
}

static bool write_field(struct output *out, struct vocabulary_field *f, struct fault *fault)
{
    size_t count;
    struct word **order = in_order(f, 1, &count);
    if (!order)
        return fault_memory(fault, "the ids of a field");
    fprintf(out->file, "%s,,0,%" PRIu64 "\n", f->name, f->rest);
    for (size_t w = 0; w < count; w++)
        if (order[w]->id) {
            fprintf(out->file, "%s,", f->name);
            write_word(out->file, f->text + order[w]->text);
            fprintf(out->file, ",%d,%" PRIu64 "\n", order[w]->id, order[w]->count);
        }
    free(order);
    return true;
}

bool vocabulary_write(const struct vocabulary *v, const char *path, struct fault *fault)
{
    struct output out;
    bool fine = true;
    if (!output_open(&out, path, fault))
        return false;
    for (size_t i = 0; i < COLUMNS; i++)
        fprintf(out.file, "%s%c", names[i], i + 1 < COLUMNS ? ',' : '\n');
    for (size_t f = 0; f < v->fields && fine; f++)
        fine = write_field(&out, &v->field[f], fault);
    return output_close(&out, fine, fault);
}

/* Begins a field of that name behind the others, whose words without ids came `rest` times. */
static bool add_field(struct vocabulary *v, const char *name, uint64_t rest, struct fault *fault)
{
    struct vocabulary_field *field = realloc(v->field, (v->fields + 1) * sizeof *field);
    if (!field)
        return fault_memory(fault, "a vocabulary");
    v->field = field;
    field[v->fields] = (struct vocabulary_field){.ids = 1, .rest = rest};
    snprintf(field[v->fields].name, sizeof field->name, "%s", name);
    v->fields++;
    return true;
}

/* A line of the file: the first of a field is that of all other words. */
static bool take_line(struct vocabulary *v, const struct table *table, struct fault *fault)
{
    struct vocabulary_field *f = v->fields ? &v->field[v->fields - 1] : NULL;
    char *const *cell = table->cell, *id_end, *count_end;
    const unsigned long long id = strtoull(cell[ID], &id_end, 10);
    const unsigned long long count = strtoull(cell[COUNT], &count_end, 10);
    const bool numbers = *cell[ID] && !*id_end && *cell[COUNT] && !*count_end;
    if (!numbers || (id == 0) != (*cell[VALUE] == '\0') ||
        (id && (!f || strcmp(f->name, cell[FIELD]) != 0 || id != f->ids)))
        return table_fault(table, ID,
                           "does not follow: each field has ids one after the other, from 0, that "
                           "of an empty value",
                           fault);
    if (id == 0)
        return add_field(v, cell[FIELD], count, fault);
    uint32_t token;
    if (!vocabulary_token(v, v->fields - 1, cell[VALUE], strlen(cell[VALUE]), &token, fault))
        return false;
    if (token != f->ids)
        return table_fault(table, VALUE, "has another id, too", fault);
    f->word[token - 1].count = count;
    f->word[token - 1].id = (int32_t)id;
    f->ids++;
    return true;
}

static bool read_table(struct vocabulary *v, struct table *table, struct fault *fault)
{
    bool end = false, fine = true;
    for (size_t i = 0; i < COLUMNS; i++)
        if (table->columns != COLUMNS || strcmp(table->name[i], names[i]) != 0)
            return fault_caller(fault,
                                "%s:1: is no vocabulary; the first line is field,value,id,count",
                                table->lines.path);
    while (fine && !end) {
        fine = table_read(table, &end, fault);
        if (fine && !end)
            fine = take_line(v, table, fault);
    }
    return fine;
}

bool vocabulary_read(struct vocabulary *v, const char *path, struct fault *fault)
{
    struct table table;
    *v = (struct vocabulary){.fields = 0};
    if (!table_open(&table, path, 0, fault))
        return false;
    const bool fine = read_table(v, &table, fault);
    table_close(&table);
    v->closed = true;
    if (!fine)
        vocabulary_free(v);
    return fine;
}
