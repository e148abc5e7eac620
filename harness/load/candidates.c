#include "harness/load/candidates.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SPREAD_MAX = 4 };

static bool bad_law(const char *text, struct fault *fault)
{
    return fault_caller(fault,
                        "--candidates: '%s' is no law; lognormal:MEAN:SPREAD (a mean of 1 to %d "
                        "rows, a spread of 0 to %d), fixed:N or a file is",
                        text, CANDIDATES_MAX, SPREAD_MAX);
}

static bool parse_lognormal(struct candidates *c, const char *numbers, const char *text,
                            struct fault *fault)
{
    char *end, *last;
    c->kind = CANDIDATES_LOGNORMAL;
    c->mean = strtod(numbers, &end);
    if (end == numbers || *end != ':')
        return bad_law(text, fault);
    c->spread = strtod(end + 1, &last);
    if (last == end + 1 || *last || !(c->mean >= 1 && c->mean <= CANDIDATES_MAX) ||
        !(c->spread >= 0 && c->spread <= SPREAD_MAX))
        return bad_law(text, fault);
    snprintf(c->text, sizeof c->text, "lognormal mean %g spread %g", c->mean, c->spread);
    return true;
}

static bool parse_fixed(struct candidates *c, const char *number, const char *text,
                        struct fault *fault)
{
    char *end;
    const unsigned long rows = strtoul(number, &end, 10);
    if (*number < '0' || *number > '9' || *end || rows < 1 || rows > CANDIDATES_MAX)
        return bad_law(text, fault);
    c->kind = CANDIDATES_FIXED;
    c->mean = (double)rows;
    snprintf(c->text, sizeof c->text, "fixed %lu", rows);
    return true;
}

/* ---- recorded -------------------------------------------------------------------------------- */

static bool add_recorded(struct candidates *c, unsigned rows, struct fault *fault)
{
    if ((c->count & (c->count + 1)) == 0) { /* full: room for twice as many and one */
        unsigned *more = realloc(c->recorded, (2 * c->count + 1) * sizeof *more);
        if (!more)
            return fault_memory(fault, "the recorded candidates");
        c->recorded = more;
    }
    c->recorded[c->count++] = rows;
    return true;
}

static bool read_lines(struct candidates *c, FILE *file, const char *path, struct fault *fault)
{
    char *line = NULL;
    size_t room = 0;
    bool fine = true;
    while (fine && getline(&line, &room, file) > 0) {
        char *end;
        line[strcspn(line, "\r\n")] = '\0';
        const unsigned long rows = strtoul(line, &end, 10);
        if (*line < '0' || *line > '9' || *end || rows < 1 || rows > CANDIDATES_MAX)
            fine = fault_caller(fault, "%s:%zu: '%.40s' is not a whole number from 1 to %d", path,
                                c->count + 1, line, CANDIDATES_MAX);
        else
            fine = add_recorded(c, (unsigned)rows, fault);
    }
    free(line);
    return fine;
}

/* FNV-1a (Fowler, Noll, Vo) of the numbers: tells whether two runs had the same queries. */
static uint64_t checksum(const struct candidates *c)
{
    uint64_t sum = 0xcbf29ce484222325;
    for (size_t i = 0; i < c->count; i++)
        for (unsigned shift = 0; shift < 32; shift += 8)
            sum = (sum ^ ((c->recorded[i] >> shift) & 0xff)) * 0x100000001b3;
    return sum;
}

static bool parse_file(struct candidates *c, const char *path, struct fault *fault)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return fault_caller(fault,
                            "--candidates: '%s' is no law (lognormal:MEAN:SPREAD, fixed:N) and "
                            "cannot be opened: %s",
                            path, strerror(errno));
    bool fine = read_lines(c, file, path, fault);
    fclose(file);
    if (fine && c->count == 0)
        fine = fault_caller(fault, "--candidates: %s holds no numbers", path);
    if (!fine) {
        candidates_free(c);
        return false;
    }
    const char *slash = strrchr(path, '/');
    c->kind = CANDIDATES_FILE;
    snprintf(c->text, sizeof c->text, "file %.100s fnv %016llx", slash ? slash + 1 : path,
             (unsigned long long)checksum(c));
    return true;
}

bool candidates_parse(struct candidates *c, const char *text, struct fault *fault)
{
    static const char lognormal[] = "lognormal:", fixed[] = "fixed:";
    *c = (struct candidates){.count = 0};
    text = text ? text : "lognormal:100:0.7";
    if (strncmp(text, lognormal, strlen(lognormal)) == 0)
        return parse_lognormal(c, text + strlen(lognormal), text, fault);
    if (strncmp(text, fixed, strlen(fixed)) == 0)
        return parse_fixed(c, text + strlen(fixed), text, fault);
    return parse_file(c, text, fault);
}

void candidates_free(struct candidates *c)
{
    free(c->recorded);
    c->recorded = NULL;
    c->count = 0;
}

/* ---- drawing --------------------------------------------------------------------------------- */

/* A standard normal number (Box and Muller, Ann. Math. Stat. 29, 1958). */
static double draw_normal(struct random *random)
{
    const double radius = sqrt(-2 * log(1 - random_uniform(random)));
    return radius * cos(2 * M_PI * random_uniform(random));
}

size_t candidates_draw(const struct candidates *c, size_t query, struct random *random)
{
    if (c->kind == CANDIDATES_FILE)
        return c->recorded[query % c->count];
    if (c->kind == CANDIDATES_FIXED)
        return (size_t)c->mean;
    const double mu = log(c->mean) - c->spread * c->spread / 2;
    const double rows = round(exp(mu + c->spread * draw_normal(random)));
    return (size_t)fmin(fmax(rows, 1), CANDIDATES_MAX);
}
