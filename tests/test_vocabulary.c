/* Words and their ids: whatever order they come in, and back from their file. */
#include "harness/data/vocabulary.h"
#include "harness/random.h"
#include "tests/shell.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fault fault;
static const char *const names[] = {"color", "size"};

static void count(struct vocabulary *v, size_t field, const char *word)
{
    uint32_t token;
    cr_assert(vocabulary_token(v, field, word, strlen(word), &token, &fault));
    vocabulary_count(v, field, token);
}

static int32_t id_of(struct vocabulary *v, size_t field, const char *word)
{
    uint32_t token;
    cr_assert(vocabulary_token(v, field, word, strlen(word), &token, &fault));
    return vocabulary_id(v, field, token);
}

Test(vocabulary, ids_go_by_count_then_bytes)
{
    static const char *const words[] = {"red", "blue", "green", "blue", "red", "a", "blue", "b"};
    for (size_t turn = 0; turn < 8; turn++) {
        struct vocabulary v;
        cr_assert(vocabulary_begin(&v, 2, names, &fault));
        for (size_t i = 0; i < 8; i++)
            count(&v, 0, words[(i + turn) % 8]);
        count(&v, 1, "red");
        cr_assert(vocabulary_close(&v, 1, &fault));
        static const char *const order[] = {"blue", "red", "a", "b", "green"};
        for (int32_t i = 0; i < 5; i++)
            cr_expect_eq(id_of(&v, 0, order[i]), i + 1, "%s", order[i]);
        cr_expect_eq(v.field[0].ids, 6);
        cr_expect_eq(id_of(&v, 1, "red"), 1, "fields have words of their own");
        cr_expect_eq(id_of(&v, 1, "blue"), 0);
        cr_expect_eq(v.field[1].words, 1, "what is closed takes nothing in");
        vocabulary_free(&v);
    }
}

Test(vocabulary, rare_words_are_id_0)
{
    struct vocabulary v;
    cr_assert(vocabulary_begin(&v, 2, names, &fault));
    for (size_t i = 0; i < 9; i++)
        count(&v, 0, i < 4 ? "often" : i < 7 ? "three" : i < 8 ? "once" : "twice");
    count(&v, 0, "twice");
    cr_assert(vocabulary_close(&v, 3, &fault));
    cr_expect(id_of(&v, 0, "often") == 1 && id_of(&v, 0, "three") == 2);
    cr_expect(id_of(&v, 0, "once") == 0 && id_of(&v, 0, "twice") == 0);
    cr_expect_eq(v.field[0].ids, 3);
    cr_expect_eq(v.field[0].rest, 3);
    vocabulary_free(&v);
}

/* Many words against each other's tokens; words that are the beginning of others. */
Test(vocabulary, tells_many_words_apart)
{
    enum { WORDS = 20000 };
    struct vocabulary v;
    uint32_t token;
    char word[16];
    cr_assert(vocabulary_begin(&v, 2, names, &fault));
    for (uint32_t round = 0; round < 2; round++)
        for (uint32_t i = 0; i < WORDS; i++) {
            const int length = snprintf(word, sizeof word, "%u", i);
            strcat(word, "9"); /* behind the word, no part of it */
            cr_assert(vocabulary_token(&v, 0, word, (size_t)length, &token, &fault));
            cr_assert_eq(token, i + 1);
        }
    cr_expect_eq(v.field[0].words, WORDS);
    vocabulary_free(&v);
}

/* Every slot that a search passes holds a word that begins with the one that is sought. */
Test(vocabulary, tells_words_from_their_beginnings)
{
    enum { WORDS = 1000 };
    struct vocabulary v;
    char word[WORDS];
    memset(word, 'a', WORDS);
    cr_assert(vocabulary_begin(&v, 2, names, &fault));
    for (uint32_t i = 0; i < WORDS; i++) {
        uint32_t token;
        cr_assert(vocabulary_token(&v, 0, word, WORDS - i, &token, &fault));
        cr_assert_eq(token, i + 1);
    }
    vocabulary_free(&v);
}

/* ---- files ----------------------------------------------------------------------------------- */

static char path[64];

static void begin(void)
{
    snprintf(path, sizeof path, "/tmp/ektm-vocabulary-XXXXXX");
    int file = mkstemp(path);
    cr_assert(file >= 0);
    FILE *stream = fdopen(file, "w");
    fclose(stream);
}

static void end(void) { remove(path); }

TestSuite(vocabulary_file, .init = begin, .fini = end);

Test(vocabulary_file, is_read_as_it_was_written)
{
    struct vocabulary v, read;
    cr_assert(vocabulary_begin(&v, 2, names, &fault));
    for (size_t i = 0; i < 7; i++)
        count(&v, 0, i % 2 ? "(0,10]" : i ? "say \"a\"" : "rare");
    cr_assert(vocabulary_close(&v, 2, &fault) && vocabulary_write(&v, path, &fault));
    cr_assert(vocabulary_read(&read, path, &fault), "%s", fault.text);
    cr_expect(read.closed && read.fields == 2 && read.field[0].ids == 3 && read.field[1].ids == 1);
    cr_expect_str_eq(read.field[1].name, "size");
    cr_expect(read.field[0].rest == 1 && read.field[0].word[0].count == 3);
    cr_expect_eq(id_of(&read, 0, "(0,10]"), id_of(&v, 0, "(0,10]"));
    cr_expect_eq(id_of(&read, 0, "say \"a\""), id_of(&v, 0, "say \"a\""));
    cr_expect_eq(id_of(&read, 0, "rare"), 0);
    vocabulary_free(&v);
    vocabulary_free(&read);
}

static const struct {
    const char *text, *words;
} bad[] = {
    {"", "is empty"},
    {"field,value,id\n", ":1: is no vocabulary"},
    {"field,value,id,number\n", ":1: is no vocabulary"},
    {"field,value,id,count\na,x,1,1\n", ":2: column 3 (id): '1' does not follow"},
    {"field,value,id,count\na,,0,0\na,x,2,1\n", ":3: column 3 (id): '2' does not follow"},
    {"field,value,id,count\na,,0,0\nb,x,1,1\n", ":3: column 3 (id): '1' does not follow"},
    {"field,value,id,count\na,,0,0\na,,1,1\n", ":3: column 3 (id): '1' does not follow"},
    {"field,value,id,count\na,,0,0\na,x,1,\n", ":3: column 3 (id): '1' does not follow"},
    {"field,value,id,count\na,,0,0\na,x,1,2\na,x,2,1\n",
     ":4: column 2 (value): 'x' has another id, too"},
    {"field,value,id,count\na,,0,0\na,x,1\n", ":3: has 3 columns; there should be 4"},
    {"field,value,id,count\na,\"x,1,1\n", ":2: has a quotation mark that does not end"},
};

Test(vocabulary_file, damaged_ones_are_refused_with_line)
{
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct vocabulary v;
        FILE *file = fopen(path, "w");
        cr_assert(file && fputs(bad[i].text, file) >= 0 && fclose(file) == 0);
        cr_expect_not(vocabulary_read(&v, path, &fault), "accepted: %s", bad[i].text);
        cr_expect(strstr(fault.text, bad[i].words) && strstr(fault.text, path),
                  "\"%s\" gives \"%s\", not \"%s\"", bad[i].text, fault.text, bad[i].words);
    }
}
