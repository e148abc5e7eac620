#include "harness/choose/prices.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum column { MACHINE, PER_HOUR, CURRENCY, NOTE, COLUMNS };

static const char *const names[COLUMNS] = {"machine", "price_per_hour", "currency", "note"};
static const char *const allowed = "machine, price_per_hour, currency and note are what is read";
static const double most = 1e6; /* of a price per hour */

/* Where the reader is. */
struct reader {
    const char *path;
    size_t line;
    bool named;               /* the first line was read      */
    size_t position[COLUMNS]; /* of each column among cells   */
    char *cell[COLUMNS];      /* of the current line          */
    size_t cells;
};

/* ---- sentences ------------------------------------------------------------------------------- */

/* A fault at a cell of the current line. */
static bool cell_fault(const struct reader *r, size_t cell, struct fault *fault, const char *format,
                       ...) __attribute__((format(printf, 4, 5)));

static bool cell_fault(const struct reader *r, size_t cell, struct fault *fault, const char *format,
                       ...)
{
    char what[512];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return fault_caller(fault, "%s:%zu: column %zu: '%.60s' %s", r->path, r->line, cell + 1,
                        r->cell[cell], what);
}

/* ---- cells ----------------------------------------------------------------------------------- */

/* Cuts blanks off both ends, in place. */
static char *trimmed(char *text)
{
    text += strspn(text, " \t");
    for (size_t length = strlen(text); length && strchr(" \t\r", text[length - 1]);)
        text[--length] = '\0';
    return text;
}

/* Takes the quotation marks off the cell that begins at `text`, of which there are two where one is
 * meant; returns what follows the last, NULL: there is no last. */
static char *unquote(char *text)
{
    char *to = text;
    for (char *from = text + 1; *from; from++) {
        if (*from == '"' && from[1] != '"') {
            *to = '\0';
            return from + 1;
        }
        from += *from == '"';
        *to++ = *from;
    }
    return NULL;
}

/* Cuts one cell off `*rest`, which becomes NULL behind the last. */
static bool next_cell(struct reader *r, char **rest, struct fault *fault)
{
    char *cell = *rest + strspn(*rest, " \t"), *end = cell;
    if (r->cells == COLUMNS)
        return fault_caller(fault,
                            "%s:%zu: has more than %d cells; %s, and a cell with commas is "
                            "put between quotation marks",
                            r->path, r->line, COLUMNS, allowed);
    const bool quoted = *cell == '"';
    if (quoted && !(end = unquote(cell)))
        return fault_caller(fault, "%s:%zu: column %zu: a quotation mark is opened and not closed",
                            r->path, r->line, r->cells + 1);
    *rest = strchr(end, ',');
    if (*rest)
        *(*rest)++ = '\0';
    if (quoted && *trimmed(end))
        return fault_caller(fault,
                            "%s:%zu: column %zu: '%.60s' follows the closing quotation mark; "
                            "a comma is allowed there",
                            r->path, r->line, r->cells + 1, trimmed(end));
    r->cell[r->cells++] = quoted ? cell : trimmed(cell);
    return true;
}

static bool cut(struct reader *r, char *line, struct fault *fault)
{
    r->cells = 0;
    for (char *rest = line; rest;)
        if (!next_cell(r, &rest, fault))
            return false;
    return true;
}

/* ---- columns --------------------------------------------------------------------------------- */

static bool place(struct reader *r, size_t cell, struct fault *fault)
{
    for (enum column c = 0; c < COLUMNS; c++) {
        if (strcmp(r->cell[cell], names[c]) != 0)
            continue;
        if (r->position[c] != SIZE_MAX)
            return cell_fault(r, cell, fault, "is column %zu, too", r->position[c] + 1);
        r->position[c] = cell;
        return true;
    }
    return cell_fault(r, cell, fault, "is no column of prices; %s", allowed);
}

static bool take_names(struct reader *r, struct fault *fault)
{
    r->named = true;
    for (enum column c = 0; c < COLUMNS; c++)
        r->position[c] = SIZE_MAX;
    for (size_t i = 0; i < r->cells; i++)
        if (!place(r, i, fault))
            return false;
    for (enum column c = 0; c < COLUMNS; c++)
        if (r->position[c] == SIZE_MAX)
            return fault_caller(fault,
                                "%s:%zu: column '%s' is missing; the first line names the "
                                "columns: %s",
                                r->path, r->line, names[c], allowed);
    return true;
}

/* ---- prices ---------------------------------------------------------------------------------- */

static bool parse_price(const struct reader *r, double *price, struct fault *fault)
{
    const size_t cell = r->position[PER_HOUR];
    const char *text = r->cell[cell];
    char *end;
    *price = strtod(text, &end);
    if (*text == '\0' || *end || strspn(text, "0123456789.eE+-") != strlen(text))
        return cell_fault(r, cell, fault, "is no price; a decimal number is, such as 0.408");
    if (!(*price > 0 && *price <= most))
        return cell_fault(r, cell, fault, "is no price of an hour; above 0 and up to %.0f is",
                          most);
    return true;
}

static bool parse_currency(const struct reader *r, char currency[4], struct fault *fault)
{
    const size_t cell = r->position[CURRENCY];
    const char *text = r->cell[cell];
    if (strlen(text) != 3 || strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3)
        return cell_fault(r, cell, fault, "is no currency; three capital letters are, such as EUR");
    memcpy(currency, text, 4);
    return true;
}

static bool parse_text(const struct reader *r, enum column column, char **to, const char *what,
                       struct fault *fault)
{
    const size_t cell = r->position[column];
    if (*r->cell[cell] == '\0')
        return cell_fault(r, cell, fault, "is empty; %s", what);
    *to = strdup(r->cell[cell]);
    return *to ? true : fault_memory(fault, "prices");
}

/* Appends a price, which prices_free gives back however far it came. */
static bool take_price(struct prices *prices, const struct reader *r, struct fault *fault)
{
    if (r->cells != COLUMNS)
        return fault_caller(fault, "%s:%zu: has %zu cells; the first line names %d columns",
                            r->path, r->line, r->cells, COLUMNS);
    struct price *grown = realloc(prices->price, (prices->count + 1) * sizeof *grown);
    if (!grown)
        return fault_memory(fault, "prices");
    prices->price = grown;
    struct price *price = &grown[prices->count];
    const struct price *before = prices_find(prices, r->cell[r->position[MACHINE]]);
    *price = (struct price){.line = r->line};
    prices->count++;
    if (before)
        return cell_fault(r, r->position[MACHINE], fault,
                          "has a price in line %zu; a machine has one", before->line);
    return parse_text(r, MACHINE, &price->machine,
                      "the name of a machine is allowed, which is its "
                      "folder of results",
                      fault) &&
           parse_price(r, &price->per_hour, fault) && parse_currency(r, price->currency, fault) &&
           parse_text(r, NOTE, &price->note, "a price tells its source and its date", fault);
}

/* ---- files ----------------------------------------------------------------------------------- */

static bool is_utf8(const char *text)
{
    json_t *string = json_string(text);
    json_decref(string);
    return string != NULL;
}

/* Takes in a line of `length` bytes. Comments and empty lines say nothing. */
static bool take_line(struct prices *prices, struct reader *r, char *line, size_t length,
                      struct fault *fault)
{
    static const char mark[] = "\xef\xbb\xbf"; /* some programs begin UTF-8 with it */
    if (strlen(line) != length)
        return fault_caller(fault, "%s:%zu: byte %zu is NUL; lines of text are read", r->path,
                            r->line, strlen(line) + 1);
    if (!is_utf8(line))
        return fault_caller(fault, "%s:%zu: is not UTF-8, which is read", r->path, r->line);
    line[strcspn(line, "\n")] = '\0';
    if (r->line == 1 && strncmp(line, mark, sizeof mark - 1) == 0)
        line += sizeof mark - 1;
    line = trimmed(line);
    if (*line == '\0' || *line == '#')
        return true;
    if (!cut(r, line, fault))
        return false;
    return r->named ? take_price(prices, r, fault) : take_names(r, fault);
}

static bool read_lines(struct prices *prices, struct reader *r, FILE *in, struct fault *fault)
{
    char *line = NULL;
    size_t room = 0;
    bool fine = true;
    ssize_t length;
    for (r->line = 1; fine && (length = getline(&line, &room, in)) > 0; r->line++)
        fine = take_line(prices, r, line, (size_t)length, fault);
    free(line);
    if (fine && ferror(in))
        return fault_caller(fault, "%s: cannot be read: %s", r->path, strerror(errno));
    if (fine && !prices->count)
        return fault_caller(fault, "%s: has no prices; %s", r->path, allowed);
    return fine;
}

bool prices_read(struct prices *prices, const char *path, struct fault *fault)
{
    struct reader reader = {.path = path};
    *prices = (struct prices){.path = path};
    FILE *in = fopen(path, "re");
    if (!in)
        return fault_caller(fault, "%s: cannot be opened: %s", path, strerror(errno));
    const bool fine = read_lines(prices, &reader, in, fault);
    fclose(in);
    if (!fine)
        prices_free(prices);
    return fine;
}

void prices_free(struct prices *prices)
{
    for (size_t i = 0; i < prices->count; i++) {
        free(prices->price[i].machine);
        free(prices->price[i].note);
    }
    free(prices->price);
    *prices = (struct prices){.path = prices->path};
}

const struct price *prices_find(const struct prices *prices, const char *machine)
{
    for (size_t i = 0; i < prices->count; i++)
        if (strcmp(prices->price[i].machine, machine) == 0)
            return &prices->price[i];
    return NULL;
}

bool price_is_dated(const struct price *price)
{
    for (const char *c = price->note; *c; c++) {
        unsigned year, month, day;
        int length = 0;
        if (isdigit((unsigned char)*c) &&
            sscanf(c, "%4u-%2u-%2u%n", &year, &month, &day, &length) == 3 && length == 10)
            return month >= 1 && month <= 12 && day >= 1 && day <= 31;
    }
    return false;
}
