#include "harness/model/inputs.h"
#include "harness/model/rows.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

bool id_law_parse(struct id_law *law, const char *text, struct fault *fault)
{
    static const char zipf[] = "zipf:";
    *law = (struct id_law){.kind = IDS_ZIPF, .exponent = 1.05};
    if (!text)
        return true;
    if (strcmp(text, "uniform") == 0) {
        law->kind = IDS_UNIFORM;
        return true;
    }
    if (strncmp(text, zipf, sizeof zipf - 1) != 0) {
        *law = (struct id_law){.kind = IDS_FILE, .path = text};
        return true;
    }
    char *end;
    const char *number = text + sizeof zipf - 1;
    law->exponent = strtod(number, &end);
    if (end == number || *end || !(law->exponent > 0 && law->exponent <= 10))
        return fault_caller(fault, "--ids: '%s' is not an exponent between 0 and 10", number);
    return true;
}

/* ---- Zipf's law: rejection-inversion --------------------------------------------------------- */

/* W. Hoermann, G. Derflinger: "Rejection-inversion to generate variates from monotone discrete
 * distributions", ACM TOMACS 6(3), 1996. x^-s is sampled between 1/2 and n + 1/2 by inversion; the
 * whole number next to x is taken unless x fell into the part of its bar where the curve lies above
 * the bar. */

/* The integral of x^-s from 1 to x, and its inverse: written so that exponents near 1 lose no
 * digits. */
static double area(double x, double s)
{
    return s == 1 ? log(x) : expm1((1 - s) * log(x)) / (1 - s);
}

static double area_inverse(double a, double s)
{
    return s == 1 ? exp(a) : exp(log1p(a * (1 - s)) / (1 - s));
}

struct zipf zipf_make(double exponent, uint64_t n)
{
    double s = exponent;
    return (struct zipf){
        .exponent = s,
        .n = (double)n,
        .low = area(1.5, s) - 1,
        .high = area((double)n + 0.5, s),
        .near = 2 - area_inverse(area(2.5, s) - pow(2, -s), s),
    };
}

uint64_t zipf_draw(const struct zipf *zipf, struct random *r)
{
    for (;;) {
        double a = zipf->high + random_uniform(r) * (zipf->low - zipf->high);
        double x = area_inverse(a, zipf->exponent);
        double k = fmin(fmax(rint(x), 1), zipf->n);
        if (k - x <= zipf->near || a >= area(k + 0.5, zipf->exponent) - pow(k, -zipf->exponent))
            return (uint64_t)k;
    }
}

/* ---- rows ------------------------------------------------------------------------------------ */

static uint64_t common_factor(uint64_t a, uint64_t b)
{
    while (b) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

struct id_field id_field_make(const struct id_law *law, uint64_t rows, uint64_t seed, size_t index)
{
    struct random r = random_stream(seed, UINT64_MAX - index);
    struct id_field field = {.law = law->kind, .rows = rows, .offset = random_below(&r, rows)};
    if (law->kind == IDS_ZIPF)
        field.zipf = zipf_make(law->exponent, rows);
    field.step = (uint64_t)(0.6180339887498949 * (double)rows) + 1;
    while (common_factor(field.step, rows) != 1)
        field.step++;
    return field;
}

int32_t id_field_draw(const struct id_field *field, struct random *r)
{
    uint64_t rank =
        field->law == IDS_ZIPF ? zipf_draw(&field->zipf, r) - 1 : random_below(r, field->rows);
    return (int32_t)((rank * field->step + field->offset) % field->rows);
}

size_t inputs_ids_per_row(const struct ektm_preset *preset)
{
    return preset->config.fields - preset->bag_fields + preset->bag_fields * 2 * preset->bag_ids;
}

/* The bags of one row; returns where the next row's begin. */
static size_t fill_row(const struct activations *activations, const struct ektm_preset *preset,
                       const struct id_field *field, size_t row, size_t at, struct random *r)
{
    const struct ektm_config *c = &preset->config;
    int32_t *ids = activations->memory.buffer[BUFFER_IDS].data;
    int32_t *bags = activations->memory.buffer[BUFFER_BAGS].data;
    for (size_t f = 0; f < c->fields; f++) {
        size_t count = f < preset->bag_fields ? random_below(r, 2 * preset->bag_ids + 1) : 1;
        while (count-- > 0)
            ids[at++] = id_field_draw(&field[f], r);
        bags[row * c->fields + f + 1] = (int32_t)at;
    }
    return at;
}

void inputs_random(struct activations *activations, const struct ektm_preset *preset,
                   const struct id_law *law, size_t rows, uint64_t seed)
{
    const struct ektm_config *c = &preset->config;
    const struct tensor *dense = &activations->memory.buffer[BUFFER_DENSE];
    struct id_field field[FIELDS_MAX];
    assert(rows <= activations->rows_max && law->kind != IDS_FILE);
    assert(rows * inputs_ids_per_row(preset) <= activations->ids_max);
    for (size_t f = 0; f < c->fields; f++)
        field[f] = id_field_make(law, c->rows[f], seed, f);

    size_t at = 0;
    ((int32_t *)activations->memory.buffer[BUFFER_BAGS].data)[0] = 0;
    for (size_t b = 0; b < rows; b++) {
        struct random r = random_stream(seed, b);
        at = fill_row(activations, preset, field, b, at, &r);
        for (size_t d = 0; d < c->dense; d++)
            real_put(dense, b, d, random_between(&r, -1, 1));
    }
    activations->memory.ids = at;
}

/* ---- recorded rows --------------------------------------------------------------------------- */

/* Row `row` once more as row `to`, behind all others. */
static bool repeat(struct activations *activations, const struct ektm_config *c, size_t row,
                   size_t to, struct fault *fault)
{
    struct ektm_memory *memory = &activations->memory;
    const struct tensor *dense = &memory->buffer[BUFFER_DENSE];
    int32_t *bags = memory->buffer[BUFFER_BAGS].data;
    const int32_t *from = bags + row * c->fields;
    size_t count = (size_t)(from[c->fields] - from[0]);
    if (!activations_reserve(activations, memory->ids + count, fault))
        return false;
    int32_t *ids = memory->buffer[BUFFER_IDS].data;
    memcpy(ids + memory->ids, ids + from[0], count * sizeof *ids);
    for (size_t f = 0; f < c->fields; f++)
        bags[to * c->fields + f + 1] = bags[to * c->fields + f] + from[f + 1] - from[f];
    for (size_t d = 0; d < c->dense; d++)
        real_put(dense, to, d, real_at(dense, row, d));
    memcpy(activations->label + to * (c->tasks + 1), activations->label + row * (c->tasks + 1),
           c->tasks + 1);
    activations->user[to] = activations->user[row];
    memory->ids += count;
    return true;
}

bool inputs_recorded(struct activations *activations, const struct ektm_config *config,
                     const char *path, size_t rows, struct fault *fault)
{
    struct rows file;
    size_t found;
    assert(rows <= activations->rows_max);
    if (!rows_open(&file, path, config, fault))
        return false;
    bool fine = rows_read(&file, activations, rows, &found, fault);
    rows_close(&file);
    if (fine && found == 0 && rows > 0)
        return fault_caller(fault, "%s: has no rows", path);
    for (size_t b = found; fine && b < rows; b++)
        fine = repeat(activations, config, b - found, b, fault);
    return fine;
}
