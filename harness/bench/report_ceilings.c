/* The table of ceilings: one line for each way to use memory, its levels side by side. */
#include "harness/bench/cells.h"
#include "harness/bench/probe.h"
#include "harness/bench/report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Whether it is of the table of ceilings: others were taken beside kernels. */
static bool is_of_table(const json_t *r)
{
    return record_kind(r) == KIND_CEILING && !json_object_get(r, "preset") && !cell_invalid(r);
}

static bool is_peak(const json_t *r)
{
    return strcmp(cell_text(r, "op"), "fma") == 0 || strcmp(cell_text(r, "op"), "dot") == 0;
}

/* The same use of memory: the same way to stream, or rows of the same size on the same pages. */
static bool is_alike(const json_t *a, const json_t *b)
{
    if (!cell_same(a, b, "op"))
        return false;
    if (is_peak(a))
        return cell_same(a, b, "ceiling");
    if (strcmp(cell_text(a, "op"), "gather") == 0)
        return cell_same(a, b, "pages") && record_get_dim(a, WIDTH) == record_get_dim(b, WIDTH);
    size_t length = strcspn(cell_text(a, "ceiling"), " ");
    size_t way = length + 1 + strcspn(cell_text(a, "ceiling") + length + 1, " ");
    return strncmp(cell_text(a, "ceiling"), cell_text(b, "ceiling"), way) == 0;
}

static const char *unit_of(const json_t *r) { return is_peak(r) ? "gflops" : "gbytes"; }

/* The fastest that is like `row`, at a level (NULL: any) and with so many threads; or NULL. */
static const json_t *best_of(const struct run *run, const json_t *row, const char *level,
                             size_t threads)
{
    const json_t *best = NULL;
    size_t i;
    json_t *r;
    json_array_foreach(run->journal.records, i, r)
    {
        if (is_of_table(r) && is_alike(r, row) &&
            (!level || strcmp(cell_text(r, "level"), level) == 0) &&
            record_get_number(r, "threads") == (double)threads &&
            (!best || record_get_number(r, unit_of(r)) > record_get_number(best, unit_of(r))))
            best = r;
    }
    return best;
}

static void print_cell(const struct run *run, const json_t *row, const char *level, size_t threads)
{
    const json_t *best = best_of(run, row, level, threads);
    print_number(8, best ? record_get_number(best, unit_of(best)) : NAN);
    printf("%c", best && cell_noisy(best) ? '~' : ' ');
}

static bool came_before(const struct run *run, size_t at)
{
    const json_t *record = json_array_get(run->journal.records, at);
    for (size_t i = 0; i < at; i++) {
        const json_t *r = json_array_get(run->journal.records, i);
        if (is_of_table(r) && is_alike(r, record))
            return true;
    }
    return false;
}

static void print_label(const json_t *row)
{
    char label[64];
    const char *ceiling = cell_text(row, "ceiling");
    if (strcmp(cell_text(row, "op"), "gather") == 0)
        snprintf(label, sizeof label, "gather %zu B, %s",
                 record_get_dim(row, WIDTH) * sizeof(float), cell_text(row, "pages"));
    else if (strcmp(cell_text(row, "op"), "stream") == 0)
        snprintf(label, sizeof label, "%.*s", (int)(strrchr(ceiling, ' ') - ceiling), ceiling);
    else
        snprintf(label, sizeof label, "%s", ceiling);
    printf("  %-19s", label);
}

/* The levels of one thread, then those of all. */
static void print_memory(const struct run *run, const json_t *row, size_t most)
{
    print_label(row);
    for (size_t threads = 1; threads <= most; threads = threads == most ? most + 1 : most) {
        for (enum level l = 0; l < LEVELS; l++)
            print_cell(run, row, level_name(l), threads);
        printf("%s", threads < most ? " |" : "\n");
    }
}

static void print_peaks(const struct run *run, size_t most)
{
    size_t i;
    json_t *r;
    printf("\nCeilings, the best of all kernels; ~ noisy\n  %-19s%8s", "Gflop/s", "1 thread");
    if (most > 1)
        printf("  %2zu threads", most);
    json_array_foreach(run->journal.records, i, r)
    {
        if (!is_of_table(r) || !is_peak(r) || came_before(run, i))
            continue;
        printf("\n");
        print_label(r);
        print_cell(run, r, NULL, 1);
        printf("   ");
        if (most > 1)
            print_cell(run, r, NULL, most);
    }
    printf("\n");
}

void report_ceilings(const struct run *run)
{
    size_t most = plan_widest(&run->plan).threads, i;
    json_t *r;
    print_peaks(run, most);
    printf("  %-19s", "GB/s");
    for (size_t threads = 1; threads <= most; threads = threads == most ? most + 1 : most) {
        for (enum level l = 0; l < LEVELS; l++)
            printf("%8s ", level_name(l));
        printf("%s", threads < most ? " |" : "\n");
    }
    json_array_foreach(run->journal.records, i, r)
    {
        if (is_of_table(r) && !is_peak(r) && !came_before(run, i))
            print_memory(run, r, most);
    }
    fflush(stdout);
}
