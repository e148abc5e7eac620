#include "harness/choose/report.h"

#include "harness/choose/sentences.h"

#include <stdio.h>

/* What is printed, in order. */
struct report {
    struct notes question, choice, changes;
    struct grid ranking, configurations;
};

static bool fill(struct report *report, const struct decision *d, bool full, struct fault *fault)
{
    *report = (struct report){0};
    return tell_question(&report->question, d, fault) && tell_choice(&report->choice, d, fault) &&
           tell_changes(&report->changes, d, fault) &&
           tabulate_ranking(&report->ranking, d, fault) &&
           (!full || tabulate_configurations(&report->configurations, d, fault));
}

static void report_free(struct report *report)
{
    notes_free(&report->question);
    notes_free(&report->choice);
    notes_free(&report->changes);
    grid_free(&report->ranking);
    grid_free(&report->configurations);
}

/* ---- two forms ------------------------------------------------------------------------------- */

static void print_list(const char *title, const struct notes *notes)
{
    if (notes->count)
        printf("\n%s\n", title);
    for (size_t i = 0; i < notes->count; i++)
        printf("  %s\n", notes->text[i]);
}

static void print_list_markdown(const char *title, const struct notes *notes)
{
    if (notes->count)
        printf("\n## %s\n\n", title);
    for (size_t i = 0; i < notes->count; i++)
        printf("- %s\n", notes->text[i]);
}

static void print_lines(const struct notes *notes, const char *end)
{
    for (size_t i = 0; i < notes->count; i++)
        printf("%s%s\n", notes->text[i], end);
}

static const char *const changes_title = "What would make the second the first";
static const char *const legend = "=: no difference shown between machines of one rank; ~ noisy; "
                                  "(-): 95 % interval";

bool report_print(const struct decision *d, bool full, struct fault *fault)
{
    struct report report;
    const bool fine = fill(&report, d, full, fault);
    if (fine) {
        print_lines(&report.question, "");
        printf("\n");
        grid_print(&report.ranking);
        printf("%s\n\n", legend);
        print_lines(&report.choice, "");
        print_list(changes_title, &report.changes);
        if (full)
            printf("\n");
        grid_print(&report.configurations);
        print_list("Left out", &d->left_out);
        print_list("Doubts", &d->doubts);
    }
    report_free(&report);
    return fine;
}

bool report_print_markdown(const struct decision *d, bool full, struct fault *fault)
{
    struct report report;
    const bool fine = fill(&report, d, full, fault);
    if (fine) {
        printf("# %s\n\n", d->ranking.offer[0].machine);
        print_lines(&report.question, ".");
        printf("\n");
        print_lines(&report.choice, ".");
        printf("\n");
        grid_print_markdown(&report.ranking);
        printf("\n%s.\n", legend);
        print_list_markdown(changes_title, &report.changes);
        if (full)
            printf("\n## Configurations\n\n");
        grid_print_markdown(&report.configurations);
        print_list_markdown("Left out", &d->left_out);
        print_list_markdown("Doubts", &d->doubts);
    }
    report_free(&report);
    return fine;
}
