#include "harness/results/match.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What makes two records tell of the same thing: neither where nor when, nor how fast it was. */
static const char *const identity[] = {"kind",    "preset",    "layer",      "name", "dims",
                                       "threads", "placement", "cache",      "ids",  "dtype",
                                       "level",   "base_rows", "beside_rows"};

/* One line of all that; to be freed. */
static char *key_of(const json_t *record)
{
    char *key = NULL;
    size_t length;
    FILE *out = open_memstream(&key, &length);
    if (!out)
        return NULL;
    for (size_t i = 0; i < sizeof identity / sizeof *identity; i++) {
        json_t *value = json_object_get(record, identity[i]);
        char *text = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_SORT_KEYS) : NULL;
        fprintf(out, "%s|", text ? text : "");
        free(text);
    }
    /* What the label of a ceiling tells more than its level: the way, the row, the pages. */
    if (record_kind(record) == KIND_CEILING)
        fprintf(out, "%s", record_get_text(record, "ceiling"));
    else
        fprintf(out, "%s", record_get_text(record, "pages"));
    fclose(out);
    return key;
}

static int compare_entries(const void *a, const void *b)
{
    const struct entry_of_file *x = a, *y = b;
    int order = strcmp(x->key, y->key);
    if (order != 0)
        return order;
    return (x->ns.median > y->ns.median) - (x->ns.median < y->ns.median);
}

static bool is_timed(const json_t *record)
{
    enum kind kind = record_kind(record);
    return (kind == KIND_CEILING || kind == KIND_KERNEL || kind == KIND_MODEL) &&
           strcmp(record_get_text(record, "verdict"), "invalid") != 0 &&
           isfinite(record_get_interval(record, "ns").median);
}

/* Makes one of `runs` neighbours with the same key, whose medians ascend. */
static struct entry_of_file pool(struct entry_of_file *first, size_t runs)
{
    struct entry_of_file one = first[runs / 2];
    if (runs % 2 == 0)
        one.ns.median = (one.ns.median + first[runs / 2 - 1].ns.median) / 2;
    for (size_t i = 0; i < runs; i++) {
        one.ns.low = fmin(one.ns.low, first[i].ns.low);
        one.ns.high = fmax(one.ns.high, first[i].ns.high);
        one.noisy = one.noisy || first[i].noisy;
        if (first[i].key != one.key)
            free(first[i].key);
    }
    one.runs = runs;
    return one;
}

static void pool_all(struct entries *entries)
{
    size_t kept = 0;
    qsort(entries->entry, entries->count, sizeof *entries->entry, compare_entries);
    for (size_t i = 0, runs; i < entries->count; i += runs) {
        for (runs = 1; i + runs < entries->count &&
                       strcmp(entries->entry[i].key, entries->entry[i + runs].key) == 0;)
            runs++;
        entries->entry[kept++] = pool(&entries->entry[i], runs);
    }
    entries->count = kept;
}

bool entries_make(struct entries *entries, const json_t *records, struct fault *fault)
{
    size_t i;
    json_t *r;
    entries->count = 0;
    entries->entry = calloc(json_array_size(records) + 1, sizeof *entries->entry);
    if (!entries->entry)
        return fault_memory(fault, "records");
    json_array_foreach((json_t *)(uintptr_t)records, i, r)
    {
        if (!is_timed(r))
            continue;
        struct entry_of_file *e = &entries->entry[entries->count];
        *e = (struct entry_of_file){key_of(r), r, record_get_interval(r, "ns"), 1,
                                    strcmp(record_get_text(r, "verdict"), "noisy") == 0};
        if (!e->key) {
            entries_free(entries);
            return fault_memory(fault, "records");
        }
        entries->count++;
    }
    pool_all(entries);
    return true;
}

void entries_free(struct entries *entries)
{
    for (size_t i = 0; i < entries->count; i++)
        free(entries->entry[i].key);
    free(entries->entry);
    *entries = (struct entries){0, NULL};
}

/* How far an interval reaches from its median, as a logarithm. */
static double reach(const struct estimate *e)
{
    return fmax(log(e->high / e->median), log(e->median / e->low));
}

/* Of independent runs: the reaches add up as errors do. */
static struct estimate ratio_of(const struct estimate *a, const struct estimate *b)
{
    double ratio = b->median / a->median, both = hypot(reach(a), reach(b));
    return (struct estimate){ratio, ratio * exp(-both), ratio * exp(both)};
}

bool matches_make(struct matches *matches, const struct entries *a, const struct entries *b,
                  struct fault *fault)
{
    matches->count = 0;
    matches->match = calloc(a->count + b->count + 1, sizeof *matches->match);
    if (!matches->match)
        return fault_memory(fault, "records");
    for (size_t i = 0, k = 0; i < a->count || k < b->count;) {
        int order = i == a->count   ? 1
                    : k == b->count ? -1
                                    : strcmp(a->entry[i].key, b->entry[k].key);
        struct match *m = &matches->match[matches->count++];
        *m = (struct match){order <= 0 ? &a->entry[i++] : NULL,
                            order >= 0 ? &b->entry[k++] : NULL,
                            {NAN, NAN, NAN}};
        if (m->a && m->b)
            m->ratio = ratio_of(&m->a->ns, &m->b->ns);
    }
    return true;
}

void matches_free(struct matches *matches)
{
    free(matches->match);
    *matches = (struct matches){0, NULL};
}
