#include "harness/bench/report.h"

#include "harness/bench/cells.h"
#include "harness/machine/describe.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void report_machine(const struct run *run)
{
    machine_describe(&run->topology, stdout);
    fflush(stdout);
}

/* ---- threads --------------------------------------------------------------------------------- */

static bool is_scaling(const json_t *r, const char *preset)
{
    return record_kind(r) == KIND_MODEL && json_object_get(r, "speedup") &&
           strcmp(cell_text(r, "preset"), preset) == 0;
}

/* One batch for all threads to share, or a batch for each; `heading` once, where there are rows. */
static void print_scaling(const struct run *run, const char *preset, bool shared,
                          const char *heading)
{
    size_t i, most = plan_batch_most(&run->plan);
    json_t *r;
    json_array_foreach(run->journal.records, i, r)
    {
        size_t rows = record_get_dim(r, BATCH);
        double threads = record_get_number(r, "threads");
        bool is_shared = rows == most && record_get_number(r, "base_rows") == (double)most;
        if (!is_scaling(r, preset) || is_shared != shared)
            continue;
        double speedup = record_get_interval(r, "speedup").median;
        printf("%s", heading);
        heading = "";
        printf("%8.0f %9s %7zu ", threads, cell_text(r, "placement"), rows);
        print_number(10, cell_ns(r) * 1e-3);
        printf(" %11.0f ", record_get_number(r, "rows_per_s"));
        print_short(8, speedup);
        printf("%10.0f%%%s\n", 100 * speedup / threads, cell_noisy(r) ? "  ~" : "");
    }
}

static void report_scaling(const struct run *run, const char *preset)
{
    const json_t *first = NULL;
    size_t i;
    json_t *r;
    json_array_foreach(run->journal.records, i, r)
    {
        if (!first && is_scaling(r, preset))
            first = r;
    }
    if (!first)
        return;
    printf("\nThe whole model, %s, by threads, with ", preset);
    print_who(first);
    if (run->plan.placements_coincide)
        printf("; compact and spread seat them alike here");
    printf("\n threads placement    rows   us/batch      rows/s speed-up efficiency\n");
    char each[64];
    snprintf(each, sizeof each, " a batch of %zu rows for each thread\n", run->plan.rows_each);
    print_scaling(run, preset, true, " one batch, shared by all threads\n");
    print_scaling(run, preset, false, each);
}

void report_preset(const struct run *run, const struct ektm_preset *preset)
{
    report_layers(run, preset);
    report_scaling(run, preset->name);
    fflush(stdout);
}

/* ---- the end --------------------------------------------------------------------------------- */

static bool is_skip(const json_t *r, const char *verdict)
{
    return record_kind(r) == KIND_SKIP && strcmp(cell_text(r, "verdict"), verdict) == 0;
}

/* Whether a record before `at` skips for the same reason, and (`who`) the same backend and ISA. */
static bool came_before(const json_t *records, size_t at, bool who)
{
    const json_t *record = json_array_get(records, at);
    for (size_t i = 0; i < at; i++) {
        const json_t *r = json_array_get(records, i);
        if (is_skip(r, "skipped") && cell_same(r, record, "reason") &&
            (!who || (cell_same(r, record, "backend") && cell_same(r, record, "isa"))))
            return true;
    }
    return false;
}

/* Each reason once, with the backends it holds for. */
static void print_skipped(const json_t *records)
{
    for (size_t i = 0; i < json_array_size(records); i++) {
        const json_t *record = json_array_get(records, i);
        const char *between = "skipped ";
        if (!is_skip(record, "skipped") || came_before(records, i, false))
            continue;
        for (size_t k = i; k < json_array_size(records); k++) {
            const json_t *r = json_array_get(records, k);
            if (!is_skip(r, "skipped") || !cell_same(r, record, "reason") ||
                came_before(records, k, true))
                continue;
            printf("%s", between);
            print_who(r);
            between = ", ";
        }
        printf(": %s\n", cell_text(record, "reason"));
    }
}

static void print_invalid(const json_t *records)
{
    for (size_t i = 0; i < json_array_size(records); i++) {
        const json_t *r = json_array_get(records, i);
        if (!is_skip(r, "invalid"))
            continue;
        printf("INVALID %s", cell_text(r, "name"));
        if (*cell_text(r, "layer"))
            printf(" in %s", cell_text(r, "layer"));
        if (record_get_dim(r, BATCH))
            printf(", %zu rows", record_get_dim(r, BATCH));
        printf(":\n  %s\n", cell_text(r, "reason"));
    }
}

/* The model record of most rows a second, with one thread or with any number. */
static const json_t *most_rows(const struct run *run, const char *preset, bool one_thread)
{
    const json_t *best = NULL;
    size_t i;
    json_t *r;
    json_array_foreach(run->journal.records, i, r)
    {
        if (record_kind(r) != KIND_MODEL || strcmp(cell_text(r, "preset"), preset) != 0 ||
            cell_invalid(r) || (one_thread && record_get_number(r, "threads") > 1))
            continue;
        if (!best || record_get_number(r, "rows_per_s") > record_get_number(best, "rows_per_s"))
            best = r;
    }
    return best;
}

static void print_answer(const struct run *run, const char *preset)
{
    const json_t *core = most_rows(run, preset, true), *all = most_rows(run, preset, false);
    if (!core)
        return;
    printf("%s: fastest is ", preset);
    print_who(core);
    printf(": %.0f rows/s on one core (batches of %zu)", record_get_number(core, "rows_per_s"),
           record_get_dim(core, BATCH));
    if (all != core)
        printf(",\n  %.0f rows/s on this machine (%.0f threads, %s)",
               record_get_number(all, "rows_per_s"), record_get_number(all, "threads"),
               cell_text(all, "placement"));
    printf("\n");
}

void report_end(const struct run *run)
{
    size_t noisy = 0, busy = 0, i;
    json_t *r;
    json_array_foreach(run->journal.records, i, r)
    {
        noisy += cell_noisy(r);
        busy += cell_noisy(r) && strstr(cell_text(r, "reason"), BUSY_REASON) != NULL;
    }
    printf("\n");
    print_skipped(run->journal.records);
    print_invalid(run->journal.records);
    for (size_t p = 0; p < run->plan.presets; p++)
        print_answer(run, run->plan.preset[p]->name);
    if (busy > json_array_size(run->journal.records) / 10)
        printf("Other work kept the processors busy during %zu records: on an idle machine "
               "figures differ.\n",
               busy);
    printf("%zu records, %zu of them noisy, in %s\n", json_array_size(run->journal.records), noisy,
           run->journal.results.path);
    fflush(stdout);
}
