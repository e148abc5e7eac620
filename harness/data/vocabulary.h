/* The words of a data set's fields and the ids they get. Words are counted in one pass; then each
 * field's ids are given out by count, largest first, equal ones in the order of their bytes: the
 * same for the same data, in whatever order they come. Id 0 stands for every word that was too rare
 * or is not known. */
#ifndef EKTM_HARNESS_DATA_VOCABULARY_H
#define EKTM_HARNESS_DATA_VOCABULARY_H

#include "harness/fault.h"

#include <stddef.h>
#include <stdint.h>

struct word {
    size_t text; /* where it begins in the field's texts */
    uint64_t count;
    int32_t id;
};

struct vocabulary_field {
    char name[32];
    size_t words, words_room, texts, texts_room, slots;
    struct word *word; /* [words]: that of token t is word[t - 1]              */
    char *text;        /* [texts]: words one after the other, each ended by 0  */
    uint32_t *slot;    /* [slots], a power of two: tokens by hash; 0: free     */
    size_t ids;        /* once closed: ids are 0 .. ids - 1                    */
    uint64_t rest;     /* once closed: how often words with id 0 came          */
};

struct vocabulary {
    size_t fields;
    struct vocabulary_field *field;
    bool closed;
};

/* Begins with no words. Names, shorter than 32, are copied. */
bool vocabulary_begin(struct vocabulary *vocabulary, size_t fields, const char *const *name,
                      struct fault *fault);
void vocabulary_free(struct vocabulary *vocabulary);

/* The token of a word: a number of its own in the field, from 1. A new word is taken in; once
 * closed it is 0. */
bool vocabulary_token(struct vocabulary *vocabulary, size_t field, const char *text, size_t length,
                      uint32_t *token, struct fault *fault);

void vocabulary_count(struct vocabulary *vocabulary, size_t field, uint32_t token);

/* Gives ids to words that were counted at least `least` times (and once at least). */
bool vocabulary_close(struct vocabulary *vocabulary, uint64_t least, struct fault *fault);

/* The id of a token, once closed. */
int32_t vocabulary_id(const struct vocabulary *vocabulary, size_t field, uint32_t token);

/* A CSV file, field,value,id,count: each field's words in the order of their ids, from the line of
 * all others: an empty value, id 0. */
bool vocabulary_write(const struct vocabulary *vocabulary, const char *path, struct fault *fault);

/* Reads one back, closed. */
bool vocabulary_read(struct vocabulary *vocabulary, const char *path, struct fault *fault);

#endif
