/* Every kernel of the table against the scalar reference, one test for each, on shapes that `ektm
 * check` does not draw by default. */
#include "harness/verify/bed.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEEDS = 2, FIRST_SEED = 1001, KERNELS_MAX = 1024 };

ParameterizedTestParameters(kernels, agrees_with_reference)
{
    static size_t index[KERNELS_MAX];
    size_t count = 0;
    while (kernels[count]) {
        index[count] = count;
        count++;
    }
    return cr_make_param_array(size_t, index, count);
}

ParameterizedTest(size_t *index, kernels, agrees_with_reference)
{
    const struct kernel *kernel = kernels[*index];
    char reason[128], shape[256];
    if (!kernel_usable(kernel, reason, sizeof reason))
        cr_skip_test("%s: %s", kernel->name, reason);
    size_t trials = awkward_trials(kernel->op);
    cr_assert_gt(trials, 0, "%s: its op has no awkward shapes", kernel->name);
    for (size_t i = 0; i < SEEDS * trials; i++) {
        struct trial trial = awkward_trial(kernel->op, i % trials, FIRST_SEED + i / trials);
        struct bed bed;
        struct fault fault;
        cr_assert(bed_make(&bed, &trial, kernel->dtype, &fault), "%s", fault.text);
        struct verdict verdict = bed_try(&bed, kernel);
        trial_describe(&trial, shape, sizeof shape);
        cr_expect(verdict.passed, "%s: %s (%s)", kernel->name, verdict.text, shape);
        bed_free(&bed);
    }
}

/* ---- at the sizes of real models ------------------------------------------------------------- */

/* A parameter is a layer of a preset: preset * LAYERS_MAX + layer. */
enum { LAYERS_MAX = 1000, PARAMETERS_MAX = 1000, LAYER_SEED = 77 };

ParameterizedTestParameters(kernels, agree_on_layers_of_presets)
{
    static size_t index[PARAMETERS_MAX];
    size_t count = 0;
    for (size_t p = 0; ektm_presets[p].name; p++) {
        struct ektm ektm;
        if (!ektm_build(&ektm, &ektm_presets[p].config))
            abort();
        for (size_t l = 0; l < ektm_entries(&ektm) && count < PARAMETERS_MAX; l++)
            if (!ektm_repeats(&ektm, l))
                index[count++] = p * LAYERS_MAX + l;
        ektm_free(&ektm);
    }
    return cr_make_param_array(size_t, index, count);
}

static size_t try_usable(const struct trial *trial, enum dtype dtype, const char *layer)
{
    struct bed bed;
    struct fault fault;
    size_t tried = 0;
    cr_assert(bed_make(&bed, trial, dtype, &fault), "%s", fault.text);
    for (const struct kernel *const *k = kernels; *k; k++) {
        char reason[128];
        if ((*k)->op != trial->op || (*k)->dtype != dtype ||
            !kernel_usable(*k, reason, sizeof reason))
            continue;
        struct verdict verdict = bed_try(&bed, *k);
        cr_expect(verdict.passed, "%s on %s: %s", (*k)->name, layer, verdict.text);
        tried++;
    }
    bed_free(&bed);
    return tried;
}

/* Whether there are kernels of narrow formats. */
static bool has_narrow(const struct op *op)
{
    bool narrow = false;
    for (size_t i = 0; i < op->operands; i++)
        narrow = narrow || op->operand[i].narrow;
    return narrow;
}

ParameterizedTest(size_t *index, kernels, agree_on_layers_of_presets)
{
    static const size_t rows[] = {1, 7};
    const struct ektm_preset *preset = &ektm_presets[*index / LAYERS_MAX];
    struct ektm ektm;
    cr_assert(ektm_build(&ektm, &preset->config));
    const struct ektm_layer *layer = &ektm.layer[*index % LAYERS_MAX];
    for (size_t b = 0; b < 2; b++) {
        struct trial trial = layer_trial(preset, layer, rows[b], LAYER_SEED);
        for (enum dtype dtype = 0; dtype < DTYPES; dtype++)
            if (dtype == DTYPE_F32 || (dtype_narrow(dtype) && has_narrow(layer->op)))
                cr_assert_gt(try_usable(&trial, dtype, layer->name), 0, "%s: no kernel of %s",
                             layer->name, dtype_name(dtype));
    }
    ektm_free(&ektm);
}

Test(kernels, are_named_after_op_dtype_and_backend)
{
    for (const struct kernel *const *k = kernels; *k; k++) {
        char name[96];
        int length = snprintf(name, sizeof name, "%s_%s_%s", (*k)->op->name,
                              dtype_name((*k)->dtype), (*k)->backend->name);
        cr_expect(strncmp((*k)->name, name, (size_t)length) == 0, "%s should begin with %s",
                  (*k)->name, name);
        cr_expect(kernel_find((*k)->name) == *k, "two kernels are named %s", (*k)->name);
        cr_expect((*k)->about && (*k)->run, "%s lacks `about` or `run`", (*k)->name);
        cr_expect(!(*k)->prepare == !(*k)->release,
                  "%s prepares but does not release, or the "
                  "other way round",
                  (*k)->name);
    }
}

static bool is_built(const struct backend *backend)
{
    char reason[128];
    return backend->usable(reason, sizeof reason) || strcmp(backend->version(), "unavailable") != 0;
}

static size_t count_kernels(const struct op *op, const struct backend *backend, enum dtype dtype)
{
    size_t count = 0;
    for (const struct kernel *const *k = kernels; *k; k++)
        count += (*k)->op == op && (*k)->backend == backend && (*k)->dtype == dtype;
    return count;
}

static bool reads_narrow(const struct op *op)
{
    for (size_t i = 0; i < op->operands; i++)
        if (op->operand[i].narrow)
            return true;
    return false;
}

/* Ops that only the networks beside EKTM have: plain C is fast enough for them. */
static bool is_of_ektm(const struct op *op)
{
    static const char *const others[] = {"mixture", "mixturegrad", "match", "matchgrad"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(op->name, others[i]) == 0)
            return false;
    return true;
}

/* An op has a kernel in f32, and in every narrow format where it reads one, of every backend of
 * ours that is in this build, but for the peak of narrow products, which has no f32, and for what
 * other networks than EKTM compute, which `compiler` alone has. */
Test(kernels, cover_every_op)
{
    for (const struct op *const *op = ops; *op; op++)
        for (const struct backend *const *b = backends; *b; b++)
            for (enum dtype d = 0; d < DTYPES; d++) {
                const bool wide = d == DTYPE_F32 && strcmp((*op)->name, "dot") != 0;
                const bool narrow = dtype_narrow(d) && reads_narrow(*op);
                if ((*b)->peer || !is_built(*b) || !(wide || narrow) ||
                    !(is_of_ektm(*op) || strcmp((*b)->name, "compiler") == 0))
                    continue;
                cr_expect(count_kernels(*op, *b, d) > 0, "%s has no kernel for %s in %s",
                          (*b)->name, (*op)->name, dtype_name(d));
            }
}

/* The baseline is there at every ISA that a kernel has. */
Test(kernels, have_a_baseline)
{
    for (const struct kernel *const *k = kernels; *k; k++)
        cr_expect(kernel_isa(*k) == ISA_SCALAR || kernel_baseline(*k), "nothing to compare %s with",
                  (*k)->name);
}

/* Only a library may be excused from keeping the bits of a row, and only a library tells its path.
 */
Test(kernels, of_ours_keep_the_bits_of_a_row)
{
    for (const struct kernel *const *k = kernels; *k; k++)
        cr_expect((*k)->backend->peer || (!(*k)->cut_changes_bits && !(*k)->path),
                  "%s is no library's", (*k)->name);
}
