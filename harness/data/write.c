#include "harness/data/write.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

bool output_open(struct output *output, const char *path, struct fault *fault)
{
    *output = (struct output){path, fopen(path, "we")};
    return output->file ? true
                        : fault_caller(fault, "%s: cannot be created: %s", path, strerror(errno));
}

bool output_close(struct output *output, bool fine, struct fault *fault)
{
    const bool written = !ferror(output->file);
    const bool closed = fclose(output->file) == 0;
    return !fine ? false
           : closed && written
               ? true
               : fault_machine(fault, "%s: cannot be written: %s", output->path, strerror(errno));
}

/* ---- numbers, faster than printf ------------------------------------------------------------- */

enum { NUMBER_BYTES = 32, THOUSANDTHS = 1000 };

/* Writes the digits of a whole number; returns where they end. */
static char *put_whole(char *to, uint64_t number)
{
    char digit[NUMBER_BYTES];
    size_t count = 0;
    do
        digit[count++] = (char)('0' + number % 10);
    while (number /= 10);
    while (count)
        *to++ = digit[--count];
    return to;
}

/* Thousandths, which a simulator makes, get three digits; other numbers as many as tell them. */
static char *put_float(char *to, float number)
{
    const double thousandths = rint((double)number * THOUSANDTHS);
    if (!(fabs(thousandths) < 1e9) || (float)(thousandths / THOUSANDTHS) != number)
        return to + snprintf(to, NUMBER_BYTES, "%.9g", (double)number);
    const uint64_t whole = (uint64_t)fabs(thousandths);
    if (signbit(number))
        *to++ = '-';
    to = put_whole(to, whole / THOUSANDTHS);
    if (whole % THOUSANDTHS == 0)
        return to;
    *to++ = '.';
    for (uint64_t place = THOUSANDTHS / 10, rest = whole % THOUSANDTHS; place && rest;
         rest %= place, place /= 10)
        *to++ = (char)('0' + rest / place);
    return to;
}

static void put(struct output *output, const char *text, const char *end)
{
    fwrite_unlocked(text, 1, (size_t)(end - text), output->file);
}

static void put_byte(struct output *output, char byte) { putc_unlocked(byte, output->file); }

/* ---- rows ------------------------------------------------------------------------------------ */

void write_names(struct output *output, const struct dataset *d)
{
    for (size_t f = 0; f < d->fields; f++)
        fprintf(output->file, "f%zu,", f);
    for (size_t i = 0; i < d->dense; i++)
        fprintf(output->file, "d%zu,", i);
    fprintf(output->file, "click,");
    for (size_t i = 1; i <= d->tasks; i++)
        fprintf(output->file, "conv%zu,", i);
    fprintf(output->file, "user\n");
}

static void write_bag(struct output *output, const int32_t *id, const int32_t *end)
{
    char text[NUMBER_BYTES];
    for (const int32_t *at = id; at < end; at++) {
        if (at > id)
            put_byte(output, '|');
        put(output, text, put_whole(text, (uint64_t)*at));
    }
    put_byte(output, ',');
}

void write_rows(struct output *output, const struct dataset *d, size_t rows)
{
    char text[NUMBER_BYTES];
    for (size_t b = 0; b < rows; b++) {
        const uint32_t *bag = d->bag + b * d->fields;
        const uint8_t *label = d->label + b * (d->tasks + 1);
        for (size_t f = 0; f < d->fields; f++)
            write_bag(output, d->id + bag[f], d->id + bag[f + 1]);
        for (size_t i = 0; i < d->dense; i++) {
            char *end = put_float(text, d->feature[b * d->dense + i]);
            *end++ = ',';
            put(output, text, end);
        }
        for (size_t i = 0; i <= d->tasks; i++) {
            if (label[i] != LABEL_MISSING)
                put_byte(output, label[i] ? '1' : '0');
            put_byte(output, ',');
        }
        if (d->user[b] != USER_NONE)
            put(output, text, put_whole(text, d->user[b]));
        put_byte(output, '\n');
    }
}

/* ---- truth ----------------------------------------------------------------------------------- */

void write_truth(struct output *output, const struct dataset *d, size_t rows)
{
    for (size_t b = 0; b < rows; b++) {
        const double *truth = d->truth + b * (d->tasks + 1);
        for (size_t i = 0; i <= d->tasks; i++)
            fprintf(output->file, i ? ",%.9g" : "%.9g", truth[i]);
        for (size_t i = 1; i <= d->tasks; i++)
            fprintf(output->file, ",%.9g", truth[0] * truth[i]);
        fprintf(output->file, "\n");
    }
}
