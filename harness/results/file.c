#include "harness/results/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- writing --------------------------------------------------------------------------------- */

/* Makes every folder in `path`; what is left out is said by the open that follows. */
static void make_folders(const char *path)
{
    char folder[1024];
    snprintf(folder, sizeof folder, "%s", path);
    for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(folder, 0777);
        *slash = '/';
    }
}

/* Whether `file` holds `text` at `at`, or the beginning of it before its end at `size`. */
static bool holds(int file, off_t at, off_t size, const char *text)
{
    char found[16];
    size_t length = strlen(text);
    if ((off_t)length > size - at)
        length = (size_t)(size - at);
    return pread(file, found, length, at) == (ssize_t)length && memcmp(found, text, length) == 0;
}

/* Cuts a regular file behind its last whole line, unless it is somebody else's: results, and a line
 * that a killed run left torn, begin as records do. */
static bool cut_torn_line(int file, const char *path, struct fault *fault)
{
    struct stat status;
    if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size == 0)
        return true;
    off_t size = status.st_size, end = size;
    char last;
    while (end > 0 && pread(file, &last, 1, end - 1) == 1 && last != '\n')
        end--;
    if (!holds(file, 0, size, "{\"kind\":") || !holds(file, end, size, "{"))
        return fault_caller(fault, "--out: '%s' holds something other than results", path);
    return end == size || ftruncate(file, end) == 0
               ? true
               : fault_machine(fault, "cannot write to '%s': %s", path, strerror(errno));
}

bool results_open(struct results *results, const char *path, struct fault *fault)
{
    if (strlen(path) >= sizeof results->path)
        return fault_caller(fault, "--out: a path of more than %zu bytes",
                            sizeof results->path - 1);
    snprintf(results->path, sizeof results->path, "%s", path);
    make_folders(path);
    results->file = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (results->file < 0 && (errno == EACCES || errno == EINVAL)) /* a pipe or a device */
        results->file = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (results->file < 0)
        return fault_caller(fault, "cannot write results to '%s': %s", path, strerror(errno));
    if (cut_torn_line(results->file, path, fault))
        return true;
    results_close(results);
    return false;
}

/* Columns in the order of their table. */
static json_t *in_order(const json_t *record)
{
    json_t *ordered = json_object();
    for (const struct column *c = record_columns; c->name; c++) {
        json_t *value = json_object_get(record, c->name);
        if (value)
            json_object_set(ordered, c->name, value);
    }
    return ordered;
}

static bool write_line(const struct results *results, const char *line, size_t length,
                       struct fault *fault)
{
    ssize_t written;
    do
        written = write(results->file, line, length);
    while (written < 0 && errno == EINTR);
    if (written == (ssize_t)length)
        return true;
    return fault_machine(fault, "cannot write to '%s': %s", results->path,
                         written < 0 ? strerror(errno) : "the disk is full");
}

bool results_write(struct results *results, json_t *record, struct fault *fault)
{
    bool fine = record_check(record, results->path, fault);
    if (fine) {
        json_t *ordered = in_order(record);
        char *text = json_dumps(ordered, JSON_COMPACT | JSON_REAL_PRECISION(9));
        size_t length = text ? strlen(text) : 0;
        char *line = text ? realloc(text, length + 2) : NULL;
        if (line) {
            memcpy(line + length, "\n", 2);
            fine = write_line(results, line, length + 1, fault);
            free(line);
        } else {
            free(text);
            fine = fault_memory(fault, "a line of results");
        }
        json_decref(ordered);
    }
    json_decref(record);
    return fine;
}

void results_close(struct results *results)
{
    if (results->file >= 0)
        close(results->file);
    results->file = -1;
}

void results_path(char *path, size_t size, const char *machine, const char *commit)
{
    char date[16];
    time_t now = time(NULL);
    struct tm utc;
    strftime(date, sizeof date, "%Y-%m-%d", gmtime_r(&now, &utc));
    snprintf(path, size, "results/%s/%s-%s.jsonl", machine, date, commit);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* One line to a record; NULL: it is none. */
static json_t *parse_line(const char *line, size_t length, const char *where, struct fault *fault)
{
    json_error_t error;
    json_t *record = json_loadb(line, length, JSON_REJECT_DUPLICATES, &error);
    if (!record) {
        fault_caller(fault, "%s: column %d: not JSON: %s", where, error.column, error.text);
        return NULL;
    }
    if (record_check(record, where, fault))
        return record;
    json_decref(record);
    return NULL;
}

static bool read_lines(FILE *in, const char *path, bool *torn, visit_record *visit, void *context,
                       struct fault *fault)
{
    char *line = NULL;
    size_t room = 0;
    bool fine = true;
    ssize_t length;
    for (size_t number = 1; fine && (length = getline(&line, &room, in)) > 0; number++) {
        char where[1100];
        if (line[length - 1] != '\n') {
            *torn = true;
            break;
        }
        if (length == 1)
            continue;
        snprintf(where, sizeof where, "%s:%zu", path, number);
        json_t *record = parse_line(line, (size_t)length, where, fault);
        fine = record && visit(record, number, context, fault);
        json_decref(record);
    }
    free(line);
    if (fine && ferror(in))
        return fault_caller(fault, "cannot read '%s': %s", path, strerror(errno));
    return fine;
}

bool results_visit(const char *path, bool *torn, visit_record *visit, void *context,
                   struct fault *fault)
{
    bool cut = false;
    FILE *in = fopen(path, "re");
    if (!in)
        return fault_caller(fault, "cannot read '%s': %s", path, strerror(errno));
    const bool fine = read_lines(in, path, &cut, visit, context, fault);
    fclose(in);
    if (torn)
        *torn = cut;
    return fine;
}

static bool append(json_t *record, size_t line, void *context, struct fault *fault)
{
    (void)line;
    return json_array_append(context, record) == 0 ? true : fault_memory(fault, "results");
}

json_t *results_read(const char *path, bool *torn, struct fault *fault)
{
    json_t *records = json_array();
    if (results_visit(path, torn, append, records, fault))
        return records;
    json_decref(records);
    return NULL;
}
