/* `ektm bench` of a file's model in several number formats, and its search for the formats of
 * layers. */
#include "harness/model/model.h"
#include "harness/results/file.h"
#include "kernels/kernel.h"
#include "tests/shell.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Wide enough that narrow kernels gain something, and quick. */
#define OPTIONS "--quick --batch 4,64 --threads 1 "

static struct topology topology;
static struct fault fault;
static struct model model;

/* The backend of ours that runs here, or NULL. */
static const char *ours(void)
{
    static const char *const names[] = {"avx512", "avx2", "neon"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (const struct kernel *const *k = kernels; *k; k++) {
            char reason[128];
            if (strcmp((*k)->backend->name, names[i]) == 0 && (*k)->dtype == DTYPE_F32 &&
                kernel_usable(*k, reason, sizeof reason))
                return names[i];
        }
    return NULL;
}

static char *name_of(const char *file)
{
    char *text;
    cr_assert_eq(run("echo @/%s > @/name", file), 0);
    text = text_of("name");
    text[strcspn(text, "\n")] = '\0';
    return text;
}

static void begin(void)
{
    shell_begin();
    if (run("python3 -c 'pass' 2> @/talk") != 0)
        cr_skip_test("there is no python3");
    if (!ours())
        cr_skip_test("no kernels written by hand run here");
    cr_assert_eq(run("python3 tests/ektm_oracle.py model @/m.safetensors --fields 4 --width 8 "
                     "--dense 3 --tasks 2 --rep 128 --hidden 16 --bottom 384,256"),
                 0);
    char *path = name_of("m.safetensors");
    cr_assert(topology_load(&topology, NULL, &fault), "%s", fault.text);
    cr_assert(model_load(&model, path, &topology, &fault), "%s", fault.text);
    free(path);
}

static void end(void)
{
    model_free(&model);
    topology_free(&topology);
    shell_end();
}

TestSuite(search, .init = begin, .fini = end, .timeout = 200);

static json_t *records(void)
{
    char *path = name_of("r.jsonl");
    json_t *records = results_read(path, NULL, &fault);
    cr_assert(records, "%s", fault.text);
    free(path);
    return records;
}

static void bench(const char *options)
{
    cr_assert_eq(run("EKTM bench --model @/m.safetensors " OPTIONS "--backend compiler,%s %s "
                     "--out @/r.jsonl > @/out 2> @/talk",
                     ours(), options),
                 0, "%s", text_of("talk"));
}

static struct formats formats_of_record(const json_t *record)
{
    struct formats formats = {.count = 0};
    cr_assert(formats_parse(&formats, record_get_text(record, "formats"), "formats", &fault) &&
                  formats_check(&formats, &model.ektm, "formats", &fault),
              "%s", fault.text);
    return formats;
}

static bool is_number_of_each_prediction(const json_t *record, const char *column)
{
    static const char *const names[] = {"pctr", "pcvr1", "pcvr2", "pctcvr1", "pctcvr2"};
    const json_t *object = json_object_get(record, column);
    bool fine = json_object_size(object) == 5;
    for (size_t i = 0; i < 5 && fine; i++)
        fine = json_is_number(json_object_get(object, names[i]));
    return fine;
}

/* A model in narrow formats says what they cost. */
static void check_narrow(const json_t *r)
{
    const char *formats = record_get_text(r, "formats");
    const json_t *most = json_object_get(r, "off_most"), *mean = json_object_get(r, "off_mean");
    cr_expect(is_number_of_each_prediction(r, "off_most"), "%s", formats);
    cr_expect(is_number_of_each_prediction(r, "off_mean"), "%s", formats);
    cr_expect(is_number_of_each_prediction(r, "tau"), "%s", formats);
    cr_expect(json_number_value(json_object_get(most, "pctr")) >=
                  json_number_value(json_object_get(mean, "pctr")),
              "%s", formats);
    cr_expect(record_get_number(r, "error") <= 1, "%s", formats);
}

static void check_faster(const json_t *r)
{
    const struct estimate x = record_get_interval(r, "x_f32");
    cr_expect(json_object_get(r, "x_f32"), "%s", record_get_text(r, "formats"));
    cr_expect(isnan(x.median) || (x.low > 0 && x.low <= x.median && x.median <= x.high));
    cr_expect(*record_get_text(r, "versus_f32"));
}

/* ---- models in formats ----------------------------------------------------------------------- */

static size_t count_models(const json_t *records, const char *dtype, const char *formats)
{
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(records); i++) {
        const json_t *r = json_array_get(records, i);
        count += record_kind(r) == KIND_MODEL && strcmp(record_get_text(r, "dtype"), dtype) == 0 &&
                 strcmp(record_get_text(r, "formats"), formats) == 0 &&
                 strcmp(record_get_text(r, "backend"), ours()) == 0 &&
                 !json_object_get(r, "speedup");
    }
    return count;
}

#define MIXED                                                                                      \
    "embedding=i8,projection=bf16,bottom.0=bf16,bottom.1=bf16,tower=bf16,transmitter=bf16,"        \
    "enhanced=bf16,head=bf16"

/* One for each format that is given, and the one that they make together. */
Test(search, bench_of_formats_has_a_model_of_them)
{
    bench("--dtype bf16,embedding=i8");
    json_t *all = records();
    cr_expect_eq(count_models(all, "mixed", MIXED), 2, "%zu", count_models(all, "mixed", MIXED));
    cr_expect_geq(count_models(all, "bf16", "bf16"), 2);
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *r = json_array_get(all, i);
        if (record_kind(r) != KIND_MODEL || json_object_get(r, "speedup"))
            continue;
        cr_expect_str_eq(record_get_text(r, "preset"), "m.safetensors");
        cr_expect_neq(strcmp(record_get_text(r, "dtype"), "f32"), 0, "f32 was not asked for");
        check_narrow(r);
    }
    json_decref(all);
}

Test(search, bench_of_a_file_computes_in_what_the_file_says)
{
    cr_assert_eq(run("mv @/m.safetensors @/w && EKTM quantize --model @/w --dtype "
                     "bf16,embedding=i8 --out @/m.safetensors > @/out"),
                 0);
    bench("");
    json_t *all = records();
    cr_expect_eq(count_models(all, "mixed", MIXED), 2);
    cr_expect_geq(count_models(all, "f32", "f32"), 2);
    cr_expect_geq(count_models(all, "i8", "i8"), 2);
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *r = json_array_get(all, i);
        if (record_kind(r) == KIND_MODEL && strcmp(record_get_text(r, "backend"), ours()) == 0 &&
            strcmp(record_get_text(r, "dtype"), "f32") != 0 && !json_object_get(r, "speedup")) {
            check_narrow(r);
            check_faster(r);
        }
    }
    json_decref(all);
}

/* ---- the search ------------------------------------------------------------------------------ */

/* How many layers have another format in `b`: a narrow one each. */
static size_t narrowed(const struct formats *a, const struct formats *b)
{
    size_t changed = 0;
    for (size_t l = 0; l < model.ektm.layers; l++) {
        const struct ektm_layer *layer = &model.ektm.layer[l];
        const enum dtype before = formats_of(a, layer), after = formats_of(b, layer);
        if (before == after || ektm_repeats(&model.ektm, l))
            continue;
        cr_expect(dtype_narrow(after), "%s: %s after %s", layer->name, dtype_name(after),
                  dtype_name(before));
        changed++;
    }
    return changed;
}

/* The least time of the layer in that format by our kernels of the widest instruction set. */
static double least_ns(const json_t *records, const char *layer, const char *dtype, const char *isa)
{
    double least = INFINITY;
    for (size_t i = 0; i < json_array_size(records); i++) {
        const json_t *r = json_array_get(records, i);
        if (record_kind(r) == KIND_KERNEL && record_get_dim(r, BATCH) == 64 &&
            strcmp(record_get_text(r, "layer"), layer) == 0 &&
            strcmp(record_get_text(r, "dtype"), dtype) == 0 &&
            strcmp(record_get_text(r, "backend"), ours()) == 0 &&
            strcmp(record_get_text(r, "isa"), isa) == 0 &&
            strcmp(record_get_text(r, "verdict"), "invalid") != 0)
            least = fmin(least, record_get_interval(r, "ns").median);
    }
    return least;
}

/* Whether a layer's kernel in narrow numbers took less time than in f32. */
static bool may_save(const json_t *records, const char *isa)
{
    for (size_t l = 0; l < model.ektm.layers; l++) {
        const char *layer = model.ektm.layer[l].name;
        const double f32 = least_ns(records, layer, "f32", isa);
        if (isfinite(f32) && (least_ns(records, layer, "bf16", isa) < f32 ||
                              least_ns(records, layer, "i8", isa) < f32))
            return true;
    }
    return false;
}

static size_t check_steps(const json_t *records)
{
    struct formats before = {.count = 0};
    size_t steps = 0;
    for (size_t i = 0; i < json_array_size(records); i++) {
        const json_t *r = json_array_get(records, i);
        if (!json_object_get(r, "step"))
            continue;
        const struct formats formats = formats_of_record(r);
        cr_expect_eq((size_t)record_get_number(r, "step"), ++steps);
        cr_expect_eq(narrowed(&before, &formats), 1, "step %zu: %s", steps,
                     record_get_text(r, "formats"));
        cr_expect_str_eq(record_get_text(r, "dtype"), formats_kind(&formats, &model.ektm));
        cr_expect_eq(record_get_dim(r, BATCH), 64);
        check_narrow(r);
        check_faster(r);
        before = formats;
    }
    return steps;
}

Test(search, narrows_one_layer_after_the_other)
{
    bench("--search");
    json_t *all = records();
    const size_t steps = check_steps(all);
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *r = json_array_get(all, i);
        if (record_kind(r) == KIND_MODEL && strcmp(record_get_text(r, "backend"), ours()) == 0)
            cr_expect_eq(steps > 0, may_save(all, record_get_text(r, "isa")), "%zu steps", steps);
    }
    json_decref(all);
}

/* Steps and their formats, a line each; to be freed. */
static char *path_of(const json_t *records)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    for (size_t i = 0; i < json_array_size(records); i++) {
        const json_t *r = json_array_get(records, i);
        if (json_object_get(r, "step"))
            fprintf(out, "%g %s\n", record_get_number(r, "step"), record_get_text(r, "formats"));
    }
    fclose(out);
    return text;
}

/* Keeps the lines before the search and its first step. */
static void cut(const json_t *records)
{
    char *path = name_of("r.jsonl");
    FILE *file = fopen(path, "w");
    bool more = true;
    for (size_t i = 0; i < json_array_size(records) && more; i++) {
        json_dumpf(json_array_get(records, i), file, JSON_COMPACT);
        fputc('\n', file);
        more = !json_object_get(json_array_get(records, i), "step");
    }
    fclose(file);
    free(path);
}

/* What a step is worth is found in the earlier part's records. */
Test(search, goes_the_same_way_after_it_was_interrupted)
{
    bench("--search");
    json_t *all = records();
    char *before = path_of(all);
    const size_t count = json_array_size(all);
    if (!*before)
        cr_skip_test("nothing is gained by narrow formats here");
    cut(all);
    json_decref(all);
    cr_assert_eq(run("EKTM bench --resume @/r.jsonl > @/out 2> @/talk"), 0, "%s", text_of("talk"));
    all = records();
    char *after = path_of(all);
    cr_expect_str_eq(after, before);
    cr_expect_eq(json_array_size(all), count);
    json_decref(all);
    free(before);
    free(after);
}

Test(search, refuses_what_it_cannot_do)
{
    static const struct {
        const char *options, *words;
    } mistakes[] = {
        {"--model @/m.safetensors --preset tiny", "--model and --preset: one of both"},
        {"--model @/none", "/none: cannot be opened"},
        {"--model @/m.safetensors --dtype bottom.2=i8 --batch 1", "--dtype: 'bottom.2' is no"},
    };
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        cr_expect_eq(run("EKTM bench --quick %s --out @/x > @/out 2> @/talk", mistakes[i].options),
                     STATUS_CALLER, "%s", mistakes[i].options);
        cr_expect(contains("talk", mistakes[i].words), "%s: %s", mistakes[i].options,
                  text_of("talk"));
    }
}

Test(search, takes_no_choice_of_single_layers)
{
    cr_assert_eq(run("EKTM bench --search --op dense --out @/r.jsonl 2> @/talk"), 2);
    cr_assert(contains("talk", "--search: whole models are searched; --op is given beside it"));
    cr_assert_eq(run("EKTM bench --search --kernel dense_f32_reference --out @/r.jsonl 2> @/talk"),
                 2);
    cr_assert(contains("talk", "--kernel is given"));
}
