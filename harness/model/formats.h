/* Which number format each layer of a model computes in. */
#ifndef EKTM_HARNESS_MODEL_FORMATS_H
#define EKTM_HARNESS_MODEL_FORMATS_H

#include "harness/fault.h"
#include "reference/ektm.h"

enum { FORMATS_MAX = 32, FORMATS_TEXT = 512 };

/* The format of layers that nothing is said of, and what is said of others, by the layer's name or,
 * for all layers of that op, the op's; the layer's own name counts more. Zero is f32 throughout. */
struct formats {
    enum dtype others;
    size_t count;
    struct {
        char name[32];
        enum dtype dtype;
    } said[FORMATS_MAX];
};

/* Takes in words divided by commas. */
bool formats_parse(struct formats *formats, const char *text, const char *where,
                   struct fault *fault);

/* Takes in one word: "bf16" for all layers of which nothing else is said, or "embedding=i8",
 * "bottom.0=bf16". A word of another form: a fault that names the place, `where`. */
bool formats_add(struct formats *formats, const char *word, const char *where, struct fault *fault);

/* Names a layer's or an op's format, in place of what was said of it. */
void formats_set(struct formats *formats, const char *name, enum dtype dtype);

/* The format of the layer. Those that read nothing in narrow formats, such as the router, are f32.
 */
enum dtype formats_of(const struct formats *formats, const struct ektm_layer *layer);

/* Whether any layer of the model computes in the format. */
bool formats_include(const struct formats *formats, const struct ektm *ektm, enum dtype dtype);

/* "f32", "bf16" or "i8" where all layers that can have the same, else "mixed". */
const char *formats_kind(const struct formats *formats, const struct ektm *ektm);

/* Each layer's, such as "embedding=i8,projection=f32,bottom.0=bf16", or the one that all have. */
void formats_describe(const struct formats *formats, const struct ektm *ektm, char *text,
                      size_t size);

/* Whether each name that is said is a layer's, or an op's, of the model. */
bool formats_check(const struct formats *formats, const struct ektm *ektm, const char *where,
                   struct fault *fault);

#endif
