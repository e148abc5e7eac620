/* Schedules: what follows from the caches, and the file that `ektm tune` writes. */
#include "harness/model/tuning.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct formats f32 = {.count = 0};

static struct topology topology;
static struct fault fault;
static char folder[] = "/tmp/ektm-tuning-XXXXXX", path[64];
static const struct schedule some = {
    .tile = 48, .wide = 2, .ask = 25, .lines_ahead = 128, .columns_below = 3};

static void begin(void)
{
    cr_assert(topology_load(&topology, NULL, &fault), "%s", fault.text);
    cr_assert(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/some/machine/tuning.json", folder);
}

static void end(void)
{
    char line[128];
    snprintf(line, sizeof line, "rm -r %s", folder);
    cr_expect_eq(system(line), 0);
    topology_free(&topology);
}

TestSuite(tuning, .init = begin, .fini = end);

static const struct ektm_config *sizes(const char *preset)
{
    return &ektm_preset_find(preset)->config;
}

static void store(const char *preset, const char *backend, struct schedule schedule)
{
    cr_assert(tuning_store(path, sizes(preset), preset, backend, &schedule,
                           json_pack("{s:s}", "why", "a test"), &fault),
              "%s", fault.text);
}

static bool find(const char *preset, const char *backend, struct schedule *schedule)
{
    bool found;
    cr_assert(tuning_find(path, &topology, sizes(preset), backend, schedule, &found, &fault), "%s",
              fault.text);
    return found;
}

static bool same(const struct schedule *a, const struct schedule *b)
{
    return a->tile == b->tile && a->wide == b->wide && a->ask == b->ask &&
           a->lines_ahead == b->lines_ahead && a->columns_below == b->columns_below;
}

Test(tuning, what_is_stored_is_found)
{
    struct schedule got = {.tile = 1}, other = {.tile = 7};
    store("aliexpress", "avx2", some);
    cr_expect(find("aliexpress", "avx2", &got));
    cr_expect(same(&got, &some));
    got = other;
    cr_expect_not(find("aliexpress", "neon", &got), "another backend's");
    cr_expect_not(find("tiny", "avx2", &got), "another model's");
    cr_expect(same(&got, &other), "what is not found must not change");
}

Test(tuning, the_same_again_replaces_and_others_stay)
{
    struct schedule got = {0}, later = {.tile = 12};
    store("aliexpress", "avx2", some);
    store("tiny", "avx2", some);
    store("aliexpress", "avx2", later);
    cr_expect(find("aliexpress", "avx2", &got) && same(&got, &later));
    cr_expect(find("tiny", "avx2", &got) && same(&got, &some));
    json_t *file = json_load_file(path, 0, NULL);
    cr_expect_eq(json_array_size(json_object_get(file, "schedules")), 2);
    json_decref(file);
}

Test(tuning, rows_of_tables_do_not_matter)
{
    struct schedule got = {0};
    struct ektm_config larger = *sizes("tiny");
    bool found;
    larger.rows[0] += 1000;
    store("tiny", "avx2", some);
    cr_assert(tuning_find(path, &topology, &larger, "avx2", &got, &found, &fault));
    cr_expect(found && same(&got, &some));
}

static void refused(const char *text, const char *words)
{
    bool found;
    struct schedule got = {0};
    char file[64];
    snprintf(file, sizeof file, "%s/bad.json", folder);
    FILE *out = fopen(file, "w");
    fputs(text, out);
    fclose(out);
    cr_expect_not(tuning_find(file, &topology, sizes("tiny"), "avx2", &got, &found, &fault), "%s",
                  text);
    cr_expect_eq(fault.status, STATUS_CALLER);
    cr_expect(strstr(fault.text, file) && strstr(fault.text, words), "%s", fault.text);
}

Test(tuning, a_damaged_file_is_refused)
{
    refused("", "");
    refused("[]", "schedules");
    refused("{\"schedules\": 3}", "schedules");
    refused("{\"schedules\": [{}]}", "sizes");
    refused("{\"schedules\": [{\"sizes\": \"a\", \"backend\": \"avx2\", \"tile\": -1}]}", "tile");
    refused("{\"schedules\": [{\"sizes\": \"a\", \"backend\": \"avx2\", \"tile\": 1.5}]}", "tile");
    refused("{\"schedules\": [{\"sizes\": \"a\", \"backend\": \"avx2\", \"tile\": 9999999}]}",
            "tile");
    refused("{\"schedules\": [{\"sizes\": \"a\", \"backend\": \"avx2\", \"tile\": 1}]}", "wide");
}

Test(tuning, a_file_that_is_named_must_be_there)
{
    bool found;
    struct schedule got = {0};
    cr_expect_not(tuning_find(path, &topology, sizes("tiny"), "avx2", &got, &found, &fault));
    cr_expect(strstr(fault.text, path), "%s", fault.text);
    cr_expect(tuning_find("none", &topology, sizes("tiny"), "avx2", &got, &found, &fault));
    cr_expect_not(found);
}

/* A machine with these caches. */
static struct topology with_caches(size_t l2, size_t l3)
{
    struct topology t = topology;
    t.cache_bytes[1] = l2;
    t.cache_bytes[2] = l3;
    return t;
}

Test(tuning, tiles_follow_from_the_caches)
{
    struct model model = {0};
    cr_assert(ektm_build(&model.ektm, sizes("aliexpress")));
    size_t row = schedule_row_bytes(&model), weights = schedule_weight_bytes(&model, &f32);
    struct topology roomy = with_caches(2 * 100 * row, 2 * weights);
    struct topology tight = with_caches(2 * 100 * row, 2 * weights - 2);
    struct topology small = with_caches(row, 2 * weights);
    struct schedule schedule = schedule_of(&model, &f32, &roomy);
    cr_expect_eq(schedule.tile, 96, "%zu rows instead of what half the L2 holds", schedule.tile);
    cr_expect_eq(schedule.wide, 0);
    size_t wide = schedule_of(&model, &f32, &tight).wide;
    cr_expect_gt(wide, 0, "weights that do not fit into half the L3");
    cr_expect_lt(wide, model.ektm.layers, "most of them are the first bottom layer's");
    cr_expect_eq(schedule_of(&model, &f32, &tight).tile, 96);
    struct topology none = with_caches(2 * 100 * row, 1);
    cr_expect_eq(schedule_of(&model, &f32, &none).tile, 0, "nothing fits: layer by layer");
    cr_expect_eq(schedule_of(&model, &f32, &small).tile, 24, "whole register tiles at least");
    cr_expect_eq(schedule_bytes_saved(&schedule, &model, 1000, &roomy), 2e3 * (double)row);
    cr_expect_eq(schedule_bytes_saved(&schedule, &model, 100, &roomy), 0, "they fit as they are");
    cr_expect_eq(schedule_bytes_saved(&schedule_layers, &model, 1000, &roomy), 0);
    schedule.wide = 1; /* the embedding's output leaves the L2 */
    double x = 4 * (double)model.ektm.buffer_width[BUFFER_X];
    cr_expect_eq(schedule_bytes_saved(&schedule, &model, 1000, &roomy), 2e3 * ((double)row - x));
    ektm_free(&model.ektm);
}
