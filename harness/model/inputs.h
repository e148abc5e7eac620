/* Rows to compute: made up after a law of ids, or recorded. */
#ifndef EKTM_HARNESS_MODEL_INPUTS_H
#define EKTM_HARNESS_MODEL_INPUTS_H

#include "harness/model/activations.h"
#include "harness/random.h"

enum id_law_kind {
    IDS_ZIPF,    /* id of rank k with probability proportional to k^-exponent */
    IDS_UNIFORM, /* every id alike                                            */
    IDS_FILE     /* as recorded in a CSV file of rows                         */
};

struct id_law {
    enum id_law_kind kind;
    double exponent;  /* of IDS_ZIPF, > 0   */
    const char *path; /* of IDS_FILE        */
};

/* The law that `text` names: "zipf:EXPONENT", "uniform" or the path of a CSV file. NULL: the
 * default, zipf:1.05. The path is the caller's. */
bool id_law_parse(struct id_law *law, const char *text, struct fault *fault);

/* Numbers 1 .. n, k with probability proportional to k^-exponent, exactly. */
struct zipf {
    double exponent, n, high, low, near;
};

/* n >= 1, exponent > 0. */
struct zipf zipf_make(double exponent, uint64_t n);
uint64_t zipf_draw(const struct zipf *zipf, struct random *r);

/* Where the ids of a field come from: rank k lies at (k * step + offset) mod rows, with a step that
 * has no common factor with `rows`, so every id has one rank and hot ones are no neighbours. */
struct id_field {
    enum id_law_kind law;
    struct zipf zipf;
    uint64_t rows, step, offset;
};

/* Field `index` of the inputs that `seed` names, with ids below `rows`. The law is no file. */
struct id_field id_field_make(const struct id_law *law, uint64_t rows, uint64_t seed, size_t index);
int32_t id_field_draw(const struct id_field *field, struct random *r);

/* No row of the preset has more ids than that in all its bags. */
size_t inputs_ids_per_row(const struct ektm_preset *preset);

/* Fills IDS, BAGS and DENSE with `rows` rows (at most rows_max) of the preset's sizes, for IDS_ZIPF
 * or IDS_UNIFORM; `activations` has room for rows * inputs_ids_per_row ids. Hot ids lie scattered
 * over their table. The first rows are the same whatever `rows` is. */
void inputs_random(struct activations *activations, const struct ektm_preset *preset,
                   const struct id_law *law, size_t rows, uint64_t seed);

/* Fills them with the first `rows` rows (at most rows_max) of a CSV file for a model of these
 * sizes; a file that has fewer begins again. IDS grows as it must. */
bool inputs_recorded(struct activations *activations, const struct ektm_config *config,
                     const char *path, size_t rows, struct fault *fault);

#endif
