/* Published data sets, read exposure by exposure, as rows whose ids are tokens of a vocabulary. */
#ifndef EKTM_HARNESS_DATA_SOURCE_H
#define EKTM_HARNESS_DATA_SOURCE_H

#include "harness/data/dataset.h"
#include "harness/data/vocabulary.h"

/* Where a data set's files lie, and what to make of them. NULL or 0: not given. */
struct source_files {
    const char *input;       /* the exposures                                               */
    const char *common;      /* Ali-CCP: the features that exposures share                  */
    const char *users;       /* AliExpress: a search page each; KuaiRand: a user each       */
    const char *items;       /* KuaiRand: a video each                                      */
    const char *categorical; /* AliExpress without names: which columns hold words          */
    size_t bag;              /* most ids of a bag; those behind are left out                */
};

struct source;

/* One published format. */
struct source_format {
    const char *name, *about;

    /* Opens the files into `state` and says what fields there are (source_fields). */
    bool (*open)(struct source *source, const struct source_files *files, struct fault *fault);

    /* Appends the next exposure to `rows`: its tokens as ids. `*end`: there is none. */
    bool (*next)(struct source *source, struct dataset *rows, bool *end, struct fault *fault);

    /* Begins again. */
    bool (*rewind)(struct source *source, struct fault *fault);
    void (*close)(struct source *source);
};

struct source {
    const struct source_format *format;
    struct source_files files;
    size_t fields, dense, tasks;
    struct vocabulary vocabulary;
    void *state; /* the format's */
};

extern const struct source_format aliccp_format, aliexpress_format, kuairand_format;

/* Opens a data set. `known`: the vocabulary that it is read with, closed, which becomes the
 * source's; NULL: a new one is begun. */
bool source_open(struct source *source, const struct source_format *format,
                 const struct source_files *files, struct vocabulary *known, struct fault *fault);
void source_close(struct source *source);

/* ---- for formats ----------------------------------------------------------------------------- */

/* A row that is being put together: appended empty, with labels missing and dense features 0. */
bool source_begin_row(struct dataset *rows, struct fault *fault);

/* Sets the sizes and begins the vocabulary with the names of the fields, or holds that which is
 * known to them. */
bool source_fields(struct source *source, size_t fields, const char *const *name, size_t dense,
                   size_t tasks, struct fault *fault);

/* Puts a word into the row's next field, `field`, behind those it has, unless its bag is full. The
 * word is one of the source's field `of`. */
bool source_put_word(struct source *source, struct dataset *rows, size_t field, size_t of,
                     const char *text, size_t length, struct fault *fault);

/* Ends the field: the next one begins. Fields are put in their order. */
void source_end_field(struct dataset *rows, size_t field);

/* The row's dense features and labels. */
float *source_dense(const struct dataset *rows);
uint8_t *source_label(const struct dataset *rows);
void source_set_user(const struct dataset *rows, uint64_t user);

/* The user that a text names: its number, or one made of its bytes. */
uint64_t source_user(const char *text);

/* Parses a finite number, a label; false: it is none. */
bool source_number(const char *text, float *number);
bool source_is_label(const char *text, uint8_t *label);

/* ln(1 + x) of what is counted, 0 below. */
float source_log(float number);

/* Rows that others refer to by a key: common features, users, videos. */
struct keyed {
    struct vocabulary keys; /* token k: row k - 1 */
    struct dataset rows;
};

bool keyed_begin(struct keyed *keyed, size_t fields, size_t dense, struct fault *fault);
void keyed_free(struct keyed *keyed);

/* Takes in a key, which must be new: the next row is its. `*known`: it is not new. */
bool keyed_add(struct keyed *keyed, const char *key, bool *known, struct fault *fault);

/* The row of that key; SIZE_MAX: there is none. */
size_t keyed_find(struct keyed *keyed, const char *key);

/* Puts the tokens of field `field` of the keyed row into the next field of the row that is being
 * put together. */
bool keyed_put(const struct keyed *keyed, size_t row, size_t field, struct dataset *rows,
               struct fault *fault);

#endif
