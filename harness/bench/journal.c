#include "harness/bench/journal.h"

#include "harness/machine/describe.h"
#include "harness/machine/host.h"
#include "harness/machine/memory.h"
#include "build.h"

#include <math.h>
#include <stdio.h>
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

static json_t *machine_record(const struct journal *journal, const char *name,
                              const struct topology *topology, const struct plan *plan,
                              uint64_t seed)
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
    record_text(record, "effort", plan->effort);
    record_text(record, "ids", plan->ids);
    record_count(record, "seed", seed);
    record_text(record, "pages", memory_pages());
    return record;
}

/* ---- the journal ----------------------------------------------------------------------------- */

bool journal_open(struct journal *journal, const char *out, const struct topology *topology,
                  const struct plan *plan, uint64_t seed, struct fault *fault)
{
    char machine[128], path[512];
    time_t now = time(NULL);
    struct tm utc;
    size_t length =
        strftime(journal->run, sizeof journal->run, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    snprintf(journal->run + length, sizeof journal->run - length, "-%ld", (long)getpid());
    machine_name(topology, machine, sizeof machine);
    results_path(path, sizeof path, machine, BUILD_COMMIT);
    journal->records = json_array();
    if (!results_open(&journal->results, out ? out : path, fault)) {
        json_decref(journal->records);
        return false;
    }
    if (journal_add(journal, machine_record(journal, machine, topology, plan, seed), fault))
        return true;
    journal_close(journal);
    return false;
}

void journal_close(struct journal *journal)
{
    results_close(&journal->results);
    json_decref(journal->records);
    journal->records = NULL;
}

size_t journal_next_id(const struct journal *journal) { return json_array_size(journal->records); }

bool journal_add(struct journal *journal, json_t *record, struct fault *fault)
{
    record_count(record, "id", journal_next_id(journal));
    json_array_append(journal->records, record);
    return results_write(&journal->results, record, fault);
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
