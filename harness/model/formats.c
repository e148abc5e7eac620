#include "harness/model/formats.h"

#include <stdio.h>
#include <string.h>

static bool is_narrowable(const struct op *op)
{
    for (size_t i = 0; i < op->operands; i++)
        if (op->operand[i].narrow)
            return true;
    return false;
}

/* The format of that name that layers may have, or DTYPES. */
static enum dtype format_named(const char *name)
{
    for (enum dtype d = 0; d < DTYPES; d++)
        if ((d == DTYPE_F32 || dtype_narrow(d)) && strcmp(dtype_name(d), name) == 0)
            return d;
    return DTYPES;
}

/* What is said of the name, or DTYPES. */
static enum dtype said_of(const struct formats *formats, const char *name)
{
    for (size_t i = 0; i < formats->count; i++)
        if (strcmp(formats->said[i].name, name) == 0)
            return formats->said[i].dtype;
    return DTYPES;
}

void formats_set(struct formats *formats, const char *name, enum dtype dtype)
{
    size_t i = 0;
    while (i < formats->count && strcmp(formats->said[i].name, name) != 0)
        i++;
    if (i == FORMATS_MAX)
        return;
    snprintf(formats->said[i].name, sizeof formats->said[i].name, "%s", name);
    formats->said[i].dtype = dtype;
    formats->count += i == formats->count;
}

bool formats_add(struct formats *formats, const char *word, const char *where, struct fault *fault)
{
    const char *equals = strchr(word, '=');
    const enum dtype dtype = format_named(equals ? equals + 1 : word);
    if (dtype == DTYPES)
        return fault_caller(fault, "%s: '%s' is no number format; f32, bf16 and i8 are allowed",
                            where, equals ? equals + 1 : word);
    if (!equals) {
        formats->others = dtype;
        return true;
    }
    char name[sizeof formats->said->name];
    snprintf(name, sizeof name, "%.*s", (int)(equals - word), word);
    const bool full = formats->count == FORMATS_MAX && said_of(formats, name) == DTYPES;
    if (full || (size_t)(equals - word) >= sizeof name || !*name)
        return fault_caller(fault,
                            "%s: '%.64s' names no layer; layers and ops are allowed, such "
                            "as embedding, bottom.0 and dense, %d at most",
                            where, word, FORMATS_MAX);
    formats_set(formats, name, dtype);
    return true;
}

bool formats_parse(struct formats *formats, const char *text, const char *where,
                   struct fault *fault)
{
    char word[64];
    for (bool more = true; more;) {
        const size_t length = strcspn(text, ",");
        snprintf(word, sizeof word, "%.*s", (int)(length < sizeof word ? length : sizeof word),
                 text);
        if (!formats_add(formats, word, where, fault))
            return false;
        more = text[length] == ',';
        text += length + more;
    }
    return true;
}

enum dtype formats_of(const struct formats *formats, const struct ektm_layer *layer)
{
    if (!is_narrowable(layer->op))
        return DTYPE_F32;
    enum dtype own = said_of(formats, layer->name), op = said_of(formats, layer->op->name);
    return own != DTYPES ? own : op != DTYPES ? op : formats->others;
}

bool formats_include(const struct formats *formats, const struct ektm *ektm, enum dtype dtype)
{
    for (size_t l = 0; l < ektm->layers; l++)
        if (formats_of(formats, &ektm->layer[l]) == dtype)
            return true;
    return false;
}

const char *formats_kind(const struct formats *formats, const struct ektm *ektm)
{
    enum dtype first = DTYPES;
    for (size_t l = 0; l < ektm->layers; l++) {
        const enum dtype dtype = formats_of(formats, &ektm->layer[l]);
        if (!is_narrowable(ektm->layer[l].op))
            continue;
        if (first != DTYPES && dtype != first)
            return "mixed";
        first = dtype;
    }
    return dtype_name(first);
}

void formats_describe(const struct formats *formats, const struct ektm *ektm, char *text,
                      size_t size)
{
    const char *kind = formats_kind(formats, ektm);
    size_t used = 0;
    snprintf(text, size, "%s", kind);
    for (size_t l = 0; l < ektm->layers && strcmp(kind, "mixed") == 0; l++) {
        const struct ektm_layer *layer = &ektm->layer[l];
        if (is_narrowable(layer->op) && !ektm_repeats(ektm, l) && used < size)
            used += (size_t)snprintf(text + used, size - used, "%s%s=%s", used ? "," : "",
                                     layer->name, dtype_name(formats_of(formats, layer)));
    }
}

bool formats_check(const struct formats *formats, const struct ektm *ektm, const char *where,
                   struct fault *fault)
{
    for (size_t i = 0; i < formats->count; i++) {
        const char *name = formats->said[i].name;
        bool known = false;
        for (size_t l = 0; l < ektm->layers && !known; l++)
            known =
                is_narrowable(ektm->layer[l].op) && (strcmp(ektm->layer[l].name, name) == 0 ||
                                                     strcmp(ektm->layer[l].op->name, name) == 0);
        if (!known)
            return fault_caller(fault,
                                "%s: '%s' is no layer of the model that has a format; embedding, "
                                "projection, bottom.0 to bottom.%zu, tower, transmitter, enhanced "
                                "and head are allowed, and dense for all of its kind",
                                where, name, ektm->config.bottoms - 1);
    }
    return true;
}
