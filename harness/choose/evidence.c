#include "harness/choose/evidence.h"

#include "harness/results/file.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- texts ----------------------------------------------------------------------------------- */

/* The text among those that are kept, added unless it is; NULL after a fault. */
static const char *keep(struct texts *texts, const char *text, struct fault *fault)
{
    for (size_t i = 0; i < texts->count; i++)
        if (strcmp(texts->text[i], text) == 0)
            return texts->text[i];
    char *copy = strdup(text);
    char **grown = copy ? realloc(texts->text, (texts->count + 1) * sizeof *grown) : NULL;
    if (!grown) {
        free(copy);
        fault_memory(fault, "names of machines and files");
        return NULL;
    }
    texts->text = grown;
    return texts->text[texts->count++] = copy;
}

static void texts_free(struct texts *texts)
{
    for (size_t i = 0; i < texts->count; i++)
        free(texts->text[i]);
    free(texts->text);
}

/* ---- names ----------------------------------------------------------------------------------- */

/* The name of the folder that the path says the file lies in; false: it says none. */
static bool folder_name(const char *path, char *name, size_t size)
{
    const char *end = strrchr(path, '/'), *begin = end;
    while (begin && begin > path && begin[-1] != '/')
        begin--;
    if (!begin || begin == end)
        return false;
    snprintf(name, size, "%.*s", (int)(end - begin), begin);
    return strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

/* ---- files ----------------------------------------------------------------------------------- */

/* A file that is being read. */
struct source {
    struct evidence *evidence;
    const char *path;
    const char *name;    /* of the machine, by the word or the folder; NULL: the file tells it */
    const char *machine; /* the name that holds for the current line                           */
    const char *commit;
};

static bool take_machine(struct source *source, const json_t *record, struct fault *fault)
{
    struct evidence *e = source->evidence;
    source->commit = keep(&e->commits, record_get_text(record, "commit"), fault);
    source->machine =
        source->commit ? keep(&e->machines,
                              source->name ? source->name : record_get_text(record, "name"), fault)
                       : NULL;
    return source->machine != NULL;
}

static bool is_search(const json_t *record)
{
    return record_kind(record) == KIND_LOAD &&
           strcmp(record_get_text(record, "scenario"), "server") == 0 &&
           strcmp(record_get_text(record, "finding"), "highest") == 0;
}

static bool take_search(struct source *source, json_t *record, size_t line, struct fault *fault)
{
    struct evidence *e = source->evidence;
    struct search search = {source->machine, source->path, line, source->commit, record, {0}};
    const char *slo = record_get_text(record, "slo");
    struct fault ignored;
    if (!source->machine)
        return fault_caller(fault, "%s:%zu: comes before the file's line of kind machine",
                            source->path, line);
    if (!objective_parse(&search.objective, slo, &ignored))
        return fault_caller(fault,
                            "%s:%zu: column 'slo': '%s' is no objective; one such as "
                            "p99=10ms is allowed",
                            source->path, line, slo);
    struct search *grown = realloc(e->search, (e->count + 1) * sizeof *grown);
    if (!grown)
        return fault_memory(fault, "results");
    e->search = grown;
    e->search[e->count++] = search;
    json_incref(record);
    return true;
}

static bool take_record(json_t *record, size_t line, void *context, struct fault *fault)
{
    if (record_kind(record) == KIND_MACHINE)
        return take_machine(context, record, fault);
    return is_search(record) ? take_search(context, record, line, fault) : true;
}

/* `name`: the machine's; NULL: not given. */
static bool read_file(struct evidence *evidence, const char *path, const char *name,
                      struct fault *fault)
{
    char folder[256];
    struct source source = {.evidence = evidence,
                            .path = keep(&evidence->paths, path, fault),
                            .name = name                                       ? name
                                    : folder_name(path, folder, sizeof folder) ? folder
                                                                               : NULL};
    return source.path && results_visit(path, NULL, take_record, &source, fault);
}

/* ---- folders --------------------------------------------------------------------------------- */

static bool read_path(struct evidence *evidence, const char *path, const char *name, bool found,
                      struct fault *fault);

static int is_candidate(const struct dirent *entry) { return entry->d_name[0] != '.'; }

static bool ends_with(const char *text, const char *end)
{
    const size_t length = strlen(text);
    return length >= strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

static bool read_folder(struct evidence *evidence, const char *path, const char *name,
                        struct fault *fault)
{
    struct dirent **entries;
    const int count = scandir(path, &entries, is_candidate, alphasort);
    if (count < 0)
        return fault_caller(fault, "cannot read '%s': %s", path, strerror(errno));
    bool fine = true;
    const char *between = ends_with(path, "/") ? "" : "/";
    for (int i = 0; i < count; i++) {
        char *below = NULL;
        if (fine && asprintf(&below, "%s%s%s", path, between, entries[i]->d_name) < 0)
            fine = fault_memory(fault, "paths");
        fine = fine && read_path(evidence, below, name, true, fault);
        free(below);
        free(entries[i]);
    }
    free(entries);
    return fine;
}

/* `found`: in a folder, where other files than *.jsonl are none of ours. */
static bool read_path(struct evidence *evidence, const char *path, const char *name, bool found,
                      struct fault *fault)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return fault_caller(fault, "cannot read '%s': %s", path, strerror(errno));
    if (S_ISDIR(status.st_mode))
        return read_folder(evidence, path, name, fault);
    return found && !ends_with(path, ".jsonl") ? true : read_file(evidence, path, name, fault);
}

/* A word is a path, or NAME=PATH. */
static bool read_word(struct evidence *evidence, const char *word, struct fault *fault)
{
    const char *equals = strchr(word, '=');
    if (!equals || access(word, F_OK) == 0)
        return read_path(evidence, word, NULL, false, fault);
    char name[256];
    if (equals == word || equals - word >= (int)sizeof name)
        return fault_caller(fault, "'%s': the name of a machine before the = has 1 to %zu bytes",
                            word, sizeof name - 1);
    snprintf(name, sizeof name, "%.*s", (int)(equals - word), word);
    return read_path(evidence, equals + 1, name, false, fault);
}

bool evidence_read(struct evidence *evidence, const char *const *words, size_t count,
                   struct fault *fault)
{
    *evidence = (struct evidence){0};
    for (size_t i = 0; i < count; i++)
        if (!read_word(evidence, words[i], fault)) {
            evidence_free(evidence);
            return false;
        }
    return true;
}

void evidence_free(struct evidence *evidence)
{
    for (size_t i = 0; i < evidence->count; i++)
        json_decref(evidence->search[i].record);
    free(evidence->search);
    texts_free(&evidence->machines);
    texts_free(&evidence->paths);
    texts_free(&evidence->commits);
    *evidence = (struct evidence){0};
}
