#include "harness/choose/configurations.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- which searches count -------------------------------------------------------------------- */

static bool is_beside_antagonist(const json_t *record)
{
    return strcmp(record_get_text(record, "antagonist"), "none") != 0;
}

static bool admits(const char *asked, const json_t *record, const char *column)
{
    return !asked || strcmp(asked, record_get_text(record, column)) == 0;
}

static bool is_asked_for(const struct search *search, const struct question *question)
{
    return strcmp(search->objective.text, question->objective.text) == 0 &&
           is_beside_antagonist(search->record) == question->antagonist &&
           admits(question->preset, search->record, "preset") &&
           admits(question->ids, search->record, "ids") &&
           admits(question->candidates, search->record, "candidates");
}

/* Whether the search found something; if not, that is noted. */
static bool is_usable(bool *usable, const struct search *search, const struct question *question,
                      struct notes *left_out, struct fault *fault)
{
    const json_t *r = search->record;
    const struct estimate highest = record_get_interval(r, "highest");
    const double candidates = record_get_number(r, "candidates_mean");
    const char *reason = record_get_text(r, "reason");
    *usable = false;
    if (strcmp(record_get_text(r, "verdict"), "invalid") == 0)
        return notes_add(left_out, fault, "%s: %s:%zu is invalid: %s", search->machine,
                         search->path, search->line, *reason ? reason : "no reason is told");
    if (!(highest.median > 0 && highest.low <= highest.median && highest.median <= highest.high &&
          isfinite(highest.high)))
        return notes_add(left_out, fault, "%s: %s:%zu: at no rate did %s hold %s", search->machine,
                         search->path, search->line, record_get_text(r, "name"),
                         question->objective.text);
    if (!(candidates > 0))
        return notes_add(left_out, fault,
                         "%s: %s:%zu: does not tell how many candidates a query has",
                         search->machine, search->path, search->line);
    *usable = true;
    return true;
}

/* What must be the same of all that is compared, and the option that picks one. */
static bool check_comparable(const struct search *a, const struct search *b, struct fault *fault)
{
    static const char *const same[] = {"preset", "ids", "candidates"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        const char *one = record_get_text(a->record, same[i]);
        const char *other = record_get_text(b->record, same[i]);
        if (strcmp(one, other) != 0)
            return fault_caller(fault,
                                "%s:%zu and %s:%zu cannot be compared: %s is '%.80s' in the "
                                "one and '%.80s' in the other; --%s picks one",
                                a->path, a->line, b->path, b->line, same[i], one, other, same[i]);
    }
    return true;
}

/* ---- what a configuration is ----------------------------------------------------------------- */

static void append(char *text, size_t size, const char *before, const char *word)
{
    const size_t used = strlen(text);
    if (*word)
        snprintf(text + used, size - used, "%s%s", before, word);
}

/* That of "layer=format", or of "format". */
static const char *format_in(const char *word)
{
    const char *equals = strchr(word, '=');
    return equals ? equals + 1 : word;
}

/* The number format of most layers, then those that have another, as --dtype takes them. `formats`
 * is the column of that name: one format, or each layer's. */
static void append_formats(char *text, size_t size, const char *formats)
{
    enum { LAYERS_MAX = 64 };
    char copy[512];
    const char *layer[LAYERS_MAX], *most = formats;
    size_t layers = 0, votes = 0;
    snprintf(copy, sizeof copy, "%s", formats);
    for (char *rest = copy, *word; (word = strsep(&rest, ",")) && layers < LAYERS_MAX;)
        layer[layers++] = word;
    for (size_t i = 0; i < layers; i++) {
        size_t alike = 0;
        for (size_t j = 0; j < layers; j++)
            alike += strcmp(format_in(layer[i]), format_in(layer[j])) == 0;
        most = alike > votes ? format_in(layer[i]) : most;
        votes = alike > votes ? alike : votes;
    }
    append(text, size, " ", most);
    for (size_t i = 0; i < layers; i++)
        if (strcmp(format_in(layer[i]), most) != 0)
            append(text, size, ",", layer[i]);
}

static void append_layout(char *text, size_t size, const json_t *r)
{
    char each[64];
    snprintf(each, sizeof each, "%.0fx%.0f", record_get_number(r, "instances"),
             record_get_number(r, "instance_threads"));
    append(text, size, " ", record_get_text(r, "layout"));
    if (strcmp(record_get_text(r, "layout"), each) != 0)
        append(text, size, " ", each);
    if (strcmp(record_get_text(r, "placement"), "compact") != 0)
        append(text, size, " ", record_get_text(r, "placement"));
}

/* All that tells one configuration of a machine from another. */
static void describe(char *text, size_t size, const json_t *r)
{
    const char *backend = record_get_text(r, "backend"), *isa = record_get_text(r, "isa");
    const double batching = record_get_number(r, "batching");
    *text = '\0';
    append(text, size, "", backend);
    if (strcmp(backend, isa) != 0)
        append(text, size, " ", isa);
    append_formats(text, size, record_get_text(r, "formats"));
    append_layout(text, size, r);
    if (batching > 0) {
        char wait[64];
        snprintf(wait, sizeof wait, "%g us", batching * 1e-3);
        append(text, size, " batching ", wait);
    }
    if (strcmp(record_get_text(r, "pages"), "thp") != 0)
        append(text, size, " pages ", record_get_text(r, "pages"));
    if (is_beside_antagonist(r))
        append(text, size, " beside ", record_get_text(r, "antagonist"));
}

static struct configuration configuration_of(const struct search *search)
{
    struct configuration c = {.of = search, .runs = 1};
    describe(c.label, sizeof c.label, search->record);
    c.highest = record_get_interval(search->record, "highest");
    c.candidates = record_get_number(search->record, "candidates_mean");
    c.joules = record_get_number(search->record, "joules");
    c.noisy = strcmp(record_get_text(search->record, "verdict"), "noisy") == 0;
    return c;
}

/* ---- several runs of one --------------------------------------------------------------------- */

static int compare_label(const struct configuration *a, const struct configuration *b)
{
    const int order = strcmp(a->of->machine, b->of->machine);
    return order != 0 ? order : strcmp(a->label, b->label);
}

static int compare_runs(const void *a, const void *b)
{
    const struct configuration *x = a, *y = b;
    const int order = compare_label(x, y);
    if (order != 0)
        return order;
    return (x->highest.median > y->highest.median) - (x->highest.median < y->highest.median);
}

/* Makes one of `runs` neighbours of one label, whose medians ascend. */
static struct configuration pool(const struct configuration *first, size_t runs)
{
    struct configuration one = first[runs / 2];
    if (runs % 2 == 0)
        one.highest.median = (one.highest.median + first[runs / 2 - 1].highest.median) / 2;
    one.candidates = one.joules = 0;
    for (size_t i = 0; i < runs; i++) {
        one.highest.low = fmin(one.highest.low, first[i].highest.low);
        one.highest.high = fmax(one.highest.high, first[i].highest.high);
        one.candidates += first[i].candidates / (double)runs;
        one.joules += first[i].joules / (double)runs;
        one.noisy = one.noisy || first[i].noisy;
        one.of = first[i].of > one.of ? first[i].of : one.of;
    }
    one.runs = runs;
    return one;
}

static void pool_all(struct configurations *all)
{
    size_t kept = 0;
    if (all->count)
        qsort(all->configuration, all->count, sizeof *all->configuration, compare_runs);
    for (size_t i = 0, runs; i < all->count; i += runs) {
        for (runs = 1; i + runs < all->count &&
                       compare_label(&all->configuration[i], &all->configuration[i + runs]) == 0;)
            runs++;
        all->configuration[kept++] = pool(&all->configuration[i], runs);
    }
    all->count = kept;
}

/* ---- the best -------------------------------------------------------------------------------- */

static bool serves_more(const struct configuration *a, const struct configuration *b)
{
    if (a->highest.median != b->highest.median)
        return a->highest.median > b->highest.median;
    return a->highest.low > b->highest.low;
}

static void judge(struct configurations *all, const struct requirement *requirement)
{
    struct configuration *best = NULL;
    for (size_t i = 0; i < all->count; i++) {
        struct configuration *c = &all->configuration[i];
        c->passes = requirement_met(requirement, c->of->record, c->why_not, sizeof c->why_not);
        if (best && best->of->machine != c->of->machine)
            best = NULL;
        if (!c->passes || (best && !serves_more(c, best)))
            continue;
        if (best)
            best->best = false;
        best = c;
        best->best = true;
    }
}

/* ---- all ------------------------------------------------------------------------------------- */

static bool gather(struct configurations *all, const struct evidence *evidence,
                   const struct question *question, struct notes *left_out, struct fault *fault)
{
    const struct search *first = NULL;
    for (size_t i = 0; i < evidence->count; i++) {
        const struct search *search = &evidence->search[i];
        bool usable;
        if (!is_asked_for(search, question))
            continue;
        if (!is_usable(&usable, search, question, left_out, fault))
            return false;
        if (!usable)
            continue;
        first = first ? first : search;
        if (!check_comparable(first, search, fault))
            return false;
        all->configuration[all->count++] = configuration_of(search);
    }
    return true;
}

bool configurations_make(struct configurations *configurations, const struct evidence *evidence,
                         const struct question *question, struct notes *left_out,
                         struct fault *fault)
{
    *configurations = (struct configurations){0};
    configurations->configuration =
        calloc(evidence->count + 1, sizeof *configurations->configuration);
    if (!configurations->configuration)
        return fault_memory(fault, "configurations");
    if (!gather(configurations, evidence, question, left_out, fault)) {
        configurations_free(configurations);
        return false;
    }
    pool_all(configurations);
    judge(configurations, &question->requirement);
    return true;
}

void configurations_free(struct configurations *configurations)
{
    free(configurations->configuration);
    *configurations = (struct configurations){0};
}

const struct configuration *configurations_best(const struct configurations *configurations,
                                                const char *machine)
{
    for (size_t i = 0; i < configurations->count; i++) {
        const struct configuration *c = &configurations->configuration[i];
        if (c->best && strcmp(c->of->machine, machine) == 0)
            return c;
    }
    return NULL;
}
