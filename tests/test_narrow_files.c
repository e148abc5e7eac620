/* Weights in bf16 and i8: how they are rounded, what files hold of them, and which files are
 * refused. */
#include "harness/model/model.h"
#include "harness/model/safetensors.h"
#include "reference/quantize.h"
#include "tests/parts.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct topology topology;
static struct fault fault;
static char folder[] = "/tmp/ektm-narrow-XXXXXX", path[64], other_path[64];

static void begin(void)
{
    cr_assert(topology_load(&topology, NULL, &fault), "%s", fault.text);
    cr_assert(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/m", folder);
    snprintf(other_path, sizeof other_path, "%s/n", folder);
}

static void end(void)
{
    topology_free(&topology);
    unlink(path);
    unlink(other_path);
    rmdir(folder);
}

TestSuite(narrow_files, .init = begin, .fini = end);

static struct formats formats_from(const char *text)
{
    struct formats formats = {.count = 0};
    cr_assert(formats_parse(&formats, text, "here", &fault), "%s", fault.text);
    return formats;
}

static struct model made(const struct formats *formats)
{
    struct ektm_config config = ektm_preset_find("tiny")->config;
    struct model model;
    config.similarity = SIMILARITY_TASK;
    config.rows[1] = 7;
    cr_assert(model_random(&model, &config, 5, &topology, PAGES_THP, &fault), "%s", fault.text);
    cr_assert(model_narrow_all(&model, formats, &topology, PAGES_THP, &fault), "%s", fault.text);
    return model;
}

static void save(const struct model *model, const struct formats *formats, const char *to)
{
    cr_assert(model_save(model, formats, to, &fault), "%s", fault.text);
}

static struct model loaded(const char *from)
{
    struct model model;
    cr_assert(model_load(&model, from, &topology, &fault), "%s", fault.text);
    return model;
}

static void expect_same_file(const char *what)
{
    char command[160];
    snprintf(command, sizeof command, "cmp %s %s", path, other_path);
    cr_expect_eq(system(command), 0, "%s: another file", what);
}

/* ---- rounding -------------------------------------------------------------------------------- */

/* The nearest integer scale q to each weight, the largest of them 127 steps away. */
static void expect_weights(const float *from, const struct tensor *to, size_t row, size_t columns,
                           const char *name)
{
    double most = 0;
    const struct affine affine = affine_at(to, row);
    for (size_t c = 0; c < columns; c++)
        most = fmax(most, fabs((double)from[c]));
    cr_expect_float_eq((double)affine.scale, most / 127, 1e-7 * most, "%s[%zu]", name, row);
    cr_expect_eq(affine.offset, 0.0F, "%s[%zu]", name, row);
    for (size_t c = 0; c < columns; c++) {
        const int q = ((const int8_t *)to->data)[row * to->ld + c];
        cr_expect(fabs((double)from[c] - (double)affine.scale * q) <= 0.50001 * most / 127,
                  "%s[%zu,%zu]: %g is %d steps of %g", name, row, c, (double)from[c], q,
                  (double)affine.scale);
    }
}

/* 255 steps from the least number, -128, to the largest, 127. */
static void expect_table(const float *from, const struct tensor *to, size_t row, size_t columns,
                         const char *name)
{
    double low = INFINITY, high = -INFINITY;
    for (size_t c = 0; c < columns; c++) {
        low = fmin(low, (double)from[c]);
        high = fmax(high, (double)from[c]);
    }
    const double step = (high - low) / 255;
    const struct affine affine = affine_at(to, row);
    cr_expect_float_eq((double)affine.scale, step, 1e-6 * step, "%s[%zu]", name, row);
    cr_expect_float_eq((double)affine.offset, low + 128 * step, 1e-3 * step, "%s[%zu]", name, row);
    for (size_t c = 0; c < columns; c++) {
        const int q = ((const int8_t *)to->data)[row * to->ld + c];
        cr_expect(fabs((double)from[c] - low - step * (q + 128)) <= 0.501 * step,
                  "%s[%zu,%zu]: %g is %d", name, row, c, (double)from[c], q);
    }
}

Test(narrow_files, every_row_has_a_scale_of_its_own)
{
    const struct formats i8 = formats_from("i8");
    struct model model = made(&i8);
    const struct narrowed *narrowed = &model.narrowed[DTYPE_I8];
    size_t narrow = 0;
    for (size_t w = 0; w < model.ektm.weights; w++) {
        const struct ektm_weight *weight = &model.ektm.weight[w];
        const float *from = model.weight[w].data;
        for (size_t row = 0; row < weight->rows && narrowed->weight[w].data; row++)
            (w < model.ektm.config.fields ? expect_table : expect_weights)(
                from + row * weight->columns, &narrowed->weight[w], row, weight->columns,
                weight->name);
        narrow += narrowed->weight[w].data != NULL;
    }
    /* Tables, projection, bottom, three towers, two transmitters, two enhanced, three heads. */
    cr_expect_eq(narrow, 4 + 1 + 1 + 3 + 2 + 2 + 3);
    model_free(&model);
}

Test(narrow_files, bf16_is_the_nearest_of_both_neighbours)
{
    const struct formats bf16 = formats_from("bf16");
    struct model model = made(&bf16);
    for (size_t w = 0; w < model.ektm.weights; w++) {
        const struct tensor *to = &model.narrowed[DTYPE_BF16].weight[w];
        const struct ektm_weight *weight = &model.ektm.weight[w];
        for (size_t i = 0; i < weight->rows * weight->columns && to->data; i++) {
            const double from = (double)((float *)model.weight[w].data)[i];
            const double value = real_at(to, i / weight->columns, i % weight->columns);
            cr_expect(fabs(value - from) <= 0x1p-8 * fabs(from), "%s[%zu]: %g is %g", weight->name,
                      i, from, value);
        }
    }
    model_free(&model);
}

/* A number, a row of the same numbers, and of zeros. */
Test(narrow_files, rows_without_a_spread)
{
    int8_t q[3];
    struct affine affine = quantize_weights(q, (float[]){0, 0, 0}, 3);
    cr_expect(affine.scale == 0 && affine.offset == 0 && q[0] == 0);
    affine = quantize_weights(q, (float[]){1e-35F, 0, -1e-35F}, 3);
    cr_expect(affine.scale == 0 && q[0] == 0 && q[2] == 0);
    affine = quantize_table(q, (float[]){0.7F, 0.7F, 0.7F}, 3);
    cr_expect(affine.scale == 0 && affine.offset == 0.7F);
    affine = quantize_weights(q, (float[]){-0.5F, 1, 0.004F}, 3);
    cr_expect(q[0] == -64 && q[1] == 127 && q[2] == 1, "%d %d %d", q[0], q[1], q[2]);
    affine = quantize_table(q, (float[]){-1, 1, 0}, 3);
    cr_expect(q[0] == -128 && q[1] == 127 && q[2] == 0, "%d %d %d", q[0], q[1], q[2]);
}

/* ---- there and back -------------------------------------------------------------------------- */

static void expect_same_narrow(const struct model *a, const struct model *b, enum dtype dtype,
                               const struct formats *formats)
{
    for (size_t w = 0; w < a->ektm.weights; w++) {
        const struct ektm_weight *weight = &a->ektm.weight[w];
        const struct tensor *x = &a->narrowed[dtype].weight[w], *y = &b->narrowed[dtype].weight[w];
        if (!x->data || !formats_include(formats, &a->ektm, dtype))
            continue;
        cr_assert(y->data, "%s", weight->name);
        cr_expect(memcmp(x->data, y->data, weight->rows * row_bytes(dtype, weight->columns)) == 0,
                  "%s in %s", weight->name, dtype_name(dtype));
    }
}

static const char *const choices[] = {"bf16",
                                      "i8",
                                      "embedding=i8",
                                      "bf16,embedding=i8",
                                      "i8,embedding=f32,head=bf16",
                                      "dense=i8,tower=bf16"};

/* All narrow numbers, those beside the layer's format too, where f32 is what they come from. */
Test(narrow_files, come_back_as_the_same_integers_and_scales)
{
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
        const struct formats formats = formats_from(choices[i]);
        struct model model = made(&formats);
        save(&model, &formats, path);
        struct model back = loaded(path);
        char text[FORMATS_TEXT], again[FORMATS_TEXT];
        formats_describe(&formats, &model.ektm, text, sizeof text);
        formats_describe(&back.formats, &back.ektm, again, sizeof again);
        cr_expect_str_eq(text, again);
        cr_assert(model_narrow_all(&back, &formats, &topology, PAGES_THP, &fault));
        if (!strchr(choices[i], '='))
            expect_same_narrow(&model, &back, formats.others, &formats);
        save(&back, &formats, other_path);
        expect_same_file(choices[i]);
        model_free(&model);
        model_free(&back);
    }
}

/* The f32 numbers of a loaded model are those that its narrow ones stand for, rounded. */
Test(narrow_files, f32_is_what_the_file_stands_for)
{
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
        const struct formats formats = formats_from(choices[i]);
        struct model model = made(&formats);
        save(&model, &formats, path);
        struct model back = loaded(path);
        for (size_t l = 0; l < model.ektm.layers; l++) {
            const struct ektm_layer *layer = &model.ektm.layer[l];
            const enum dtype dtype = formats_of(&formats, layer);
            for (size_t o = 0; o < layer->op->operands; o++) {
                const size_t w = layer->binding[o].index;
                if (layer->binding[o].source != SOURCE_WEIGHT)
                    continue;
                const struct tensor *from = layer->op->operand[o].narrow && dtype != DTYPE_F32
                                                ? &model.narrowed[dtype].weight[w]
                                                : &model.weight[w];
                const size_t columns = model.ektm.weight[w].columns;
                for (size_t k = 0; k < model.ektm.weight[w].rows * (columns ? columns : 1); k++)
                    cr_assert_eq(
                        (float)real_at(from, columns ? k / columns : k, columns ? k % columns : 0),
                        ((float *)back.weight[w].data)[k], "%s: %s[%zu]", choices[i],
                        model.ektm.weight[w].name, k);
            }
        }
        model_free(&model);
        model_free(&back);
    }
}

/* What bf16 can hold it gives back: narrow, wide and narrow again is the same file. */
Test(narrow_files, bf16_survives_a_detour_through_f32)
{
    const struct formats bf16 = formats_from("bf16"), f32 = formats_from("f32");
    struct model model = made(&bf16);
    save(&model, &bf16, path);
    struct model back = loaded(path);
    save(&back, &f32, other_path);
    struct model wide = loaded(other_path);
    cr_expect_str_eq(formats_kind(&wide.formats, &wide.ektm), "f32");
    cr_assert(model_narrow_all(&wide, &bf16, &topology, PAGES_THP, &fault));
    save(&wide, &bf16, other_path);
    expect_same_file("bf16, f32, bf16");
    model_free(&model);
    model_free(&back);
    model_free(&wide);
}

/* ---- what a file of i8 holds ----------------------------------------------------------------- */

static struct parts narrow_parts(const char *text)
{
    const struct formats formats = formats_from(text);
    struct model model = made(&formats);
    save(&model, &formats, path);
    model_free(&model);
    return take_apart(path);
}

static void *data_of(const struct parts *parts, const char *tensor)
{
    json_t *offsets = json_object_get(entry(parts, tensor), "data_offsets");
    return parts->data + json_integer_value(json_array_get(offsets, 0));
}

static void expect_entry(const struct parts *parts, const char *tensor, const char *dtype,
                         const char *shape)
{
    char *text = json_dumps(json_object_get(entry(parts, tensor), "shape"), JSON_COMPACT);
    cr_expect_str_eq(json_string_value(json_object_get(entry(parts, tensor), "dtype")), dtype, "%s",
                     tensor);
    cr_expect_str_eq(text, shape, "%s", tensor);
    free(text);
}

Test(narrow_files, hold_scales_and_offsets_beside_the_rows)
{
    struct parts parts = narrow_parts("i8,head=bf16,projection=f32");
    expect_entry(&parts, "embedding.1.weight", "I8", "[7,8]");
    expect_entry(&parts, "embedding.1.weight.scale", "F32", "[7]");
    expect_entry(&parts, "embedding.1.weight.offset", "F32", "[7]");
    expect_entry(&parts, "tower.2.weight", "I8", "[12,16]");
    expect_entry(&parts, "tower.2.weight.scale", "F32", "[12]");
    expect_entry(&parts, "tower.2.bias", "F32", "[12]");
    expect_entry(&parts, "head.0.0.weight", "BF16", "[6,12]");
    expect_entry(&parts, "head.0.1.weight", "F32", "[1,6]");
    expect_entry(&parts, "dense.weight", "F32", "[8,3]");
    expect_entry(&parts, "router.task", "F32", "[2,12]");
    cr_expect(!json_object_get(parts.header, "tower.2.weight.offset"));
    const char *formats =
        json_string_value(json_object_get(entry(&parts, "__metadata__"), "formats"));
    cr_expect_str_eq(formats, "embedding=i8,projection=f32,bottom.0=i8,tower=i8,transmitter=i8,"
                              "enhanced=i8,head=bf16");
    take_away(&parts);
}

/* Whose scale and offset a row has shows when those of one row are changed. */
Test(narrow_files, a_scale_is_that_of_its_row)
{
    struct parts parts = narrow_parts("i8");
    struct model before = loaded(path);
    const size_t w = 1; /* embedding.1 */
    const float scale = 0.25F, offset = -3;
    memcpy((float *)data_of(&parts, "embedding.1.weight.scale") + 4, &scale, sizeof scale);
    memcpy((float *)data_of(&parts, "embedding.1.weight.offset") + 4, &offset, sizeof offset);
    put_together(path, &parts);
    struct model after = loaded(path);
    const int8_t *q = data_of(&parts, "embedding.1.weight");
    for (size_t row = 0; row < 7; row++)
        for (size_t c = 0; c < 8; c++) {
            const double is = real_at(&after.weight[w], row, c);
            cr_expect_eq(is,
                         row == 4 ? -3 + 0.25 * q[row * 8 + c] : real_at(&before.weight[w], row, c),
                         "row %zu", row);
            cr_expect_eq((float)real_at(&after.narrowed[DTYPE_I8].weight[w], row, c), (float)is);
        }
    model_free(&before);
    model_free(&after);
    take_away(&parts);
}

/* ---- what is refused ------------------------------------------------------------------------- */

/* Of a file in i8: value `json` in place of member `key` of the tensor's entry. */
static const struct {
    const char *tensor, *key, *json, *words;
} damages[] = {
    {"tower.1.weight.scale", "shape", "[3,4]",
     "'tower.1.weight' is I8: F32 'tower.1.weight.scale'"
     " of shape [12] is needed"},
    {"tower.1.weight.scale", "shape", "[11]", "'tower.1.weight.scale': data_offsets hold 48 bytes"},
    {"tower.1.weight", "shape", "[16,12]", "'tower.1.weight' has the shape [16,12]"},
    {"tower.1.weight", "dtype", "\"F32\"", "'tower.1.weight': data_offsets hold 192 bytes"},
    {"tower.1.weight", "dtype", "\"U8\"", "the dtype is U8; F32, BF16 and I8 are read"},
    {"tower.1.weight.scale", "dtype", "\"I8\"", "'tower.1.weight.scale': data_offsets hold 48"},
    {"__metadata__", "formats", "\"i4\"", "__metadata__: formats: 'i4' is no number format"},
    {"__metadata__", "formats", "\"\"", "__metadata__: formats: '' is no number format"},
    {"__metadata__", "formats", "\"bottom.1=i8\"", "formats: 'bottom.1' is no layer of the model"},
    {"__metadata__", "formats", "\"router=bf16\"", "formats: 'router' is no layer of the model"},
    {"__metadata__", "formats", "8", "__metadata__: the value of 'formats' is not a string"},
};

Test(narrow_files, damaged_entries_are_refused)
{
    struct parts whole = narrow_parts("i8");
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
}

/* A tensor that nobody asks about takes the place of one that is needed, of the same size. */
static const struct {
    const char *gone, *words;
} missing[] = {
    {"tower.1.weight.scale", "'tower.1.weight' is I8: F32 'tower.1.weight.scale' of shape [12]"},
    {"embedding.1.weight.scale", "is I8: F32 'embedding.1.weight.scale' of shape [7] is needed"},
    {"embedding.1.weight.offset", "is I8: F32 'embedding.1.weight.offset' of shape [7] is needed"},
};

Test(narrow_files, scales_and_offsets_must_be_there)
{
    struct parts whole = narrow_parts("i8");
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
        struct parts parts = copy_of(&whole);
        json_object_set(parts.header, "base.7.weight", entry(&parts, missing[i].gone));
        json_object_del(parts.header, missing[i].gone);
        put_together(path, &parts);
        loads_not(path, &topology, missing[i].gone, missing[i].words);
        take_away(&parts);
    }
    take_away(&whole);
}

/* Turns a tensor of a file in f32 into one of i8, with bytes that nobody needs behind it. */
static void narrow_entry(struct parts *parts, const char *tensor)
{
    json_t *offsets = json_object_get(entry(parts, tensor), "data_offsets");
    const json_int_t begin = json_integer_value(json_array_get(offsets, 0));
    const json_int_t old = json_integer_value(json_array_get(offsets, 1));
    const json_int_t end = begin + (old - begin) / 4;
    json_object_set_new(entry(parts, tensor), "dtype", json_string("I8"));
    json_array_set_new(offsets, 1, json_integer(end));
    json_object_set_new(parts->header, "base.7.weight",
                        json_pack("{s:s,s:[I],s:[I,I]}", "dtype", "I8", "shape", old - end,
                                  "data_offsets", end, old));
}

Test(narrow_files, what_no_layer_reads_in_i8_is_refused_in_i8)
{
    static const char *const wide[] = {"tower.1.bias", "router.task", "head.0.1.weight",
                                       "enhanced.2.bias"};
    struct parts whole = narrow_parts("f32");
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
        char words[64];
        struct parts parts = copy_of(&whole);
        narrow_entry(&parts, wide[i]);
        put_together(path, &parts);
        snprintf(words, sizeof words, "tensor '%s' is I8; F32 is needed there", wide[i]);
        loads_not(path, &topology, wide[i], words);
        take_away(&parts);
    }
    struct parts parts = copy_of(&whole);
    narrow_entry(&parts, "tower.1.weight");
    put_together(path, &parts);
    loads_not(path, &topology, "i8 without scales", "F32 'tower.1.weight.scale' of shape [12]");
    take_away(&parts);
    take_away(&whole);
}

/* A scale of a tensor that is not I8 belongs to nothing. */
Test(narrow_files, scales_of_other_formats_are_unknown)
{
    static const char *const names[] = {"tower.1.weight.scale", "tower.1.weight.offset", ".scale",
                                        "tower.1.scale"};
    struct parts whole = narrow_parts("bf16");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct parts parts = copy_of(&whole);
        json_object_set_new(parts.header, names[i],
                            json_pack("{s:s,s:[i],s:[I,I]}", "dtype", "F32", "shape", 0,
                                      "data_offsets", (json_int_t)parts.bytes,
                                      (json_int_t)parts.bytes));
        put_together(path, &parts);
        loads_not(path, &topology, names[i], "is unknown to a model of");
        take_away(&parts);
    }
    take_away(&whole);
}

Test(narrow_files, scales_that_are_no_numbers_are_refused)
{
    static const struct {
        const char *tensor;
        size_t at;
        float value;
        const char *words;
    } bad[] = {
        {"tower.1.weight.scale", 0, NAN, "'tower.1.weight.scale': the number at [0] is NaN"},
        {"tower.1.weight.scale", 11, INFINITY, "'tower.1.weight.scale': the number at [11] is inf"},
        {"embedding.1.weight.offset", 6, NAN, "'embedding.1.weight.offset': the number at [6] is"},
        {"embedding.1.weight.scale", 2, 3e38F, "'embedding.1.weight': row 2"},
        {"tower.1.weight.scale", 3, -3e38F, "'tower.1.weight': row 3"},
        {"head.2.0.weight.scale", 5, 3e38F, "'head.2.0.weight': row 5"},
    };
    struct parts parts = narrow_parts("i8");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        float old, *at = (float *)data_of(&parts, bad[i].tensor) + bad[i].at;
        memcpy(&old, at, sizeof old);
        memcpy(at, &bad[i].value, sizeof old);
        put_together(path, &parts);
        loads_not(path, &topology, bad[i].tensor, bad[i].words);
        memcpy(at, &old, sizeof old);
    }
    take_away(&parts);
}

Test(narrow_files, truncated_numbers_are_refused)
{
    struct parts parts = narrow_parts("i8");
    char *header = json_dumps(parts.header, JSON_COMPACT);
    const size_t length = strlen(header);
    for (size_t less = 1; less <= parts.bytes; less *= 7) {
        write_raw(path, length, header, length, parts.data, parts.bytes - less);
        loads_not(path, &topology, "truncated", "the file holds bytes 0 to");
    }
    free(header);
    take_away(&parts);
}
