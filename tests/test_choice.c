/* Which kernel a layer gets, by records made up for it. */
#include "harness/bench/choice.h"

#include <criterion/criterion.h>
#include <string.h>

enum { BATCH_ROWS = 16, LAYERS_MOST = 64 };

static struct ektm ektm;
static json_t *records;
static struct found found;
static const struct kernel *kernel[LAYERS_MOST];

static void begin(void)
{
    cr_assert(ektm_build(&ektm, &ektm_preset_find("tiny")->config));
    cr_assert_leq(ektm.layers, LAYERS_MOST);
    records = json_array();
    found = (struct found){records, "tiny", BATCH_ROWS};
}

static void end(void)
{
    json_decref(records);
    ektm_free(&ektm);
}

TestSuite(choice, .init = begin, .fini = end);

/* Adds a record; the last one added can be changed afterwards. */
static json_t *add(const struct kernel *k, const char *layer, double ns)
{
    json_t *r = record_new(KIND_KERNEL, "a run");
    record_text(r, "name", k->name);
    record_text(r, "backend", k->backend->name);
    record_text(r, "layer", layer);
    record_text(r, "preset", "tiny");
    record_dims(r, &(struct dims){.extent = {[BATCH] = BATCH_ROWS}});
    record_interval(r, "ns", &(struct estimate){ns, ns, ns});
    record_text(r, "verdict", "valid");
    json_array_append_new(records, r);
    return r;
}

static bool any(const struct kernel *k) { return k != NULL; }

static bool no_reference(const struct kernel *k)
{
    return strcmp(k->backend->name, "reference") != 0;
}

/* The n-th f32 kernel of the op, of all or of peers. */
static const struct kernel *nth(const char *op, size_t n, bool peers)
{
    for (const struct kernel *const *k = kernels; *k; k++)
        if (strcmp((*k)->op->name, op) == 0 && (*k)->dtype == DTYPE_F32 &&
            (!peers || (*k)->backend->peer) && n-- == 0)
            return *k;
    return NULL;
}

static void expect_tower(const struct kernel *expected, bool (*admits)(const struct kernel *))
{
    const struct kernel *best = choice_fastest(&found, "tower", admits);
    cr_expect(best == expected, "%s in place of %s", best ? best->name : "none",
              expected ? expected->name : "none");
}

Test(choice, the_fastest_is_taken_and_the_first_of_two_alike)
{
    const struct kernel *reference = nth("dense", 0, false), *other = nth("dense", 1, false);
    expect_tower(NULL, any);
    add(reference, "tower", 30);
    add(other, "tower", 20);
    expect_tower(other, any);
    add(reference, "tower", 20);
    expect_tower(other, any);
    add(reference, "tower", 10);
    expect_tower(reference, any);
    expect_tower(other, no_reference);
}

Test(choice, only_what_is_of_that_layer_and_batch_on_one_thread_counts)
{
    const struct kernel *reference = nth("dense", 0, false), *other = nth("dense", 1, false);
    add(other, "tower", 20);
    add(reference, "projection", 1);
    record_text(add(reference, "tower", 1), "preset", "aliexpress");
    record_dims(add(reference, "tower", 1), &(struct dims){.extent = {[BATCH] = BATCH_ROWS + 1}});
    record_interval(add(reference, "tower", 1), "speedup", &(struct estimate){2, 2, 2});
    record_text(add(reference, "tower", 1), "kind", "skip");
    record_text(add(reference, "tower", 1), "name", "dense_f32_nobody");
    record_text(add(reference, "tower", 1), "ns", UNAVAILABLE);
    expect_tower(other, any);
}

Test(choice, noisy_times_count_and_invalid_ones_where_there_are_no_others)
{
    const struct kernel *reference = nth("dense", 0, false), *other = nth("dense", 1, false);
    record_text(add(reference, "tower", 5), "verdict", "invalid");
    expect_tower(reference, any);
    record_text(add(other, "tower", 4), "verdict", "invalid");
    expect_tower(other, any);
    record_text(add(reference, "tower", 30), "verdict", "noisy");
    expect_tower(reference, any);
    add(other, "tower", 20);
    expect_tower(other, any);
    record_text(add(reference, "tower", 10), "verdict", "noisy");
    expect_tower(reference, any);
    record_text(add(other, "tower", 1), "verdict", "invalid");
    expect_tower(reference, any);
}

/* Times every peer at every layer that it has a kernel for; at layer `of` the n-th is fastest, at
 * all others the first. False: there are not two peers in this build. */
static bool time_peers(const char *of, size_t n)
{
    for (size_t l = 0; l < ektm.layers; l++) {
        const struct ektm_layer *layer = &ektm.layer[l];
        size_t best = strcmp(layer->name, of) == 0 ? n : 0;
        for (size_t i = 0; nth(layer->op->name, i, true) && !ektm_repeats(&ektm, l); i++)
            add(nth(layer->op->name, i, true), layer->name, i == best ? 10 : 20 + (double)i);
    }
    return nth("dense", 1, true) != NULL;
}

Test(choice, each_layer_gets_its_fastest_peer)
{
    if (!time_peers("tower", 1))
        return;
    for (size_t l = 0; l < ektm.layers; l++) /* what is faster but no peer's */
        add(nth(ektm.layer[l].op->name, 0, false), ektm.layer[l].name, 1);
    cr_assert(choice_of_peers(&found, &ektm, kernel));
    for (size_t l = 0; l < ektm.layers; l++) {
        const char *name = ektm.layer[l].name, *op = ektm.layer[l].op->name;
        cr_expect(kernel[l] == nth(op, strcmp(name, "tower") == 0, true), "%s of task %zu got %s",
                  name, ektm.layer[l].task, kernel[l] ? kernel[l]->name : "none");
    }
}

Test(choice, a_peer_that_was_not_timed_at_a_layer_loses_there)
{
    if (!time_peers("tower", 1))
        return;
    for (size_t i = json_array_size(records); i-- > 0;) {
        const json_t *r = json_array_get(records, i);
        if (strcmp(record_get_text(r, "layer"), "tower") == 0 &&
            strcmp(record_get_text(r, "name"), nth("dense", 1, true)->name) == 0)
            json_array_remove(records, i);
    }
    cr_assert(choice_of_peers(&found, &ektm, kernel));
    for (size_t l = 0; l < ektm.layers; l++)
        if (strcmp(ektm.layer[l].name, "tower") == 0)
            cr_expect(kernel[l] == nth("dense", 0, true), "tower got %s",
                      kernel[l] ? kernel[l]->name : "none");
}

Test(choice, without_a_layer_of_theirs_there_is_none)
{
    if (!time_peers("tower", 1))
        return;
    for (size_t i = json_array_size(records); i-- > 0;)
        if (strcmp(record_get_text(json_array_get(records, i), "layer"), "head") == 0)
            json_array_remove(records, i);
    cr_expect_not(choice_of_peers(&found, &ektm, kernel));
}

Test(choice, without_two_peers_at_that_batch_there_is_none)
{
    bool two = time_peers("tower", 1);
    found.rows = BATCH_ROWS + 1;
    cr_expect_not(choice_of_peers(&found, &ektm, kernel));
    found.rows = BATCH_ROWS;
    if (!two)
        return;
    for (size_t i = json_array_size(records); i-- > 0;)
        if (strcmp(record_get_text(json_array_get(records, i), "backend"),
                   nth("dense", 0, true)->backend->name) != 0)
            json_array_remove(records, i);
    cr_expect_not(choice_of_peers(&found, &ektm, kernel));
}
