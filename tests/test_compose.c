/* The composed forward pass: every backend against the scalar one, and the same bits however the
 * rows are shared. */
#include "harness/machine/team.h"
#include "harness/model/inputs.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_COUNT = 23, MEMBERS_MAX = 30 };

static struct topology topology;
static struct fault fault;
static struct model model;
static struct activations activations;
static float *expected;
static size_t predictions;

static void begin(void)
{
    const struct ektm_preset *tiny = ektm_preset_find("tiny");
    const struct id_law law = {.kind = IDS_UNIFORM};
    cr_assert(topology_load(&topology, NULL, &fault), "%s", fault.text);
    cr_assert(model_random(&model, &tiny->config, 3, &topology, PAGES_THP, &fault), "%s",
              fault.text);
    cr_assert(activations_make(&activations, &model, ROWS_COUNT,
                               ROWS_COUNT * inputs_ids_per_row(tiny), &fault),
              "%s", fault.text);
    inputs_random(&activations, tiny, &law, ROWS_COUNT, 4);
    ektm_reference(&model.ektm, &activations.memory, ROWS_COUNT);
    predictions = ROWS_COUNT * model.ektm.buffer_width[BUFFER_P];
    expected = malloc(predictions * sizeof *expected);
    memcpy(expected, activations.memory.buffer[BUFFER_P].data, predictions * sizeof *expected);
}

static void end(void)
{
    free(expected);
    activations_free(&activations);
    model_free(&model);
    topology_free(&topology);
}

TestSuite(compose, .init = begin, .fini = end);

/* The predictions of `members` one after the other; what no member writes stays NaN. */
static float *forward(struct composed *composed, size_t members)
{
    float *p = activations.memory.buffer[BUFFER_P].data;
    for (size_t i = 0; i < predictions; i++)
        p[i] = NAN;
    cr_assert(composed_bind(composed, &activations, ROWS_COUNT, members, &fault), "%s", fault.text);
    for (size_t m = members; m-- > 0;)
        composed_forward(composed, m, members);
    return p;
}

/* Bit for bit, or nearly so where a library promises no more. */
static bool same(const struct composed *composed, const float *p, const float *alone)
{
    double worst = 0;
    if (!composed->cut_changes_bits)
        return memcmp(p, alone, predictions * sizeof *p) == 0;
    for (size_t i = 0; i < predictions; i++)
        worst = fmax(worst, isnan(p[i]) ? INFINITY : fabs((double)p[i] - (double)alone[i]));
    return worst < 1e-6;
}

static void composed_agrees(const struct backend *backend, enum isa isa)
{
    struct composed composed;
    double worst = 0;
    cr_assert(compose(&composed, &model, backend, isa, &fault), "%s: %s", backend->name,
              fault.text);
    float *p = forward(&composed, 1), *alone = malloc(predictions * sizeof *alone);
    for (size_t i = 0; i < predictions; i++)
        worst = fmax(worst, isnan(p[i]) ? INFINITY : fabs((double)p[i] - (double)expected[i]));
    if (strcmp(backend->name, "reference") == 0)
        cr_expect_eq(worst, 0);
    cr_expect_lt(worst, 1e-5, "%s (%s) strays by %g", backend->name, isa_name(isa), worst);
    memcpy(alone, p, predictions * sizeof *alone);
    for (size_t members = 2; members <= MEMBERS_MAX; members++)
        cr_expect(same(&composed, forward(&composed, members), alone),
                  "%s: %zu members change the predictions", backend->name, members);
    for (size_t l = 0; l < model.ektm.layers; l++)
        if (composed.kernel[l]->backend != backend)
            cr_expect(strstr(composed.borrowed, composed.kernel[l]->name), "%s hides %s",
                      backend->name, composed.kernel[l]->name);
    free(alone);
    composed_free(&composed);
}

Test(compose, every_backend_agrees_with_the_scalar_pass)
{
    for (const struct backend *const *b = backends; *b; b++)
        for (enum isa isa = 0; isa < ISAS; isa++)
            for (const struct kernel *const *k = kernels; *k; k++) {
                char reason[128];
                if ((*k)->backend == *b && kernel_isa(*k) == isa &&
                    kernel_usable(*k, reason, sizeof reason)) {
                    composed_agrees(*b, isa);
                    break;
                }
            }
}

Test(compose, what_cannot_run_is_refused)
{
    for (const struct backend *const *b = backends; *b; b++) {
        struct composed composed;
        char reason[128];
        enum isa isa = ISA_SCALAR;
        bool usable = (*b)->usable(reason, sizeof reason);
        if (usable)
            cr_expect(backend_best_isa(*b, &isa, reason, sizeof reason), "%s: %s", (*b)->name,
                      reason);
        for (isa = 0; isa < ISAS; isa++)
            if (!usable || !isa_usable(isa, reason, sizeof reason)) {
                cr_expect_not(compose(&composed, &model, *b, isa, &fault));
                cr_expect_eq(fault.status, STATUS_MACHINE);
                cr_expect(strstr(fault.text, (*b)->name) && strstr(fault.text, reason), "%s",
                          fault.text);
            }
    }
}

Test(compose, what_was_computed_is_forgotten_and_computed_again)
{
    struct composed composed;
    const float *p = activations.memory.buffer[BUFFER_P].data;
    cr_assert(compose(&composed, &model, kernels[0]->backend, kernels[0]->isa, &fault), "%s",
              fault.text);
    cr_assert(composed_bind(&composed, &activations, ROWS_COUNT, 1, &fault), "%s", fault.text);
    activations_refresh(&activations);
    for (size_t i = 0; i < predictions; i++)
        cr_assert_eq(p[i], 0);
    composed_forward(&composed, 0, 1);
    cr_expect(memcmp(p, expected, predictions * sizeof *p) == 0, "the inputs did not stay");
    composed_free(&composed);
}

Test(compose, ids_grow_and_stay)
{
    struct tensor *buffer = &activations.memory.buffer[BUFFER_IDS];
    size_t ids = activations.memory.ids;
    int32_t *before = malloc(ids * sizeof *before);
    memcpy(before, buffer->data, ids * sizeof *before);
    cr_assert(activations_reserve(&activations, 3000000, &fault), "%s", fault.text);
    cr_expect_geq(activations.ids_max, 3000000);
    cr_expect(memcmp(before, buffer->data, ids * sizeof *before) == 0);
    memset(buffer->data, 0, activations.ids_max * sizeof *before);
    cr_expect_not(activations_reserve(&activations, (size_t)INT32_MAX + 1, &fault));
    cr_expect_eq(fault.status, STATUS_CALLER);
    free(before);
}
