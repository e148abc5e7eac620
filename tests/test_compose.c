/* The composed forward pass: every backend against the scalar one, and the same bits however it is
 * walked and shared. */
#include "harness/model/forward.h"
#include "harness/model/inputs.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct formats f32 = {.count = 0};

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
    struct ektm_config config = tiny->config;
    config.bottom[0] = 200; /* several panels of columns, the last one not full */
    config.rep = 136;
    cr_assert(model_random(&model, &config, 3, &topology, PAGES_THP, &fault), "%s", fault.text);
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

/* Everything that was computed, between the layers too. */
static float *forget(void)
{
    float *all = activations.computed;
    for (size_t i = 0; i < activations.computed_bytes / sizeof *all; i++)
        all[i] = NAN;
    return activations.memory.buffer[BUFFER_P].data;
}

/* The predictions of `members` one after the other; what no member writes stays NaN. */
static float *walk(const struct composed *composed, const struct schedule *schedule, size_t members)
{
    struct forward forward = {0};
    float *p = forget();
    cr_assert(
        forward_bind(&forward, composed, &activations, schedule, ROWS_COUNT, members, NULL, &fault),
        "%s", fault.text);
    for (size_t m = members; m-- > 0;)
        forward_run(&forward, m, members);
    forward_free(&forward);
    return p;
}

static float *walk_layers(const struct composed *composed, size_t members)
{
    return walk(composed, &schedule_layers, members);
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

/* The largest error of all predictions; infinity for a NaN. */
static double stray(const float *p)
{
    double worst = 0;
    for (size_t i = 0; i < predictions; i++)
        worst = fmax(worst, isnan(p[i]) ? INFINITY : fabs((double)p[i] - (double)expected[i]));
    return worst;
}

static void composed_agrees(const struct backend *backend, enum isa isa)
{
    struct composed composed;
    cr_assert(compose_backend(&composed, &model, backend, isa, &f32, &fault), "%s: %s",
              backend->name, fault.text);
    float *p = walk_layers(&composed, 1), *alone = malloc(predictions * sizeof *alone);
    double worst = stray(p);
    if (strcmp(backend->name, "reference") == 0)
        cr_expect_eq(worst, 0);
    cr_expect_lt(worst, 1e-5, "%s (%s) strays by %g", backend->name, isa_name(isa), worst);
    memcpy(alone, p, predictions * sizeof *alone);
    for (size_t members = 1; members <= MEMBERS_MAX; members++) {
        const struct schedule fused = {.fuse = true};
        cr_expect(same(&composed, walk_layers(&composed, members), alone),
                  "%s: %zu members change the predictions", backend->name, members);
        cr_expect(same(&composed, walk(&composed, &fused, members), alone),
                  "%s: fusions change the predictions of %zu members", backend->name, members);
    }
    for (size_t tile = 1; tile <= ROWS_COUNT + 1; tile++)
        for (int fuse = 0; fuse < 2; fuse++) {
            const struct schedule schedule = {.tile = tile,
                                              .wide = tile % 5 * (1 + tile % 3),
                                              .ask = tile * 10 % 110,
                                              .lines_ahead = tile,
                                              .fuse = fuse};
            cr_expect(same(&composed, walk(&composed, &schedule, 1 + tile % 3), alone),
                      "%s: tiles of %zu rows%s change the predictions", backend->name, tile,
                      fuse ? ", fused," : "");
        }
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

/* Steps of a pass over `rows` rows. */
static size_t steps(const struct composed *composed, bool fuse, size_t rows)
{
    struct forward forward = {0};
    const struct schedule schedule = {.fuse = fuse};
    cr_assert(forward_bind(&forward, composed, &activations, &schedule, rows, 1, NULL, &fault));
    size_t count = forward.steps;
    for (size_t s = 0; s < count; s++)
        for (size_t l = 0; l < s; l++)
            cr_expect_neq(forward.order[s], forward.order[l], "one step twice");
    forward_free(&forward);
    return count;
}

/* A transfer for two layers of each CVR task; for a row alone one step for all heads. */
Test(compose, fusions_stand_in_the_place_of_their_layers)
{
    struct composed composed;
    size_t layers = model.ektm.layers, tasks = model.ektm.config.tasks;
    cr_assert(
        compose_backend(&composed, &model, kernels[0]->backend, kernels[0]->isa, &f32, &fault),
        "%s", fault.text);
    cr_expect_eq(steps(&composed, false, 1), layers);
    cr_expect_eq(steps(&composed, true, ROWS_COUNT), layers - tasks);
    cr_expect_eq(steps(&composed, true, 1), layers - tasks - tasks);
    for (size_t l = 0; l < model.ektm.layers; l++) {
        size_t fusion = model.ektm.layer[l].fusion;
        if (fusion && !model.ektm.layer[fusion].per_task)
            composed.kernel[fusion] = NULL; /* a backend that has none */
    }
    cr_expect_eq(steps(&composed, true, 1), layers - tasks);
    composed_free(&composed);
}

/* The first `rows` rows on a team, from row `row` of the ids on. */
static void walk_together(struct forward *forward, const struct composed *composed,
                          struct team *team, size_t rows, size_t row)
{
    const struct schedule schedule = {.columns_below = ROWS_COUNT, .fuse = true};
    forget();
    cr_assert(forward_bind(forward, composed, &activations, &schedule, rows, team_members(team),
                           team, &fault),
              "%s", fault.text);
    cr_expect_eq(forward->by_columns, team_members(team) > 1);
    forward_turn(forward, row);
    team_run(team, forward_run, forward);
}

static void columns_agree(const struct composed *composed, struct team *team)
{
    struct forward forward = {0};
    const float *p = activations.memory.buffer[BUFFER_P].data;
    size_t each = model.ektm.buffer_width[BUFFER_P];
    for (size_t rows = 1; rows < 9; rows++) {
        walk_together(&forward, composed, team, rows, 0);
        for (size_t i = 0; i < rows * each; i++)
            cr_assert_lt(fabs((double)p[i] - (double)expected[i]), 1e-5,
                         "%zu members, %zu rows, number %zu: %g instead of %g", team_members(team),
                         rows, i, (double)p[i], (double)expected[i]);
        for (size_t i = rows * each; i < predictions; i++)
            cr_assert(isnan(p[i]), "more than %zu rows were predicted", rows);
    }
    forward_free(&forward);
}

/* Members that share columns and tasks, more of them than any layer has pieces included. */
Test(compose, members_share_columns)
{
    for (const struct backend *const *b = backends; *b; b++) {
        char reason[128];
        enum isa isa = ISA_SCALAR;
        struct composed composed;
        if (!backend_best_isa(*b, &isa, reason, sizeof reason))
            continue;
        cr_assert(compose_backend(&composed, &model, *b, isa, &f32, &fault), "%s", fault.text);
        for (size_t members = 1; members <= 7; members++) {
            struct team *team = team_start(&topology, PLACEMENT_COMPACT, members, &fault);
            cr_assert(team, "%s", fault.text);
            columns_agree(&composed, team);
            team_stop(team);
        }
        composed_free(&composed);
    }
}

/* The dense features stay those of row 0: only ids turn. */
Test(compose, ids_turn_and_turn_back)
{
    struct composed composed;
    struct forward forward = {0};
    float first[64], later[64];
    const float *p = activations.memory.buffer[BUFFER_P].data;
    size_t each = model.ektm.buffer_width[BUFFER_P];
    struct team *team = team_start(&topology, PLACEMENT_COMPACT, 2, &fault);
    cr_assert(
        compose_backend(&composed, &model, kernels[0]->backend, kernels[0]->isa, &f32, &fault),
        "%s", fault.text);
    walk_together(&forward, &composed, team, 1, 0);
    memcpy(first, p, each * sizeof *p);
    walk_together(&forward, &composed, team, 1, 5);
    memcpy(later, p, each * sizeof *p);
    cr_expect(memcmp(first, later, each * sizeof *p) != 0, "the ids did not turn");
    forward_turn(&forward, 0);
    team_run(team, forward_run, &forward);
    cr_expect(memcmp(first, p, each * sizeof *p) == 0, "the ids did not turn back");
    forward_free(&forward);
    team_stop(team);
    composed_free(&composed);
}

/* ---- a kernel for each layer ----------------------------------------------------------------- */

enum { LAYERS_MOST = 64 };

/* The n-th usable kernel of the layer's op, counted round; NULL for n 0. */
static const struct kernel *nth(const struct ektm_layer *layer, size_t n)
{
    char reason[128];
    while (n > 0)
        for (const struct kernel *const *k = kernels; *k; k++)
            if ((*k)->op == layer->op && (*k)->dtype == DTYPE_F32 &&
                kernel_usable(*k, reason, sizeof reason) && --n == 0)
                return *k;
    return NULL;
}

/* Kernels of all backends in one model, other ones in each; some layers are borrowed. */
Test(compose, every_layer_takes_a_kernel_of_its_own)
{
    const struct ektm *ektm = &model.ektm;
    const struct kernel *mix[LAYERS_MOST];
    for (size_t n = 0; n < 16; n++) {
        struct composed composed;
        const struct schedule deep = {.tile = 1 + n, .ask = 50};
        for (size_t l = 0; l < ektm->layers; l++)
            mix[l] = nth(&ektm->layer[l], (n + l) % 13);
        cr_assert(compose(&composed, &model, mix, isa_widest(), &fault), "%s", fault.text);
        cr_expect_lt(stray(walk_layers(&composed, 1)), 1e-5, "mix %zu", n);
        cr_expect_lt(stray(walk(&composed, &deep, 3)), 1e-5, "mix %zu in tiles", n);
        for (size_t l = 0; l < ektm->layers; l++) {
            char text[256];
            snprintf(text, sizeof text, "%s: %s", ektm->layer[l].name, composed.kernel[l]->name);
            cr_expect(!mix[l] || composed.kernel[l] == mix[l], "%s was taken", text);
            cr_expect(strstr(mix[l] ? composed.chosen : composed.borrowed, text),
                      "%s is not told: %s; %s", text, composed.chosen, composed.borrowed);
            cr_expect(mix[l] || composed.kernel[l]->backend == nth(&ektm->layer[l], 1)->backend ||
                          strcmp(composed.kernel[l]->backend->name, "compiler") == 0,
                      "%s was borrowed", text);
        }
        composed_free(&composed);
    }
}

/* The layers of transfers are taken as they are unless all are of one backend that has it. */
Test(compose, a_fusion_needs_all_its_layers_of_one_backend)
{
    const struct ektm *ektm = &model.ektm;
    const struct backend *backend = kernels[0]->backend;
    const struct kernel *mix[LAYERS_MOST] = {NULL};
    size_t layers = ektm->layers, tasks = ektm->config.tasks;
    struct composed composed;
    cr_assert(compose(&composed, &model, mix, isa_widest(), &fault), "%s", fault.text);
    cr_expect_eq(steps(&composed, true, 1), layers, "what is borrowed was fused");
    composed_free(&composed);
    cr_assert(compose_backend(&composed, &model, backend, kernels[0]->isa, &f32, &fault));
    memcpy(mix, composed.kernel, layers * sizeof *mix);
    composed_free(&composed);
    cr_assert(compose(&composed, &model, mix, isa_widest(), &fault), "%s", fault.text);
    cr_expect_eq(steps(&composed, true, 1), layers - tasks - tasks);
    composed_free(&composed);
    for (size_t l = 0; l < layers; l++) {
        const struct kernel *own = mix[l];
        const struct ektm_layer *layer = &ektm->layer[l];
        for (size_t n = 0; mix[l]->backend == backend && layer->fusion; n++)
            mix[l] = nth(layer, n + 1);
        cr_assert(compose(&composed, &model, mix, isa_widest(), &fault), "%s", fault.text);
        cr_expect_lt(stray(walk(&composed, &(struct schedule){.fuse = true}, 1)), 1e-5);
        for (size_t f = layers; f < ektm_entries(ektm); f++)
            cr_expect_eq(!composed.kernel[f], f == layer->fusion, "fusion %zu, layer %zu", f, l);
        composed_free(&composed);
        mix[l] = own;
    }
}

/* Fusions are f32: layers in other formats, or in several, are walked. */
Test(compose, a_fusion_needs_all_its_layers_in_f32)
{
    static const struct {
        const char *formats;
        bool transfer, heads;
    } cases[] = {
        {"f32", true, true},
        {"bf16", false, false},
        {"i8", false, false},
        {"embedding=i8,dense=bf16", true, true},
        {"enhanced=bf16", false, true},
        {"transmitter=i8", false, true},
        {"bf16,transmitter=f32", false, false},
        {"head=bf16", true, false},
        {"i8,transmitter=f32,enhanced=f32", true, false},
    };
    const struct ektm *ektm = &model.ektm;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct formats formats = {.count = 0};
        struct composed composed;
        cr_assert(formats_parse(&formats, cases[i].formats, "here", &fault), "%s", fault.text);
        cr_assert(model_narrow_all(&model, &formats, &topology, PAGES_THP, &fault));
        cr_assert(compose_backend(&composed, &model, kernels[0]->backend, kernels[0]->isa, &formats,
                                  &fault),
                  "%s", fault.text);
        for (size_t f = ektm->layers; f < ektm_entries(ektm); f++)
            cr_expect_eq(composed.kernel[f] != NULL,
                         ektm->layer[f].per_task ? cases[i].transfer : cases[i].heads, "%s: %s",
                         cases[i].formats, ektm->layer[f].name);
        float *p = walk_layers(&composed, 1), *alone = malloc(predictions * sizeof *alone);
        memcpy(alone, p, predictions * sizeof *alone);
        cr_expect(
            same(&composed, walk(&composed, &(struct schedule){.tile = 1, .fuse = true}, 1), alone),
            "%s: fusions change the predictions", cases[i].formats);
        free(alone);
        composed_free(&composed);
    }
}

static void compute_nothing(const struct call *call) { (void)call; }

Test(compose, a_wrong_kernel_at_one_layer_is_refused_or_found_out)
{
    const struct ektm *ektm = &model.ektm;
    for (size_t wrong = 0; wrong < ektm->layers; wrong++) {
        const struct kernel *mix[LAYERS_MOST] = {NULL};
        struct kernel lazy = *nth(&ektm->layer[wrong], 1);
        struct composed composed;
        size_t other = wrong ? 0 : ektm->layers - 1;
        mix[wrong] = nth(&ektm->layer[other], 1);
        cr_expect_not(compose(&composed, &model, mix, isa_widest(), &fault));
        cr_expect(strstr(fault.text, mix[wrong]->name) &&
                      strstr(fault.text, ektm->layer[wrong].name),
                  "%s", fault.text);
        lazy.run = compute_nothing;
        mix[wrong] = &lazy;
        cr_assert(compose(&composed, &model, mix, isa_widest(), &fault), "%s", fault.text);
        cr_expect_gt(stray(walk_layers(&composed, 1)), 1e-5, "layer %zu", wrong);
        composed_free(&composed);
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
                cr_expect_not(compose_backend(&composed, &model, *b, isa, &f32, &fault));
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
    cr_assert(
        compose_backend(&composed, &model, kernels[0]->backend, kernels[0]->isa, &f32, &fault),
        "%s", fault.text);
    activations_refresh(&activations);
    for (size_t i = 0; i < predictions; i++)
        cr_assert_eq(p[i], 0);
    struct forward forward = {0};
    cr_assert(forward_bind(&forward, &composed, &activations, &schedule_layers, ROWS_COUNT, 1, NULL,
                           &fault));
    forward_run(&forward, 0, 1);
    forward_free(&forward);
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
