/* NaN and infinite inputs of narrow layers reach the outputs of their row, as in the scalar
 * reference, and no others. */
#include "kernels/kernel.h"
#include "reference/operands.h"
#include "reference/quantize.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ODD_KERNELS_MAX = 1024, ODD_ROW = 2, ODD_COLUMN = 19 };

static const size_t extents[AXES] = {
    [BATCH] = 5, [IN] = 37, [OUT] = 21, [WIDTH] = 35, [HIDDEN] = 18};

/* Whether it multiplies inputs with narrow weights. */
static bool takes_part(const struct kernel *k)
{
    return dtype_narrow(k->dtype) && !k->op->probe && k->op != op_find("embedding") &&
           k->op != op_find("router");
}

/* Element `i` of an operand: none is near zero. */
static float number(size_t operand, size_t i)
{
    const float magnitude = 0.5F + (float)((i * 37 + operand * 11) % 64) / 64;
    return (i * 7 + operand) % 5 < 2 ? -magnitude : magnitude;
}

static void fill(struct tensor *t, size_t operand, size_t rows, size_t columns)
{
    float row[64];
    cr_assert_leq(columns, sizeof row / sizeof *row);
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < columns; c++)
            row[c] = number(operand, r * columns + c);
        if (t->dtype == DTYPE_I8) {
            int8_t *to = (int8_t *)t->data + r * t->ld;
            const struct affine a = quantize_weights(to, row, columns);
            memcpy(to + columns, &a, sizeof a);
        } else
            for (size_t c = 0; c < columns; c++)
                real_put(t, r, c, (double)row[c]);
    }
}

static struct call call_of(const struct kernel *k)
{
    struct call call = {.options.activation = ACTIVATION_RELU};
    memcpy(call.dims.extent, extents, sizeof extents);
    for (size_t i = 0; i < k->op->operands; i++) {
        const struct operand *o = &k->op->operand[i];
        const size_t rows = operand_rows(o, &call.dims), columns = operand_row(o, &call.dims);
        struct tensor *t = &call.tensor[i];
        t->dtype = operand_dtype(o, k->dtype);
        t->ld = columns + (t->dtype == DTYPE_I8 ? sizeof(struct affine) : 0);
        t->data = calloc(rows * t->ld, dtype_bytes(t->dtype));
        cr_assert_not_null(t->data);
        t->affine = t->dtype == DTYPE_I8 ? (int8_t *)t->data + columns : NULL;
        fill(t, i, rows, columns);
    }
    return call;
}

static void free_call(const struct kernel *k, struct call *call)
{
    for (size_t i = 0; i < k->op->operands; i++)
        free(call->tensor[i].data);
}

static const struct tensor *output_of(const struct kernel *k, const struct call *call)
{
    size_t i = 0;
    while (k->op->operand[i].role != ROLE_OUT)
        i++;
    return &call->tensor[i];
}

static void compute(const struct kernel *k, struct call *call, float *to)
{
    const struct tensor *y = output_of(k, call);
    cr_assert(kernel_prepare(k, call));
    k->run(call);
    kernel_release(k, call);
    memcpy(to, y->data, extents[BATCH] * y->ld * sizeof *to);
}

/* The ReLU that oneDNN fuses makes 0 of NaN, in any format. A peer is timed as it is. */
static bool loses_nan(const struct kernel *k)
{
    return k->backend && strcmp(k->backend->name, "onednn") == 0 && k->dtype == DTYPE_BF16;
}

/* A gate of 0 times an infinite m is NaN; kernels' gates are never quite 0. */
static bool alike(const struct kernel *k, float found, float expected)
{
    if (isnan(expected) && k->op == op_find("enhanced"))
        return !isfinite(found);
    if (isnan(expected))
        return isnan(found) || loses_nan(k);
    if (isinf(expected))
        return found == expected;
    return fabsf(found - expected) <= 1e-3F * fmaxf(1, fabsf(expected));
}

enum { OUTPUTS_MAX = 5 * 64 };

/* Rows of outputs that are not as they should be, with `odd` in a row of operand `i`. */
static size_t wrong_rows(const struct kernel *k, size_t i, float odd)
{
    struct call call = call_of(k);
    const struct kernel reference = {.op = k->op, .run = k->op->reference};
    float clean[OUTPUTS_MAX], found[OUTPUTS_MAX], expected[OUTPUTS_MAX];
    const size_t ld = output_of(k, &call)->ld;
    size_t wrong = 0;
    compute(k, &call, clean);
    real_put(&call.tensor[i], ODD_ROW, ODD_COLUMN, (double)odd);
    compute(&reference, &call, expected);
    compute(k, &call, found);
    for (size_t b = 0; b < extents[BATCH]; b++) {
        bool fine = true;
        for (size_t o = b * ld; o < (b + 1) * ld; o++)
            fine = fine && (b == ODD_ROW ? alike(k, found[o], expected[o])
                                         : memcmp(&found[o], &clean[o], sizeof *found) == 0);
        wrong += !fine;
    }
    free_call(k, &call);
    return wrong;
}

static const float odd_numbers[] = {NAN, INFINITY, -INFINITY};

ParameterizedTestParameters(odd_inputs, reach_exactly_their_row)
{
    static size_t index[ODD_KERNELS_MAX];
    size_t count = 0;
    for (size_t i = 0; kernels[i] && count < ODD_KERNELS_MAX; i++)
        if (takes_part(kernels[i]))
            index[count++] = i;
    return cr_make_param_array(size_t, index, count);
}

ParameterizedTest(size_t *index, odd_inputs, reach_exactly_their_row)
{
    const struct kernel *k = kernels[*index];
    char reason[128];
    if (!kernel_usable(k, reason, sizeof reason))
        cr_skip_test("%s: %s", k->name, reason);
    for (size_t i = 0; i < k->op->operands; i++)
        for (size_t n = 0; n < 3 && k->op->operand[i].role == ROLE_IN; n++)
            cr_expect_eq(wrong_rows(k, i, odd_numbers[n]), 0, "%s: %g in %s", k->name,
                         (double)odd_numbers[n], k->op->operand[i].name);
}

/* ---- what the test is worth ------------------------------------------------------------------ */

/* Takes a NaN for the least number, as an instruction may that finds the smaller of two. */
static void forgets_nan(const struct call *call)
{
    struct call tame = *call;
    const struct tensor *x = &call->tensor[DENSE_X];
    float copy[5 * 64];
    memcpy(copy, x->data, extents[BATCH] * x->ld * sizeof *copy);
    for (size_t i = 0; i < extents[BATCH] * x->ld; i++)
        copy[i] = isnan(copy[i]) ? -1.5F : copy[i];
    tame.tensor[DENSE_X].data = copy;
    op_find("dense")->reference(&tame);
}

/* One range for all rows. */
static void spreads_nan(const struct call *call)
{
    const struct tensor *x = &call->tensor[DENSE_X], *y = &call->tensor[DENSE_Y];
    bool nan = false;
    for (size_t i = 0; i < extents[BATCH] * x->ld; i++)
        nan = nan || isnan(((const float *)x->data)[i]);
    op_find("dense")->reference(call);
    for (size_t i = 0; nan && i < extents[BATCH] * y->ld; i++)
        ((float *)y->data)[i] = NAN;
}

Test(odd_inputs, that_are_lost_or_spread_are_noticed)
{
    for (enum dtype dtype = DTYPE_BF16; dtype <= DTYPE_I8; dtype++) {
        struct kernel k = {.name = "planted", .op = op_find("dense"), .dtype = dtype};
        k.run = k.op->reference;
        cr_expect_eq(wrong_rows(&k, DENSE_X, NAN), 0, "the reference itself");
        k.run = forgets_nan;
        cr_expect_eq(wrong_rows(&k, DENSE_X, NAN), 1, "a NaN is lost");
        k.run = spreads_nan;
        cr_expect_eq(wrong_rows(&k, DENSE_X, NAN), extents[BATCH] - 1, "a NaN spreads");
    }
}
