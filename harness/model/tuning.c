#include "harness/model/tuning.h"

#include "harness/machine/describe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATHS = 1024, SIZES = 192 };

/* The members of a schedule by their names in the file. */
static const struct {
    const char *name;
    size_t offset;
} members[] = {
    {"tile", offsetof(struct schedule, tile)},
    {"wide", offsetof(struct schedule, wide)},
    {"ask", offsetof(struct schedule, ask)},
    {"lines_ahead", offsetof(struct schedule, lines_ahead)},
    {"columns_below", offsetof(struct schedule, columns_below)},
};
enum { MEMBERS = sizeof members / sizeof *members, MEMBER_MAX = 1 << 20 };

void tuning_path(const struct topology *topology, char *path, size_t size)
{
    char machine[128];
    machine_name(topology, machine, sizeof machine);
    snprintf(path, size, "results/%s/tuning.json", machine);
}

/* What models must share to share a schedule: all sizes but the tables' rows. */
static void sizes_of(const struct ektm_config *c, char *text, size_t size)
{
    size_t used =
        (size_t)snprintf(text, size, "%zux%zu dense %zu bottom", c->fields, c->width, c->dense);
    for (size_t l = 0; l < c->bottoms && used < size; l++)
        used += (size_t)snprintf(text + used, size - used, "%s%zu", l ? "-" : " ", c->bottom[l]);
    if (used < size)
        snprintf(text + used, size - used, " d %zu tasks %zu hidden %zu", c->rep, c->tasks,
                 c->hidden);
}

static const char *text_of(const json_t *entry, const char *name)
{
    const char *text = json_string_value(json_object_get(entry, name));
    return text ? text : "";
}

/* Whether every entry says for which sizes and backend it is, and holds whole numbers. */
static bool check(const char *path, const json_t *file, struct fault *fault)
{
    const json_t *schedules = json_object_get(file, "schedules");
    if (!json_is_array(schedules))
        return fault_caller(fault, "%s: no array 'schedules'; `ektm tune` writes such files", path);
    for (size_t i = 0; i < json_array_size(schedules); i++) {
        const json_t *entry = json_array_get(schedules, i);
        if (!*text_of(entry, "sizes") || !*text_of(entry, "backend"))
            return fault_caller(fault,
                                "%s: schedule %zu does not say for which 'sizes' and "
                                "'backend' it is",
                                path, i);
        for (size_t m = 0; m < MEMBERS; m++) {
            const json_t *value = json_object_get(entry, members[m].name);
            if (!json_is_integer(value) || json_integer_value(value) < 0 ||
                json_integer_value(value) > MEMBER_MAX)
                return fault_caller(fault,
                                    "%s: schedule %zu: '%s' is not a whole number from 0 to %d",
                                    path, i, members[m].name, MEMBER_MAX);
        }
    }
    return true;
}

/* The file's content; NULL with no fault set where it may be missing and is. */
static json_t *load(const char *path, bool may_miss, bool *fine, struct fault *fault)
{
    json_error_t error;
    *fine = true;
    if (may_miss && access(path, F_OK) != 0)
        return NULL;
    json_t *file = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (!file) {
        *fine = fault_caller(fault, "%s: %s", path, error.text);
        return NULL;
    }
    *fine = check(path, file, fault);
    if (*fine)
        return file;
    json_decref(file);
    return NULL;
}

/* The entry's place, or as many as there are. */
static size_t place_of(const json_t *schedules, const char *sizes, const char *backend)
{
    size_t i = 0;
    for (; i < json_array_size(schedules); i++) {
        const json_t *entry = json_array_get(schedules, i);
        if (strcmp(text_of(entry, "sizes"), sizes) == 0 &&
            strcmp(text_of(entry, "backend"), backend) == 0)
            break;
    }
    return i;
}

/* The file that is meant; NULL with no fault where there is none. */
static json_t *load_named(const char *path, const struct topology *topology, bool *fine,
                          struct fault *fault)
{
    char usual[PATHS];
    *fine = true;
    if (path && strcmp(path, "none") == 0)
        return NULL;
    tuning_path(topology, usual, sizeof usual);
    return load(path ? path : usual, !path, fine, fault);
}

bool tuning_check(const char *path, const struct topology *topology, struct fault *fault)
{
    bool fine;
    json_decref(load_named(path, topology, &fine, fault));
    return fine;
}

bool tuning_find(const char *path, const struct topology *topology,
                 const struct ektm_config *config, const char *backend, struct schedule *schedule,
                 bool *found, struct fault *fault)
{
    char sizes[SIZES];
    bool fine;
    *found = false;
    json_t *file = load_named(path, topology, &fine, fault);
    if (!file)
        return fine;
    const json_t *schedules = json_object_get(file, "schedules");
    sizes_of(config, sizes, sizeof sizes);
    const json_t *entry = json_array_get(schedules, place_of(schedules, sizes, backend));
    for (size_t m = 0; m < MEMBERS && entry; m++)
        *(size_t *)(void *)((char *)schedule + members[m].offset) =
            (size_t)json_integer_value(json_object_get(entry, members[m].name));
    *found = entry != NULL;
    json_decref(file);
    return true;
}

static bool make_folders(const char *path, struct fault *fault)
{
    char folder[PATHS];
    snprintf(folder, sizeof folder, "%s", path);
    for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(folder, 0777) != 0 && errno != EEXIST)
            return fault_machine(fault, "%s: cannot be made: %s", folder, strerror(errno));
        *slash = '/';
    }
    return true;
}

static bool replace(const char *path, const json_t *file, struct fault *fault)
{
    char fresh[PATHS + 16];
    snprintf(fresh, sizeof fresh, "%s.new", path);
    if (json_dump_file(file, fresh, JSON_INDENT(2) | JSON_REAL_PRECISION(4)) == 0 &&
        rename(fresh, path) == 0)
        return true;
    unlink(fresh);
    return fault_machine(fault, "%s: cannot be written: %s", path, strerror(errno));
}

bool tuning_store(const char *path, const struct ektm_config *config, const char *preset,
                  const char *backend, const struct schedule *schedule, json_t *evidence,
                  struct fault *fault)
{
    char sizes[SIZES];
    bool fine;
    json_t *file = load(path, true, &fine, fault);
    if (!fine) {
        json_decref(evidence);
        return false;
    }
    if (!file)
        file =
            json_pack("{s:s, s:[]}", "about",
                      "found by `ektm tune`; harness/model/schedule.h says what the numbers mean",
                      "schedules");
    json_t *schedules = json_object_get(file, "schedules"), *entry = json_object();
    sizes_of(config, sizes, sizeof sizes);
    json_object_set_new(entry, "preset", json_string(preset));
    json_object_set_new(entry, "sizes", json_string(sizes));
    json_object_set_new(entry, "backend", json_string(backend));
    for (size_t m = 0; m < MEMBERS; m++) {
        size_t value = *(const size_t *)(const void *)((const char *)schedule + members[m].offset);
        json_object_set_new(entry, members[m].name, json_integer((json_int_t)value));
    }
    json_object_update(entry, evidence);
    json_decref(evidence);
    size_t place = place_of(schedules, sizes, backend);
    if (place < json_array_size(schedules))
        json_array_set_new(schedules, place, entry);
    else
        json_array_append_new(schedules, entry);
    fine = make_folders(path, fault) && replace(path, file, fault);
    json_decref(file);
    return fine;
}
