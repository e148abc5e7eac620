/* The presets' tables of layers, against EKTM.md's table of presets. */
#include "reference/ektm.h"
#include "reference/operands.h"

#include <criterion/criterion.h>
#include <string.h>

static struct ektm built(const char *preset)
{
    struct ektm ektm;
    cr_assert(ektm_build(&ektm, &ektm_preset_find(preset)->config));
    return ektm;
}

static const struct ektm_layer *layer(const struct ektm *ektm, const char *name, size_t task)
{
    for (size_t l = 0; l < ektm->layers; l++)
        if (strcmp(ektm->layer[l].name, name) == 0 && ektm->layer[l].task == task)
            return &ektm->layer[l];
    cr_assert_fail("no layer %s of task %zu", name, task);
    return NULL;
}

static const struct ektm_weight *weight(const struct ektm *ektm, const char *name)
{
    for (size_t w = 0; w < ektm->weights; w++)
        if (strcmp(ektm->weight[w].name, name) == 0)
            return &ektm->weight[w];
    return NULL;
}

static void dense_is(const struct ektm *ektm, const char *name, size_t task, size_t in, size_t out)
{
    const struct ektm_layer *l = layer(ektm, name, task);
    cr_expect_eq(l->dims.extent[IN], in, "%s takes %zu, not %zu", name, l->dims.extent[IN], in);
    cr_expect_eq(l->dims.extent[OUT], out, "%s gives %zu, not %zu", name, l->dims.extent[OUT], out);
}

Test(presets, have_the_published_sizes)
{
    static const struct {
        const char *name;
        size_t x, tasks, rep, hidden, rows;
    } expected[] = {
        {"tiny", 5 * 8, 2, 12, 6, 4 * 100},
        {"aliccp", 24 * 16, 2, 64, 32, 23 * 100000},
        {"aliexpress", 17 * 128, 4, 128, 64, 16 * 100000},
        {"industrial", 65 * 64, 8, 128, 64, 64 * 200000},
    };
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        struct ektm ektm = built(expected[i].name);
        const struct ektm_config *c = &ektm.config;
        cr_expect_eq(ektm.buffer_width[BUFFER_X], expected[i].x, "%s", expected[i].name);
        cr_expect_eq(c->tasks, expected[i].tasks);
        cr_expect_eq(c->rep, expected[i].rep);
        cr_expect_eq(c->hidden, expected[i].hidden);
        cr_expect_eq(layer(&ektm, "embedding", 0)->dims.extent[ROWS], expected[i].rows);
        ektm_free(&ektm);
    }
}

Test(presets, aliexpress_has_these_layers)
{
    struct ektm ektm = built("aliexpress");
    cr_expect_eq(ektm.layers, 1 + 1 + 2 + 5 + 1 + 4 + 4 + 5);
    cr_expect_eq(ektm.fusions, 4 + 1);
    dense_is(&ektm, "projection", 0, 63, 128);
    dense_is(&ektm, "bottom.0", 0, 2176, 512);
    dense_is(&ektm, "bottom.1", 0, 512, 256);
    for (size_t t = 0; t <= 4; t++)
        dense_is(&ektm, "tower", t, 256, 128);
    cr_expect_eq(layer(&ektm, "projection", 0)->options.activation, ACTIVATION_NONE);
    cr_expect_eq(layer(&ektm, "bottom.1", 0)->options.activation, ACTIVATION_RELU);
    cr_expect_eq(layer(&ektm, "enhanced", 4)->dims.extent[WIDTH], 128);
    cr_expect_eq(layer(&ektm, "head", 0)->dims.extent[HIDDEN], 64);
    cr_expect_eq(layer(&ektm, "head", 0)->binding[HEAD_X].index, BUFFER_TOWERS,
                 "CTR is not routed");
    cr_expect_eq(layer(&ektm, "head", 1)->binding[HEAD_X].index, BUFFER_Z);
    ektm_free(&ektm);
}

Test(presets, weights_are_named_as_on_disk)
{
    struct ektm ektm = built("tiny");
    static const struct {
        const char *name;
        size_t rows, columns;
    } expected[] = {
        {"embedding.3.weight", 100, 8}, {"dense.weight", 8, 3},
        {"dense.bias", 8, 0},           {"bottom.0.weight", 16, 40},
        {"tower.2.weight", 12, 16},     {"transmitter.2.weight", 12, 12},
        {"enhanced.1.weight", 12, 24},  {"head.0.0.weight", 6, 12},
        {"head.2.0.bias", 6, 0},        {"head.1.1.weight", 1, 6},
        {"head.1.1.bias", 1, 0},
    };
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        const struct ektm_weight *w = weight(&ektm, expected[i].name);
        cr_assert_not_null(w, "no weight %s", expected[i].name);
        cr_expect(w->rows == expected[i].rows && w->columns == expected[i].columns,
                  "%s is [%zu, %zu]", w->name, w->rows, w->columns);
    }
    cr_expect_null(weight(&ektm, "router.task"), "mode sample has no task vectors");
    cr_expect_null(weight(&ektm, "transmitter.0.weight"), "CTR has no transmitter");
    ektm_free(&ektm);
}

/* The fusion that the layer of that name and task names. */
static const struct ektm_layer *fusion(const struct ektm *ektm, const char *name, size_t task)
{
    size_t index = layer(ektm, name, task)->fusion;
    cr_assert(index >= ektm->layers && index < ektm_entries(ektm), "%s of task %zu has no fusion",
              name, task);
    return &ektm->layer[index];
}

Test(presets, fusions_stand_for_these_layers)
{
    struct ektm ektm = built("aliexpress");
    for (size_t i = 1; i <= 4; i++) {
        cr_expect_eq(fusion(&ektm, "transmitter", i), fusion(&ektm, "enhanced", i));
        cr_expect_str_eq(fusion(&ektm, "enhanced", i)->name, "transfer");
        cr_expect_eq(fusion(&ektm, "enhanced", i)->task, i);
        cr_expect_eq(fusion(&ektm, "head", i), fusion(&ektm, "head", 0));
    }
    cr_expect_str_eq(fusion(&ektm, "head", 0)->name, "heads");
    cr_expect_eq(fusion(&ektm, "head", 0)->dims.extent[HEADS], 5);
    cr_expect_eq(layer(&ektm, "router", 0)->fusion, 0);
    ektm_free(&ektm);
}

Test(presets, tasks_too_wide_for_a_transfer_have_none)
{
    struct ektm ektm;
    struct ektm_config config = ektm_preset_find("tiny")->config;
    config.rep = TRANSFER_WIDTH_MAX + 1;
    cr_assert(ektm_build(&ektm, &config));
    cr_expect_eq(ektm.fusions, 1);
    cr_expect_eq(layer(&ektm, "enhanced", 1)->fusion, 0);
    cr_expect_str_eq(fusion(&ektm, "head", 1)->name, "heads");
    ektm_free(&ektm);
}

/* Every operand of every layer has a place, and no layer reads a buffer that none has written. */
Test(presets, layers_read_what_was_written)
{
    for (const struct ektm_preset *p = ektm_presets; p->name; p++) {
        struct ektm ektm = built(p->name);
        bool written[BUFFERS] = {[BUFFER_IDS] = true, [BUFFER_BAGS] = true, [BUFFER_DENSE] = true};
        for (size_t l = 0; l < ektm.layers; l++)
            for (size_t i = 0; i < ektm.layer[l].op->operands; i++) {
                const struct ektm_binding *b = &ektm.layer[l].binding[i];
                enum role role = ektm.layer[l].op->operand[i].role;
                cr_expect(b->source != SOURCE_NONE || ektm.layer[l].op->operand[i].optional);
                if (b->source == SOURCE_BUFFER && role == ROLE_IN)
                    cr_expect(written[b->index], "%s: %s reads buffer %zu too early", p->name,
                              ektm.layer[l].name, b->index);
                if (role == ROLE_OUT)
                    written[b->index] = true;
            }
        cr_expect(written[BUFFER_P]);
        ektm_free(&ektm);
    }
}
