/* `ektm compare`: what became faster or slower from one file of results to another. */
#include "harness/arguments.h"
#include "harness/command.h"
#include "harness/results/file.h"
#include "harness/results/match.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_LINES = 10 };

struct side {
    const char *path;
    json_t *records;
    const json_t *machine; /* the last run's */
    struct entries entries;
    bool has_entries;
};

struct comparison {
    const struct arguments *arguments;
    struct side side[2];
    struct matches matches;
    size_t faster, slower, alike, regressions;
};

/* ---- reading --------------------------------------------------------------------------------- */

static bool side_read(struct side *side, const char *path, struct fault *fault)
{
    size_t i;
    json_t *r;
    side->path = path;
    side->records = results_read(path, NULL, fault);
    if (!side->records)
        return false;
    json_array_foreach(side->records, i, r) if (record_kind(r) == KIND_MACHINE) side->machine = r;
    if (!side->machine)
        return fault_caller(fault, "'%s' holds no line of kind machine, so no run of the bench",
                            path);
    side->has_entries = entries_make(&side->entries, side->records, fault);
    return side->has_entries;
}

static void side_free(struct side *side)
{
    if (side->has_entries)
        entries_free(&side->entries);
    json_decref(side->records);
}

/* ---- what the files are ---------------------------------------------------------------------- */

static void print_sides(const struct comparison *c)
{
    for (size_t s = 0; s < 2; s++) {
        const struct side *side = &c->side[s];
        printf("%c  %s\n   %s, %s; commit %s, %s; %s; %zu figures\n", s ? 'B' : 'A', side->path,
               record_get_text(side->machine, "name"), record_get_text(side->machine, "cpu"),
               record_get_text(side->machine, "commit"), record_get_text(side->machine, "time"),
               record_get_text(side->machine, "effort"), side->entries.count);
    }
}

/* Settings that may be why figures differ. */
static void print_differences(const struct comparison *c)
{
    static const char *const settings[] = {"name",     "cpu",    "commit",    "compiler", "cflags",
                                           "features", "system", "libraries", "caches",   "pages",
                                           "quota",    "ids",    "topology"};
    const char *between = "Differ in: ";
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (!json_equal(json_object_get(c->side[0].machine, settings[i]),
                        json_object_get(c->side[1].machine, settings[i]))) {
            printf("%s%s", between, settings[i]);
            between = ", ";
        }
    printf("%s", strcmp(between, ", ") == 0 ? "\n" : "");
}

/* ---- what changed ---------------------------------------------------------------------------- */

static enum shown shown_of(const struct match *m)
{
    struct estimate inverse = {1 / m->ratio.median, 1 / m->ratio.high, 1 / m->ratio.low};
    return shown_by(&inverse);
}

static bool is_noisy(const struct match *m) { return m->a->noisy || m->b->noisy; }

static bool same_machine(const struct comparison *c)
{
    const json_t *a = c->side[0].machine, *b = c->side[1].machine;
    return strcmp(record_get_text(a, "name"), record_get_text(b, "name")) == 0 &&
           strcmp(record_get_text(a, "cpu"), record_get_text(b, "cpu")) == 0;
}

/* How much slower B is than the machine itself was meanwhile, by the ceilings that were taken
 * beside both; on two machines, or without ceilings, how much slower it is. */
static double slower_by(const struct comparison *c, const struct match *m)
{
    double of_ceiling =
        record_get_number(m->a->record, "roofline") / record_get_number(m->b->record, "roofline");
    return same_machine(c) && isfinite(of_ceiling) ? of_ceiling : m->ratio.median;
}

/* Of code: what the machine can do at best is its own affair, and so is what disturbed a figure. */
static bool is_regression(const struct comparison *c, const struct match *m)
{
    double least = 1 + c->arguments->threshold;
    return m->a && m->b && record_kind(m->b->record) != KIND_CEILING && !is_noisy(m) &&
           m->ratio.low > least && slower_by(c, m) > least;
}

static void print_subject(const json_t *r)
{
    char where[64];
    const char *preset = record_get_text(r, "preset"), *layer = record_get_text(r, "layer");
    size_t rows = record_get_dim(r, BATCH);
    snprintf(where, sizeof where, "%s%s%s", preset, *layer ? " " : "", layer);
    if (record_kind(r) == KIND_CEILING)
        printf("%-23.23s %-30.30s %5s %2.0f", *preset ? where : "ceiling",
               record_get_text(r, "ceiling"), "", record_get_number(r, "threads"));
    else
        printf("%-23.23s %-30.30s %5zu %2.0f", where, record_get_text(r, "name"), rows,
               record_get_number(r, "threads"));
}

static void print_match(const struct comparison *c, const struct match *m)
{
    print_subject(m->b->record);
    printf("%9.4g%9.4g %6.3f (%.3f-%.3f)%s%s\n", m->a->ns.median * 1e-3, m->b->ns.median * 1e-3,
           m->ratio.median, m->ratio.low, m->ratio.high, is_noisy(m) ? " ~" : "",
           is_regression(c, m)           ? " REGRESSION"
           : shown_of(m) == SHOWN_FASTER ? " faster"
           : shown_of(m) == SHOWN_SLOWER ? " slower"
                                         : "");
}

static void count(struct comparison *c)
{
    for (size_t i = 0; i < c->matches.count; i++) {
        const struct match *m = &c->matches.match[i];
        if (!m->a || !m->b)
            continue;
        enum shown shown = shown_of(m);
        c->faster += shown == SHOWN_FASTER;
        c->slower += shown == SHOWN_SLOWER;
        c->alike += shown == SHOWN_NOTHING;
        c->regressions += is_regression(c, m);
    }
}

/* Differences that are shown; with --full everything that is in both. */
static void print_matches(const struct comparison *c)
{
    if (!c->faster && !c->slower && !c->arguments->full)
        return;
    printf("\n%-23s %-30s %5s %2s%9s%9s  B / A; ~ noisy\n", "", "", "rows", "th", "A us", "B us");
    for (size_t i = 0; i < c->matches.count; i++) {
        const struct match *m = &c->matches.match[i];
        if (m->a && m->b && (c->arguments->full || shown_of(m) != SHOWN_NOTHING))
            print_match(c, m);
    }
}

/* ---- summaries ------------------------------------------------------------------------------- */

/* What a record is counted under: its backend; of what is no kernel of a layer, its kind. */
static const char *group_of(const struct match *m)
{
    const json_t *r = (m->b ? m->b : m->a)->record;
    return record_kind(r) == KIND_CEILING ? "ceilings"
           : record_kind(r) == KIND_MODEL ? "whole models"
                                          : record_get_text(r, "backend");
}

/* The geometric mean of all ratios of the group; how many in `count`. */
static double mean_of(const struct comparison *c, const char *group, size_t *count)
{
    double sum = 0;
    *count = 0;
    for (size_t i = 0; i < c->matches.count; i++) {
        const struct match *m = &c->matches.match[i];
        if (m->a && m->b && strcmp(group_of(m), group) == 0) {
            sum += log(m->ratio.median);
            ++*count;
        }
    }
    return exp(sum / (double)*count);
}

static bool came_before(const struct comparison *c, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (strcmp(group_of(&c->matches.match[i]), group_of(&c->matches.match[at])) == 0)
            return true;
    return false;
}

static void print_means(const struct comparison *c)
{
    printf("\n%-14s%8s  geometric mean of B / A\n", "", "figures");
    for (size_t i = 0; i < c->matches.count; i++) {
        size_t count;
        const char *group = group_of(&c->matches.match[i]);
        if (came_before(c, i))
            continue;
        double mean = mean_of(c, group, &count);
        if (count)
            printf("%-14s%8zu  %.3f\n", group, count, mean);
    }
}

static void print_one_sided(const struct comparison *c, bool b)
{
    size_t count = 0, most = c->arguments->full ? SIZE_MAX : SHOWN_LINES;
    for (size_t i = 0; i < c->matches.count; i++) {
        const struct match *m = &c->matches.match[i];
        count += b ? !m->a : !m->b;
    }
    if (!count)
        return;
    printf("\nOnly in %c: %zu figures\n", b ? 'B' : 'A', count);
    for (size_t i = 0, shown = 0; i < c->matches.count && shown < most; i++) {
        const struct match *m = &c->matches.match[i];
        if (b ? m->a != NULL : m->b != NULL)
            continue;
        print_subject((b ? m->b : m->a)->record);
        printf("\n");
        shown++;
    }
    if (count > most)
        printf("... (--full shows all)\n");
}

static int report(struct comparison *c)
{
    count(c);
    print_sides(c);
    print_differences(c);
    print_matches(c);
    if (c->faster + c->slower + c->alike)
        print_means(c);
    print_one_sided(c, false);
    print_one_sided(c, true);
    printf("\n%zu figures in both: B faster in %zu, slower in %zu, no difference shown in %zu\n",
           c->faster + c->slower + c->alike, c->faster, c->slower, c->alike);
    printf("%zu regressions of more than %g %%\n", c->regressions, 100 * c->arguments->threshold);
    return c->regressions ? STATUS_FAILED : STATUS_DONE;
}

int compare_command(int argc, char **argv)
{
    struct arguments arguments;
    struct fault fault;
    arguments_parse(
        &arguments, TAKES_FILES(2) | TAKES(OPTION_THRESHOLD) | TAKES(OPTION_FULL),
        "Compares the figures of two files of results: of two commits on one machine, "
        "or of two machines. Several runs in one file count together. A difference is "
        "shown where the whole interval of the ratio lies beyond 1 %; a regression "
        "where a kernel or model of B is slower by more than the threshold, not only as "
        "much as the ceiling beside it, and neither figure is noisy. Exit 1: a "
        "regression is shown.",
        argc, argv);
    struct comparison c = {.arguments = &arguments};
    bool fine = side_read(&c.side[0], arguments.file[0], &fault) &&
                side_read(&c.side[1], arguments.file[1], &fault) &&
                matches_make(&c.matches, &c.side[0].entries, &c.side[1].entries, &fault);
    int status = fine ? report(&c) : fault_print(&fault);
    matches_free(&c.matches);
    side_free(&c.side[0]);
    side_free(&c.side[1]);
    return status;
}
