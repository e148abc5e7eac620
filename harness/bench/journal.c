#include "harness/bench/journal.h"

#include "harness/machine/describe.h"
#include "harness/machine/host.h"
#include "harness/machine/memory.h"
#include "build.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- the machine ----------------------------------------------------------------------------- */

static void add_topology(json_t *record, const struct topology *t)
{
    static const char *const levels[CACHE_LEVELS] = {"L1d", "L2", "L3"};
    json_t *counts = json_object(), *caches = json_object();
    const struct {
        const char *name;
        size_t count;
    } parts[] = {{"packages", t->packages}, {"numa_nodes", t->numas},
                 {"l3s", t->l3s},           {"cores", t->cores},
                 {"processors", t->pus},    {"all_processors", t->all_pus}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        json_object_set_new(counts, parts[i].name, json_integer((json_int_t)parts[i].count));
    for (size_t level = 0; level < CACHE_LEVELS; level++) {
        size_t bytes = t->cache_bytes[level];
        json_object_set_new(caches, levels[level],
                            bytes ? json_integer((json_int_t)bytes) : json_string(UNAVAILABLE));
    }
    json_object_set_new(record, "topology", counts);
    json_object_set_new(record, "caches", caches);
    if (t->memory_bytes)
        record_count(record, "memory", t->memory_bytes);
    else
        record_text(record, "memory", UNAVAILABLE);
    record_number(record, "quota", t->quota > 0 ? t->quota : NAN);
}

static void add_host(json_t *record)
{
    const char *features[64];
    struct host host;
    host_read(&host);
    const char *virtualised = host.virtualised == VIRTUALISED_NO        ? "no"
                              : host.virtualised == VIRTUALISED_UNKNOWN ? "unknown"
                              : host.hypervisor[0]                      ? host.hypervisor
                                                                        : "yes";
    record_text(record, "virtualised", virtualised);
    record_text(record, "system", host.kernel);
    json_t *list = json_array();
    size_t count = host_features(features, sizeof features / sizeof *features);
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_string(features[i]));
    json_object_set_new(record, "features", list);
}

static void add_libraries(json_t *record)
{
    char hwloc[32], reason[128];
    unsigned version = hwloc_get_api_version();
    snprintf(hwloc, sizeof hwloc, "API %u.%u.%u", version >> 16, (version >> 8) & 0xff,
             version & 0xff);
    json_t *libraries = json_pack("{s:s, s:s}", "hwloc", hwloc, "jansson", jansson_version_str());
    for (const struct backend *const *b = backends; *b; b++)
        if ((*b)->usable(reason, sizeof reason))
            json_object_set_new(libraries, (*b)->name, json_string((*b)->version()));
    json_object_set_new(record, "libraries", libraries);
}

json_t *request_words(int argc, char **argv)
{
    json_t *words = json_array();
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--out") == 0)
            i++;
        else if (strncmp(argv[i], "--out=", strlen("--out=")) != 0)
            json_array_append_new(words, json_string(argv[i]));
    }
    return words;
}

static json_t *machine_record(const struct journal *journal, const char *name,
                              const struct request *request, const struct topology *topology,
                              const struct plan *plan)
{
    json_t *record = record_new(KIND_MACHINE, journal->run);
    char start[32];
    snprintf(start, sizeof start, "%.20s", journal->run);
    record_text(record, "name", name);
    record_text(record, "time", start);
    record_text(record, "commit", BUILD_COMMIT);
    record_text(record, "cpu", topology->cpu);
    add_topology(record, topology);
    add_host(record);
    record_text(record, "compiler", BUILD_COMPILER);
    record_text(record, "cflags", BUILD_CFLAGS);
    add_libraries(record);
    record_number(record, "clock_overhead", plan->sampling.clock->overhead);
    record_number(record, "clock_resolution", plan->sampling.clock->resolution);
    json_object_set(record, "arguments", request->words);
    record_text(record, "effort", plan->effort);
    record_text(record, "ids", plan->ids);
    record_count(record, "seed", request->arguments->seed);
    record_text(record, "pages", memory_pages());
    return record;
}

/* ---- the journal ----------------------------------------------------------------------------- */

static void name_run(struct journal *journal)
{
    time_t now = time(NULL);
    struct tm utc;
    size_t length =
        strftime(journal->run, sizeof journal->run, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    snprintf(journal->run + length, sizeof journal->run - length, "-%ld", (long)getpid());
}

bool journal_open(struct journal *journal, const struct request *request,
                  const struct topology *topology, const struct plan *plan, struct fault *fault)
{
    char machine[128], path[512];
    const char *out = request->arguments->out;
    *journal = (struct journal){.resumed = 0};
    name_run(journal);
    machine_name(topology, machine, sizeof machine);
    results_path(path, sizeof path, machine, BUILD_COMMIT);
    journal->records = json_array();
    if (!results_open(&journal->results, out ? out : path, fault)) {
        json_decref(journal->records);
        return false;
    }
    if (journal_add(journal, machine_record(journal, machine, request, topology, plan), fault))
        return true;
    journal_close(journal);
    return false;
}

const json_t *journal_last_run(const json_t *records)
{
    const json_t *last = NULL;
    for (size_t i = 0; i < json_array_size(records); i++)
        if (record_kind(json_array_get(records, i)) == KIND_MACHINE)
            last = json_array_get(records, i);
    return last;
}

/* Whether the run was made by this program on this machine. */
static bool is_ours(const json_t *then, const json_t *now, const char *path, struct fault *fault)
{
    static const char *const settings[] = {"name",     "cpu",    "topology", "caches",   "system",
                                           "compiler", "cflags", "commit",   "libraries"};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        json_t *a = json_object_get(then, settings[i]), *b = json_object_get(now, settings[i]);
        if (json_equal(a, b))
            continue;
        char *was = json_dumps(a, JSON_ENCODE_ANY), *is = json_dumps(b, JSON_ENCODE_ANY);
        fault_caller(fault,
                     "--resume: the run in '%s' has %s %.200s, here it is %.200s; it must be "
                     "the same",
                     path, settings[i], was ? was : "?", is ? is : "?");
        free(was);
        free(is);
        return false;
    }
    return true;
}

bool journal_resume(struct journal *journal, const struct request *request, const json_t *records,
                    const struct topology *topology, const struct plan *plan, struct fault *fault)
{
    char machine[128];
    const char *path = request->arguments->out;
    const json_t *then = journal_last_run(records);
    *journal = (struct journal){.resumed = 0};
    snprintf(journal->run, sizeof journal->run, "%s", record_get_text(then, "run"));
    machine_name(topology, machine, sizeof machine);
    json_t *now = machine_record(journal, machine, request, topology, plan);
    bool fine = is_ours(then, now, path, fault);
    json_decref(now);
    if (!fine || !results_open(&journal->results, path, fault))
        return false;
    journal->records = json_array();
    for (size_t i = 0; i < json_array_size(records); i++)
        if (strcmp(record_get_text(json_array_get(records, i), "run"), journal->run) == 0)
            json_array_append(journal->records, json_array_get(records, i));
    journal->resumed = json_array_size(journal->records);
    return true;
}

void journal_close(struct journal *journal)
{
    results_close(&journal->results);
    json_decref(journal->records);
    journal->records = NULL;
}

/* Whether a column of a line is found as a time is, rather than part of what the line is about: the
 * job of the reference, which is timed in whichever comes first; whose the ceiling beside kernels
 * is; and which ceiling bounds anything else. */
static bool is_found(const json_t *record, const char *column)
{
    const bool ceiling = record_kind(record) == KIND_CEILING;
    if (strcmp(column, "job") == 0)
        return strcmp(record_get_text(record, "backend"), "reference") == 0;
    if (strcmp(column, "offered") == 0)
        return strcmp(record_get_text(record, "finding"), "highest") == 0;
    if (strcmp(column, "name") == 0)
        return ceiling && json_object_get(record, "preset");
    return strcmp(column, "ceiling") == 0 && !ceiling;
}

/* Whether both lines tell of the same. */
static bool is_same(const json_t *a, const json_t *b)
{
    static const char *const identity[] = {
        "kind",    "name",     "job",       "preset",     "layer",     "dims",        "level",
        "threads", "ceiling",  "placement", "pages",      "base_rows", "beside_rows", "step",
        "formats", "scenario", "layout",    "antagonist", "finding",   "offered"};
    for (size_t i = 0; i < sizeof identity / sizeof *identity; i++) {
        json_t *of_a = json_object_get(a, identity[i]), *of_b = json_object_get(b, identity[i]);
        if (!is_found(a, identity[i]) && of_a != of_b && !json_equal(of_a, of_b))
            return false;
    }
    return true;
}

/* The line that an earlier part of the run wrote of the same, or NULL. */
static const json_t *find_written(const struct journal *journal, const json_t *record)
{
    for (size_t i = 0; i < journal->resumed; i++)
        if (is_same(json_array_get(journal->records, i), record))
            return json_array_get(journal->records, i);
    return NULL;
}

bool journal_add(struct journal *journal, json_t *record, struct fault *fault)
{
    enum kind kind = record_kind(record);
    if (kind != KIND_MACHINE)
        record_count(record, "job", journal->job);
    const json_t *written = find_written(journal, record);
    if (written) {
        journal->last_id = (size_t)record_get_number(written, "id");
        json_decref(record);
        return true;
    }
    journal->last_id = json_array_size(journal->records);
    record_count(record, "id", journal->last_id);
    json_array_append(journal->records, record);
    return results_write(&journal->results, record, fault);
}

size_t journal_first_job(const struct journal *journal)
{
    double last = 0;
    for (size_t i = 0; i < journal->resumed; i++)
        last = fmax(last, record_get_number(json_array_get(journal->records, i), "job"));
    return (size_t)last;
}

json_t *journal_skip(const struct journal *journal, const struct kernel *kernel,
                     const char *verdict, const char *reason)
{
    json_t *record = record_new(KIND_SKIP, journal->run);
    record_text(record, "name", kernel->name);
    record_text(record, "op", kernel->op->name);
    record_text(record, "dtype", dtype_name(kernel->dtype));
    record_text(record, "backend", kernel->backend->name);
    record_text(record, "isa", isa_name(kernel_isa(kernel)));
    record_text(record, "verdict", verdict);
    record_text(record, "reason", reason);
    return record;
}

/* A backend left out of this build has no kernels to skip: it is skipped itself. */
static bool add_absent_backends(struct journal *journal, const struct arguments *arguments,
                                struct fault *fault)
{
    for (const struct backend *const *b = backends; *b; b++) {
        char reason[128];
        bool has_kernels = false;
        for (const struct kernel *const *k = kernels; *k; k++)
            has_kernels = has_kernels || (*k)->backend == *b;
        if (has_kernels || (*b)->usable(reason, sizeof reason) ||
            !names_admit(&arguments->backend, (*b)->name))
            continue;
        json_t *record = record_new(KIND_SKIP, journal->run);
        record_text(record, "name", (*b)->name);
        record_text(record, "backend", (*b)->name);
        record_text(record, "verdict", "skipped");
        record_text(record, "reason", reason);
        if (!journal_add(journal, record, fault))
            return false;
    }
    return true;
}

bool journal_add_skipped(struct journal *journal, const struct arguments *arguments,
                         struct fault *fault)
{
    for (const struct kernel *const *k = kernels; *k; k++) {
        char reason[128];
        if (arguments_admit(arguments, *k) && !kernel_usable(*k, reason, sizeof reason) &&
            !journal_add(journal, journal_skip(journal, *k, "skipped", reason), fault))
            return false;
    }
    return add_absent_backends(journal, arguments, fault);
}
