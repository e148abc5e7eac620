/* Models made at random. */
#include "harness/model/model.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static struct topology topology;
static struct fault fault;

static void begin(void) { cr_assert(topology_load(&topology, NULL, &fault), "%s", fault.text); }
static void end(void) { topology_free(&topology); }

TestSuite(model, .init = begin, .fini = end);

static struct model made(uint64_t seed)
{
    struct ektm_config config = ektm_preset_find("tiny")->config;
    struct model model;
    config.similarity = SIMILARITY_TASK;
    cr_assert(model_random(&model, &config, seed, &topology, PAGES_THP, &fault), "%s", fault.text);
    return model;
}

static size_t elements(const struct model *model, size_t w)
{
    const struct ektm_weight *weight = &model->ektm.weight[w];
    return weight->rows * (weight->columns ? weight->columns : 1);
}

Test(model, random_weights_fill_their_range_and_differ)
{
    struct model model = made(5);
    for (size_t w = 0; w < model.ektm.weights; w++) {
        const struct ektm_weight *weight = &model.ektm.weight[w];
        const float *x = model.weight[w].data;
        double limit = w < 4 ? 0.5 : weight->columns ? sqrt(6.0 / (double)weight->columns) : 0.05;
        double largest = 0;
        for (size_t i = 0; i < elements(&model, w); i++)
            largest = fmax(largest, fabs((double)x[i]));
        cr_expect_leq(largest, limit * (1 + 1e-7), "%s", weight->name);
        if (elements(&model, w) >= 50)
            cr_expect_gt(largest, 0.9 * limit, "%s", weight->name);
        if (w > 0 && weight->columns)
            cr_expect(x[0] / limit != ((float *)model.weight[w - 1].data)[0] / limit, "%s",
                      weight->name);
    }
    model_free(&model);
}

Test(model, is_a_function_of_the_seed)
{
    struct model model = made(5), again = made(5), other = made(6);
    cr_expect(memcmp(model.block, again.block, model.block_bytes) == 0);
    for (size_t w = 0; w < model.ektm.weights; w++)
        cr_expect(memcmp(model.weight[w].data, other.weight[w].data, 4 * elements(&model, w)) != 0,
                  "%s does not depend on the seed", model.ektm.weight[w].name);
    model_free(&model);
    model_free(&again);
    model_free(&other);
}

/* Tables are one block, each weight is where the table of layers says, none overlaps another. */
Test(model, lies_in_one_block)
{
    struct model model = made(5);
    const char *at = model.block, *end_of_block = at + model.block_bytes;
    cr_expect_eq(model.table.data, model.block);
    cr_expect_eq(model.table_bytes, 400 * 8 * sizeof(float));
    for (size_t w = 0; w < model.ektm.weights; w++) {
        const char *from = model.weight[w].data;
        size_t columns = model.ektm.weight[w].columns;
        cr_expect_geq(from, at, "%s overlaps the one before", model.ektm.weight[w].name);
        cr_expect_eq(model.weight[w].ld, columns ? columns : 1);
        if (w < 4)
            cr_expect_eq(from, at, "table %zu leaves a gap", w);
        at = from + 4 * elements(&model, w);
    }
    cr_expect_geq((const char *)model.first.data, at);
    cr_expect_leq((const char *)model.first.data + 4 * sizeof(int32_t), end_of_block);
    cr_expect_eq(((int32_t *)model.first.data)[3], 300);
    model_free(&model);
}
