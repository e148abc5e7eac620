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

/* ---- order ----------------------------------------------------------------------------------- */

/* Depth first against layer by layer, on one thread. */
static void report_order(const struct run *run, const char *preset)
{
    bool begun = false;
    size_t i;
    json_t *r;
    json_array_foreach(run->journal.records, i, r)
    {
        struct estimate x = record_get_interval(r, "x_layers");
        if (record_kind(r) != KIND_MODEL || strcmp(cell_text(r, "preset"), preset) != 0 ||
            cell_invalid(r) || !isfinite(x.median) ||
            strcmp(cell_text(r, "order"), "depth first") != 0)
            continue;
        if (!begun)
            printf("\nThe whole model, %s, depth first against layer by layer, on one thread\n"
                   "%-16s %6s %5s %12s %12s %9s         %s\n",
                   preset, "backend", "rows", "tile", "layers us", "depth us", "x layers",
                   "KiB a row kept in L2");
        begun = true;
        double us = cell_us_per_row(r), saved = record_get_number(r, "bytes_saved");
        size_t rows = record_get_dim(r, BATCH);
        printf("%-16.16s %6zu %5.0f ", cell_text(r, "backend"), rows, record_get_number(r, "tile"));
        print_number(12, us * x.median);
        printf(" ");
        print_number(12, us);
        printf(" %9.3f %-7s ", x.median, cell_verdict(cell_text(r, "versus_layers")));
        print_short(8, saved / (double)rows / 1024);
        printf("%s\n", cell_noisy(r) ? "  ~" : "");
    }
}

/* ---- layers on many threads ------------------------------------------------------------------ */

static void report_layer_scaling(const struct run *run, const char *preset)
{
    bool begun = false;
    size_t i;
    json_t *r;
    json_array_foreach(run->journal.records, i, r)
    {
        double threads = record_get_number(r, "threads");
        if (record_kind(r) != KIND_KERNEL || !json_object_get(r, "speedup") || cell_invalid(r) ||
            strcmp(cell_text(r, "preset"), preset) != 0)
            continue;
        if (!begun)
            printf(
                "\nLayers of %s by threads: one batch shared by all, the best kernel\n"
                "layer        rows  threads placement  backend    us/batch speed-up efficiency\n",
                preset);
        begun = true;
        double speedup = record_get_interval(r, "speedup").median;
        printf("%-11.11s %5zu %8.0f %-10s %-9.9s ", cell_text(r, "layer"), record_get_dim(r, BATCH),
               threads, cell_text(r, "placement"), cell_text(r, "backend"));
        print_number(9, cell_ns(r) * 1e-3);
        print_short(9, speedup);
        printf("%10.0f%%%s\n", 100 * speedup / threads, cell_noisy(r) ? "  ~" : "");
    }
}

/* ---- threads --------------------------------------------------------------------------------- */

static bool is_scaling(const json_t *r, const char *preset)
{
    return record_kind(r) == KIND_MODEL && json_object_get(r, "speedup") &&
           strcmp(cell_text(r, "preset"), preset) == 0;
}

/* Whether the batch is one for all threads to share; else each has one. */
static bool is_shared(const struct run *run, const json_t *r)
{
    size_t rows = record_get_dim(r, BATCH);
    bool alone = record_get_number(r, "threads") == 1;
    return record_get_number(r, "base_rows") == (double)rows &&
           !(alone && rows == run->plan.rows_each && rows != plan_batch_most(&run->plan));
}

/* One batch for all threads to share, or a batch for each; `heading` once, where there are rows. */
static void print_scaling(const struct run *run, const char *preset, bool shared,
                          const char *heading)
{
    size_t i;
    json_t *r;
    json_array_foreach(run->journal.records, i, r)
    {
        double threads = record_get_number(r, "threads");
        if (!is_scaling(r, preset) || is_shared(run, r) != shared)
            continue;
        double speedup = record_get_interval(r, "speedup").median;
        printf("%s", heading);
        heading = "";
        printf("%8.0f %9s %7zu ", threads, cell_text(r, "placement"), record_get_dim(r, BATCH));
        print_number(10, cell_ns(r) * 1e-3);
        printf(" %11.0f ", record_get_number(r, "rows_per_s"));
        print_short(8, speedup);
        printf("%10.0f%%  %s%s\n", 100 * speedup / threads, cell_text(r, "shared_by"),
               cell_noisy(r) ? "  ~" : "");
    }
}

/* Rows a second of one batch of `rows` rows on fewer threads than that: the most that was seen. */
static double best_with_fewer(const struct run *run, const char *preset, const json_t *of)
{
    double best = 0, threads = record_get_number(of, "threads");
    size_t i;
    json_t *r;
    json_array_foreach(run->journal.records, i, r)
    {
        if (!is_scaling(r, preset) || !is_shared(run, r) || cell_invalid(r) ||
            record_get_dim(r, BATCH) != record_get_dim(of, BATCH) ||
            record_get_number(r, "threads") >= threads)
            continue;
        best = fmax(best, record_get_number(r, "rows_per_s"));
    }
    /* The one thread that was sampled beside it. */
    double alone = record_get_number(of, "rows_per_s") / record_get_interval(of, "speedup").low;
    return fmax(best, alone);
}

/* From which batch on each number of threads is faster than fewer. */
static void print_smallest_batches(const struct run *run, const char *preset)
{
    const char *before = "";
    for (size_t s = 0; s < run->plan.seatings; s++) {
        struct seating seating = run->plan.seating[s];
        size_t smallest = 0, largest = 0, i;
        json_t *r;
        json_array_foreach(run->journal.records, i, r)
        {
            size_t rows = record_get_dim(r, BATCH);
            if (!is_scaling(r, preset) || !is_shared(run, r) || cell_invalid(r) ||
                !isfinite(record_get_interval(r, "speedup").low) ||
                record_get_number(r, "threads") != (double)seating.threads ||
                strcmp(cell_text(r, "placement"), placement_name(seating.placement)) != 0)
                continue;
            bool pays = record_get_number(r, "rows_per_s") > 1.01 * best_with_fewer(run, preset, r);
            smallest = !pays ? 0 : smallest ? smallest : rows;
            largest = rows;
        }
        if (seating.threads == 1 || !largest)
            continue;
        printf("%s%zu threads", *before ? before : " smallest batch that pays: ", seating.threads);
        if (smallest)
            printf(" (%s) %zu rows", placement_name(seating.placement), smallest);
        else
            printf(" (%s) none up to %zu rows", placement_name(seating.placement), largest);
        before = ", ";
    }
    printf("%s", *before ? "\n" : "");
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
    printf("\n threads placement    rows   us/batch      rows/s speed-up efficiency  shared by\n");
    char each[64];
    snprintf(each, sizeof each, " a batch of %zu rows for each thread\n", run->plan.rows_each);
    print_scaling(run, preset, true, " one batch, shared by all threads\n");
    print_smallest_batches(run, preset);
    print_scaling(run, preset, false, each);
}

void report_preset(const struct run *run, const struct ektm_preset *preset)
{
    report_layers(run, preset);
    report_formats(run, preset->name);
    report_search(run, preset->name);
    report_layer_scaling(run, preset->name);
    report_order(run, preset->name);
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

/* Whether other kernels of the backend run here: what is skipped needs more than they do. */
static bool runs_in_part(const json_t *r)
{
    char reason[128];
    for (const struct kernel *const *k = kernels; *k; k++)
        if (strcmp((*k)->backend->name, cell_text(r, "backend")) == 0 &&
            strcmp(isa_name(kernel_isa(*k)), cell_text(r, "isa")) == 0 &&
            kernel_usable(*k, reason, sizeof reason))
            return true;
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
            if (runs_in_part(r))
                printf(" in part (%s and its like)", cell_text(r, "name"));
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
            cell_invalid(r) || cell_by_layers(r) ||
            (one_thread && record_get_number(r, "threads") > 1))
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
