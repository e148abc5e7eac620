/* Weights files: what is written is read back; what is damaged is refused with a sentence that
 * names the file and the place. */
#include "harness/model/model.h"
#include "harness/model/safetensors.h"
#include "harness/random.h"
#include "tests/parts.h"

#include <criterion/criterion.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static const struct formats f32 = {.count = 0};

static struct topology topology;
static struct fault fault;
static char folder[] = "/tmp/ektm-weights-XXXXXX", path[64];

static void begin(void)
{
    cr_assert(topology_load(&topology, NULL, &fault), "%s", fault.text);
    cr_assert(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/m", folder);
}

static void end(void)
{
    topology_free(&topology);
    unlink(path);
    rmdir(folder);
}

TestSuite(safetensors, .init = begin, .fini = end);

/* ---- a whole file ---------------------------------------------------------------------------- */

/* Writes the tiny preset's model, changed as `similarity` says, to `path`. */
static struct model saved(enum similarity similarity, uint64_t seed)
{
    struct ektm_config config = ektm_preset_find("tiny")->config;
    struct model model;
    config.similarity = similarity;
    config.rows[1] = 7;
    config.tau = 0.3F;
    config.pooling = POOLING_MEAN;
    cr_assert(model_random(&model, &config, seed, &topology, PAGES_THP, &fault), "%s", fault.text);
    cr_assert(model_save(&model, &f32, path, &fault), "%s", fault.text);
    return model;
}

static size_t elements(const struct model *model, size_t w)
{
    const struct ektm_weight *weight = &model->ektm.weight[w];
    return weight->rows * (weight->columns ? weight->columns : 1);
}

static void same(const struct model *a, const struct model *b)
{
    cr_assert_eq(a->ektm.weights, b->ektm.weights);
    for (size_t w = 0; w < a->ektm.weights; w++) {
        cr_expect_str_eq(a->ektm.weight[w].name, b->ektm.weight[w].name);
        cr_assert_eq(elements(a, w), elements(b, w));
        cr_expect(memcmp(a->weight[w].data, b->weight[w].data, elements(a, w) * 4) == 0, "%s",
                  a->ektm.weight[w].name);
    }
}

/* Cosines of vectors whose squared length leaves 32 bits would be wrong without a word. */
Test(safetensors, task_vectors_out_of_range_are_refused)
{
    struct model model = saved(SIMILARITY_TASK, 5), back;
    size_t w = 0;
    while (strcmp(model.ektm.weight[w].name, "router.task") != 0)
        w++;
    float *u = model.weight[w].data;
    static const float fine[] = {0, 1e-15F, 1e18F}, wrong[] = {1e-22F, 1e20F};
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
        for (size_t e = 0; e < model.ektm.weight[w].columns; e++)
            u[e] = fine[i];
        cr_assert(model_save(&model, &f32, path, &fault));
        cr_expect(model_load(&back, path, &topology, &fault), "%g: %s", (double)fine[i],
                  fault.text);
        model_free(&back);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        for (size_t e = 0; e < model.ektm.weight[w].columns; e++)
            u[e] = wrong[i];
        cr_assert(model_save(&model, &f32, path, &fault));
        cr_expect_not(model_load(&back, path, &topology, &fault), "%g", (double)wrong[i]);
        cr_expect(strstr(fault.text, "'router.task': the squared length of row 0"), "%s",
                  fault.text);
    }
    model_free(&model);
}

Test(safetensors, come_back_as_they_were_written)
{
    for (enum similarity s = SIMILARITY_SAMPLE; s <= SIMILARITY_TASK; s++) {
        struct model model = saved(s, 5), back;
        cr_assert(model_load(&back, path, &topology, &fault), "%s", fault.text);
        same(&model, &back);
        const struct ektm_config *c = &back.ektm.config;
        cr_expect(c->fields == 4 && c->width == 8 && c->rows[0] == 100 && c->rows[1] == 7);
        cr_expect(c->dense == 3 && c->bottoms == 1 && c->bottom[0] == 16);
        cr_expect(c->rep == 12 && c->tasks == 2 && c->hidden == 6);
        cr_expect(c->similarity == s && c->tau == 0.3F && c->pooling == POOLING_MEAN);
        cr_expect_eq(((int32_t *)back.first.data)[2], 107, "tables are stacked");
        model_free(&model);
        model_free(&back);
    }
}

/* The write that fails leaves the old file and nothing beside it. */
Test(safetensors, are_replaced_whole_or_not_at_all)
{
    struct model model = saved(SIMILARITY_SAMPLE, 5), back;
    struct rlimit limit = {1000, RLIM_INFINITY}, unlimited = {RLIM_INFINITY, RLIM_INFINITY};
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    bool written = model_save(&model, &f32, path, &fault);
    setrlimit(RLIMIT_FSIZE, &unlimited);
    cr_expect_not(written);
    cr_expect_eq(fault.status, STATUS_MACHINE);
    cr_expect(strstr(fault.text, path), "%s", fault.text);
    cr_assert(model_load(&back, path, &topology, &fault), "%s", fault.text);
    same(&model, &back);
    char pattern[80];
    glob_t found;
    snprintf(pattern, sizeof pattern, "%s/*", folder);
    glob(pattern, 0, NULL, &found);
    cr_expect_eq(found.gl_pathc, 1, "something is left beside the file");
    globfree(&found);
    cr_expect_not(model_save(&model, &f32, folder, &fault));
    cr_expect_eq(fault.status, STATUS_CALLER);
    model_free(&model);
    model_free(&back);
}

/* ---- damaged headers ------------------------------------------------------------------------- */

/* Value `json` in place of member `key` of tensor `tensor`'s entry, and what the sentence says. */
static const struct {
    const char *tensor, *key, *json, *words;
} damages[] = {
    {"tower.1.weight", "shape", "[16,12]", "'tower.1.weight' has the shape [16,12]"},
    {"tower.1.weight", "shape", "[192]", "'tower.1.weight' has the shape [192]"},
    {"tower.1.weight", "shape", "[12,17]", "'tower.1.weight': data_offsets hold 768 bytes"},
    {"tower.1.bias", "shape", "[12,1]", "'tower.1.bias' has the shape [12,1]"},
    {"tower.0.weight", "shape", "[12,4,4]", "'tower.0.weight': the shape is not"},
    {"tower.0.weight", "shape", "\"12\"", "'tower.0.weight': the shape is not"},
    {"tower.0.weight", "shape", "null", "'tower.0.weight': the shape is not"},
    {"tower.0.weight", "shape", "[12,-16]", "'tower.0.weight': size 1 of the shape"},
    {"tower.0.weight", "shape", "[12.0,16]", "'tower.0.weight': size 0 of the shape"},
    {"tower.0.weight", "shape", "[4611686018427387904,4]", "'tower.0.weight': the shape is larger"},
    {"head.0.1.weight", "shape", "[6]", "'head.0.1.weight' has the shape [6]"},
    {"embedding.0.weight", "shape", "[800]", "'embedding.0.weight' has the shape [800]"},
    {"embedding.2.weight", "shape", "[50,16]", "'embedding.2.weight' has the shape [50,16]"},
    {"tower.0.weight", "dtype", "\"F16\"", "'tower.0.weight': the dtype is F16"},
    {"tower.0.weight", "dtype", "\"BF16\"", "'tower.0.weight': data_offsets hold 768 bytes"},
    {"tower.0.weight", "dtype", "32", "'tower.0.weight': the dtype is not a string"},
    {"tower.0.weight", "data_offsets", "[0,768]", "overlap"},
    {"tower.0.weight", "data_offsets", "[-768,0]", "'tower.0.weight': data_offsets are -768 to 0"},
    {"tower.0.weight", "data_offsets", "[768,0]", "'tower.0.weight': data_offsets are 768 to 0"},
    {"tower.0.weight", "data_offsets", "[1000000,1000768]", "'tower.0.weight': data_offsets are"},
    {"tower.0.weight", "data_offsets", "[0]", "'tower.0.weight': data_offsets are not"},
    {"tower.0.weight", "data_offsets", "[0,1,2]", "'tower.0.weight': data_offsets are not"},
    {"tower.0.weight", "data_offsets", "[0.5,768.5]", "'tower.0.weight': data_offsets are not"},
    {"tower.0.weight", "data_offsets", "{}", "'tower.0.weight': data_offsets are not"},
    {"__metadata__", "router", "\"both\"", "router is 'both'"},
    {"__metadata__", "router", "\"task\"", "'router.task' is missing"},
    {"__metadata__", "pooling", "\"max\"", "pooling is 'max'"},
    {"__metadata__", "tau", "\"0\"", "tau is '0'"},
    {"__metadata__", "tau", "\"-1\"", "tau is '-1'"},
    {"__metadata__", "tau", "\"0.0009\"", "tau is '0.0009'"},
    {"__metadata__", "tau", "\"2e6\"", "tau is '2e6'"},
    {"__metadata__", "tau", "\"nan\"", "tau is 'nan'"},
    {"__metadata__", "tau", "\"1e99\"", "tau is '1e99'"},
    {"__metadata__", "tau", "\"1x\"", "tau is '1x'"},
    {"__metadata__", "tau", "\"\"", "tau is ''"},
    {"__metadata__", "tau", "1", "__metadata__: the value of 'tau' is not a string"},
};

Test(safetensors, damaged_entries_are_refused)
{
    struct model model = saved(SIMILARITY_SAMPLE, 5);
    struct parts whole = take_apart(path);
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        char what[128];
        snprintf(what, sizeof what, "%s %s %s", damages[i].tensor, damages[i].key, damages[i].json);
        struct parts parts = copy_of(&whole);
        json_object_set_new(entry(&parts, damages[i].tensor), damages[i].key,
                            json_loads(damages[i].json, JSON_DECODE_ANY, NULL));
        put_together(path, &parts);
        loads_not(path, &topology, what, damages[i].words);
        take_away(&parts);
    }
    take_away(&whole);
    model_free(&model);
}

/* Tensors that change their name; "" puts it away. */
static const struct {
    const char *from, *to, *words;
} renamings[] = {
    {"enhanced.1.bias", "base.7.bias", "'enhanced.1.bias' is missing"},
    {"embedding.0.weight", "base.7.weight", "'embedding.0.weight' is missing"},
    {"embedding.2.weight", "base.7.weight", "'embedding.3.weight' is unknown to a model of 2"},
    {"bottom.0.weight", "base.7.weight", "'bottom.0.weight' is missing"},
    {"dense.weight", "base.7.weight", "'dense.weight' is missing"},
    {"head.0.0.weight", "base.7.weight", "'head.0.0.weight' is missing"},
    {"tower.1.weight", "base.7.weight", "'tower.1.weight' is missing"},
    {"enhanced.2.bias", "enhanced.3.bias", "'enhanced.2.bias' is missing"},
    {"dense.bias", "router.task", "'dense.bias' is missing"},
    {"enhanced.2.bias", "", "belong to no tensor"},
};

Test(safetensors, missing_tensors_are_named)
{
    struct model model = saved(SIMILARITY_SAMPLE, 5);
    struct parts whole = take_apart(path);
    for (size_t i = 0; i < sizeof renamings / sizeof *renamings; i++) {
        struct parts parts = copy_of(&whole);
        if (*renamings[i].to)
            json_object_set(parts.header, renamings[i].to, entry(&parts, renamings[i].from));
        json_object_del(parts.header, renamings[i].from);
        put_together(path, &parts);
        loads_not(path, &topology, renamings[i].from, renamings[i].words);
        take_away(&parts);
    }
    take_away(&whole);
    model_free(&model);
}

static void add_empty(struct parts *parts, const char *name)
{
    json_object_set_new(parts->header, name,
                        json_pack("{s:s,s:[i],s:[I,I]}", "dtype", "F32", "shape", 0, "data_offsets",
                                  (json_int_t)parts->bytes, (json_int_t)parts->bytes));
    put_together(path, parts);
}

Test(safetensors, unknown_tensors_are_refused_but_those_of_training)
{
    struct model model = saved(SIMILARITY_SAMPLE, 5), back;
    static const char *const unknown[] = {"foo", "transmitter.3.bias", "tower.0.weights",
                                          "x.base.1"};
    struct parts whole = take_apart(path);
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        struct parts parts = copy_of(&whole);
        add_empty(&parts, unknown[i]);
        loads_not(path, &topology, unknown[i], unknown[i]);
        take_away(&parts);
    }
    struct parts parts = copy_of(&whole);
    add_empty(&parts, "base.1.weight");
    cr_expect(model_load(&back, path, &topology, &fault), "%s", fault.text);
    model_free(&back);
    add_empty(&parts, "router.task");
    loads_not(path, &topology, "router.task", "'router.task' is for the router mode task");
    add_empty(&parts, "a\nb");
    loads_not(path, &topology, "name", "printable");
    take_away(&parts);
    take_away(&whole);
    model_free(&model);
}

/* ---- damaged files --------------------------------------------------------------------------- */

Test(safetensors, files_of_another_kind_are_refused)
{
    struct model none, model = saved(SIMILARITY_SAMPLE, 5);
    struct parts parts = take_apart(path);
    char *header = json_dumps(parts.header, JSON_COMPACT);
    size_t length = strlen(header);

    write_raw(path, length, header, length, parts.data, parts.bytes - 1);
    loads_not(path, &topology, "truncated tensors", "the file holds bytes 0 to");
    write_raw(path, length, header, length, parts.data, 0);
    loads_not(path, &topology, "no tensors", "the file holds bytes 0 to 0");
    write_raw(path, length, header, length - 1, parts.data, 0);
    loads_not(path, &topology, "truncated header", "the length of the header is given as");
    write_raw(path, UINT64_MAX, header, length, parts.data, parts.bytes);
    loads_not(path, &topology, "absurd length", "18446744073709551615 bytes");
    write_raw(path, length - 1, header, length, parts.data, parts.bytes);
    loads_not(path, &topology, "short length", "not good JSON");
    write_raw(path, length + 4, header, length, parts.data, parts.bytes);
    loads_not(path, &topology, "long length", "not good JSON");
    write_raw(path, 0, "", 0, "", 0);
    loads_not(path, &topology, "no header", "not good JSON");
    write_raw(path, 2, "[]", 2, "", 0);
    loads_not(path, &topology, "an array", "not an object");
    write_raw(path, 2, "{}", 2, "", 0);
    loads_not(path, &topology, "no tensors", "'embedding.0.weight' is missing");
    write_raw(path, 19, "{\"__metadata__\":[]}", 19, "", 0);
    loads_not(path, &topology, "metadata", "__metadata__ is not an object");
    write_raw(path, 9, "{\"x\":[1]}", 9, "", 0);
    loads_not(path, &topology, "entry", "'x'");
    parts.data = realloc(parts.data, parts.bytes + 1);
    parts.data[parts.bytes] = 0;
    write_raw(path, length, header, length, parts.data, parts.bytes + 1);
    loads_not(path, &topology, "one byte more", "1 bytes behind the last tensor");
    cr_assert_eq(truncate(path, 0), 0);
    loads_not(path, &topology, "empty", "has 0 bytes");
    cr_assert_eq(truncate(path, 7), 0);
    loads_not(path, &topology, "seven bytes", "has 7 bytes");

    cr_expect_not(model_load(&none, folder, &topology, &fault));
    cr_expect(fault.status == STATUS_CALLER && strstr(fault.text, "is a directory"));
    cr_expect_not(model_load(&none, "/nonexistent/m", &topology, &fault));
    cr_expect(fault.status == STATUS_CALLER && strstr(fault.text, "/nonexistent/m: cannot be"));
    cr_expect_not(model_load(&none, "/dev/zero", &topology, &fault));
    cr_expect(fault.status == STATUS_CALLER && strstr(fault.text, "no regular file"));
    free(header);
    take_away(&parts);
    model_free(&model);
}

Test(safetensors, a_tensor_given_twice_is_refused)
{
    static const char twice[] = "{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
                                "\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}";
    write_raw(path, sizeof twice - 1, twice, sizeof twice - 1, "12345678", 8);
    loads_not(path, &topology, "twice", "duplicate object key");
}

/* Two tables with so many rows in all, in a file that is nearly all hole. */
static void tables_of(uint64_t rows, const char *words)
{
    char header[256], what[32];
    uint64_t first = rows / 2;
    int length = snprintf(header, sizeof header,
                          "{\"embedding.0.weight\":{\"dtype\":\"BF16\",\"shape\":[%llu,1],"
                          "\"data_offsets\":[0,%llu]},"
                          "\"embedding.1.weight\":{\"dtype\":\"BF16\",\"shape\":[%llu,1],"
                          "\"data_offsets\":[%llu,%llu]}}",
                          (unsigned long long)first, (unsigned long long)(2 * first),
                          (unsigned long long)(rows - first), (unsigned long long)(2 * first),
                          (unsigned long long)(2 * rows));
    write_raw(path, (uint64_t)length, header, (size_t)length, "", 0);
    if (truncate(path, (off_t)(8 + (uint64_t)length + 2 * rows)) != 0)
        cr_skip_test("no sparse files in /tmp");
    snprintf(what, sizeof what, "%llu rows", (unsigned long long)rows);
    loads_not(path, &topology, what, words);
}

Test(safetensors, tables_have_rows_that_an_i32_can_name)
{
    tables_of(INT32_MAX, "'bottom.0.weight' is missing");
    tables_of((uint64_t)INT32_MAX + 1, "'embedding.1.weight': with it the tables have more than");
}

Test(safetensors, numbers_that_are_not_finite_are_refused)
{
    static const struct {
        const char *tensor;
        size_t at;
        uint32_t bits;
        const char *words;
    } bad[] = {
        {"tower.1.weight", 0, 0x7fc00000, "'tower.1.weight': the number at [0,0] is NaN"},
        {"tower.1.weight", 191, 0x7f800000, "'tower.1.weight': the number at [11,15] is infinite"},
        {"embedding.3.weight", 9, 0xff800000, "'embedding.3.weight': the number at [1,1] is inf"},
        {"head.2.0.bias", 5, 0x7f800001, "'head.2.0.bias': the number at [5] is NaN"},
    };
    struct model model = saved(SIMILARITY_SAMPLE, 5);
    struct parts parts = take_apart(path);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint32_t old;
        json_t *offsets = json_object_get(entry(&parts, bad[i].tensor), "data_offsets");
        char *at = parts.data + json_integer_value(json_array_get(offsets, 0)) + bad[i].at * 4;
        memcpy(&old, at, 4);
        memcpy(at, &bad[i].bits, 4);
        put_together(path, &parts);
        loads_not(path, &topology, bad[i].tensor, bad[i].words);
        memcpy(at, &old, 4);
    }
    take_away(&parts);
    model_free(&model);
}

/* Every tensor as the upper halves of its numbers. */
Test(safetensors, bf16_is_widened_exactly)
{
    struct model model = saved(SIMILARITY_TASK, 5), back;
    struct parts parts = take_apart(path);
    for (size_t i = 0; i < parts.bytes / 4; i++)
        memmove(parts.data + 2 * i, parts.data + 4 * i + 2, 2);
    parts.bytes /= 2;
    const char *name;
    json_t *tensor;
    json_object_foreach(parts.header, name, tensor)
    {
        json_t *offsets = json_object_get(tensor, "data_offsets");
        for (size_t i = 0; i < 2 && offsets; i++) {
            json_t *offset = json_array_get(offsets, i);
            json_integer_set(offset, json_integer_value(offset) / 2);
        }
        if (offsets)
            json_object_set_new(tensor, "dtype", json_string("BF16"));
    }
    put_together(path, &parts);
    cr_assert(model_load(&back, path, &topology, &fault), "%s", fault.text);
    for (size_t w = 0; w < model.ektm.weights; w++)
        for (size_t i = 0; i < elements(&model, w); i++) {
            const uint32_t *from = model.weight[w].data, *to = back.weight[w].data;
            cr_assert_eq(to[i], from[i] & 0xffff0000, "%s[%zu]", model.ektm.weight[w].name, i);
        }
    take_away(&parts);
    model_free(&model);
    model_free(&back);
}

/* Random bytes in a valid file: it is read or refused, and nothing else happens. */
Test(safetensors, random_damage_never_crashes)
{
    enum { ROUNDS = 4000 };
    struct model model = saved(SIMILARITY_TASK, 5), back;
    struct parts parts = take_apart(path);
    char *header = json_dumps(parts.header, JSON_COMPACT);
    size_t length = strlen(header), refused = 0;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        struct random r = random_stream(1, round);
        char *damaged = strdup(header);
        uint64_t given = length;
        for (uint64_t flips = 1 + random_below(&r, 4); flips > 0; flips--)
            damaged[random_below(&r, length)] ^= (char)(1 << random_below(&r, 8));
        if (random_below(&r, 8) == 0)
            given ^= UINT64_C(1) << random_below(&r, 64);
        write_raw(path, given, damaged, length, parts.data, parts.bytes - random_below(&r, 2));
        if (model_load(&back, path, &topology, &fault)) {
            model_free(&back);
        } else {
            refused++;
            cr_assert(fault.status == STATUS_CALLER && strstr(fault.text, path), "%d: %s",
                      fault.status, fault.text);
        }
        free(damaged);
    }
    cr_expect_gt(refused, ROUNDS / 2);
    free(header);
    take_away(&parts);
    model_free(&model);
}
