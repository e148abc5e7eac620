/* Kernels broken on purpose: what `ektm check` is worth. A sound kernel passes, and the same kernel
 * with any one of these bugs is caught. */
#include "harness/verify/bed.h"
#include "reference/operands.h"
#include "reference/quantize.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <string.h>

enum bug {
    NO_BUG,
    DROPS_LAST_TERM,       /* a tail of the sum is left out                     */
    DROPS_LAST_OUTPUT,     /* a tail of the outputs is never written            */
    NARROW_ACCUMULATOR,    /* the sum is kept in half the bits                  */
    NO_BIAS,               /* of the last output                                */
    WRONG_BIAS,            /* the neighbour's                                   */
    NO_ACTIVATION,         /* of the last row                                   */
    ACTIVATION_UNASKED,    /* of the last row                                   */
    STORES_BEHIND_ROW,     /* one number, into the gap or over the end          */
    STORES_BEFORE_START,   /* one number                                        */
    READS_BEHIND_WEIGHTS,  /* one number, unused                                */
    WRITES_TO_INPUT,       /* puts the same value back                          */
    ORDER_DEPENDS_ON_ROWS, /* sums backwards in the last row of an even batch   */
    DIVIDES_BY_ZERO,       /* an integer                                        */
    BUGS
};

static const char *const bug_names[BUGS] = {
    "no bug",
    "drops the last term",
    "drops the last output",
    "narrow accumulator",
    "no bias",
    "wrong bias",
    "no activation",
    "activation unasked",
    "store behind",
    "store before",
    "read behind weights",
    "write to input",
    "order depends on rows",
    "integer division by zero",
};

static enum bug planted;

/* Keeps 12 of the 24 bits of a sum. */
static float narrow(float sum)
{
    int exponent;
    float mantissa = frexpf(sum, &exponent);
    return ldexpf(rintf(mantissa * 0x1p12f) * 0x1p-12f, exponent);
}

static float dense_element(const struct call *call, size_t b, size_t o)
{
    const size_t *n = call->dims.extent;
    const struct tensor *t = call->tensor;
    const float *x = (const float *)t[DENSE_X].data + b * t[DENSE_X].ld;
    const float *w = (const float *)t[DENSE_W].data + o * t[DENSE_W].ld;
    const float *bias = t[DENSE_B].data;
    bool last_output = o + 1 == n[OUT], last_row = b + 1 == n[BATCH];
    bool backwards = planted == ORDER_DEPENDS_ON_ROWS && last_row && n[BATCH] % 2 == 0;
    float sum = bias[planted == WRONG_BIAS && last_output && o > 0 ? o - 1 : o];
    if (planted == NO_BIAS && last_output)
        sum = 0;
    size_t terms = n[IN] - (planted == DROPS_LAST_TERM && n[IN] % 8 != 0);
    for (size_t k = 0; k < terms; k++) {
        size_t at = backwards ? terms - 1 - k : k;
        sum = fmaf(x[at], w[at], sum);
        if (planted == NARROW_ACCUMULATOR)
            sum = narrow(sum);
    }
    bool relu = call->options.activation == ACTIVATION_RELU;
    if (last_row && (planted == NO_ACTIVATION || planted == ACTIVATION_UNASKED))
        relu = planted == ACTIVATION_UNASKED;
    return relu && sum < 0 ? 0 : sum;
}

/* The bugs are meant: they are to reach `ektm check`, not a sanitizer. */
__attribute__((no_sanitize("undefined"))) static void
touch_what_is_not_ours(const struct call *call)
{
    const size_t *n = call->dims.extent;
    const struct tensor *t = call->tensor;
    float *y = t[DENSE_Y].data;
    volatile float *x = t[DENSE_X].data;
    volatile float *behind = (float *)t[DENSE_W].data + (n[OUT] - 1) * t[DENSE_W].ld + n[IN];
    if (n[BATCH] == 0)
        return;
    if (planted == STORES_BEHIND_ROW)
        y[(n[BATCH] - 1) * t[DENSE_Y].ld + n[OUT]] = 1;
    if (planted == STORES_BEFORE_START)
        y[-1] = 1;
    if (planted == READS_BEHIND_WEIGHTS)
        (void)*behind;
    if (planted == WRITES_TO_INPUT)
        x[0] = x[0];
    if (planted == DIVIDES_BY_ZERO) {
        volatile int zero = 0;
        y[0] = (float)(1 / zero);
    }
}

static void dense_planted(const struct call *call)
{
    const size_t *n = call->dims.extent;
    const struct tensor *y = &call->tensor[DENSE_Y];
    for (size_t b = 0; b < n[BATCH]; b++)
        for (size_t o = 0; o < n[OUT] - (planted == DROPS_LAST_OUTPUT && n[OUT] % 8 != 0); o++)
            ((float *)y->data)[b * y->ld + o] = dense_element(call, b, o);
    touch_what_is_not_ours(call);
}

/* How many of the trials that `ektm check` draws refuse the kernel. */
static size_t refusals_of(struct kernel kernel)
{
    size_t refused = 0;
    for (size_t i = 0; i < awkward_trials(kernel.op); i++) {
        struct trial trial = awkward_trial(kernel.op, i, 1);
        struct bed bed;
        struct fault fault;
        cr_assert(bed_make(&bed, &trial, kernel.dtype, &fault), "%s", fault.text);
        struct verdict verdict = bed_try(&bed, &kernel);
        refused += !verdict.passed;
        cr_expect(verdict.passed == (verdict.text[0] == '\0'), "a refusal has a reason");
        bed_free(&bed);
    }
    return refused;
}

static size_t refusals(const char *op, void (*run)(const struct call *))
{
    return refusals_of(
        (struct kernel){.name = "planted", .op = op_find(op), .dtype = DTYPE_F32, .run = run});
}

ParameterizedTestParameters(planted_bugs, are_caught)
{
    static int bug[BUGS];
    for (int i = 0; i < BUGS; i++)
        bug[i] = i;
    return cr_make_param_array(int, bug, BUGS);
}

ParameterizedTest(int *bug, planted_bugs, are_caught)
{
#ifndef __x86_64__
    if (*bug == DIVIDES_BY_ZERO)
        cr_skip_test("an integer division by zero is no fault on this architecture");
#endif
    planted = (enum bug) * bug;
    size_t refused = refusals("dense", dense_planted);
    if (planted == NO_BUG)
        cr_assert_eq(refused, 0, "a sound kernel was refused %zu times", refused);
    else
        cr_assert_gt(refused, 0, "not caught: %s", bug_names[planted]);
}

/* ---- what a library is excused from
 * --------------------------------------------------------------
 */

static size_t whole_batch;

static void *note_batch(const struct call *call)
{
    whole_batch = call->dims.extent[BATCH];
    return &whole_batch;
}

static void forget_batch(void *prepared) { *(size_t *)prepared = 0; }

static void dense_without_bias_when_cut(const struct call *call)
{
    planted = call->dims.extent[BATCH] < whole_batch ? NO_BIAS : NO_BUG;
    dense_planted(call);
}

Test(planted_bugs, of_a_library_that_sums_otherwise_when_cut_are_caught)
{
    struct kernel kernel = {.name = "planted",
                            .op = op_find("dense"),
                            .dtype = DTYPE_F32,
                            .cut_changes_bits = true,
                            .run = dense_planted};
    planted = ORDER_DEPENDS_ON_ROWS;
    cr_expect_eq(refusals_of(kernel), 0, "another order is no bug");
    kernel.prepare = note_batch;
    kernel.release = forget_batch;
    kernel.run = dense_without_bias_when_cut;
    cr_expect_gt(refusals_of(kernel), 0, "no bias in a part of the batch is one");
}

/* ---- bugs of other layers -----------------------------------------------------------------------
 */

/* The scalar reference, then one thing wrong. */
static void embedding_without_division(const struct call *call)
{
    struct call sum = *call;
    sum.options.pooling = POOLING_SUM;
    op_find("embedding")->reference(&sum);
}

static void router_without_temperature(const struct call *call)
{
    struct call one = *call;
    one.options.tau = 1;
    op_find("router")->reference(&one);
}

/* The logistic function by a polynomial of too low a degree near 0, as 1/2 + x/4. */
static void head_with_linear_logistic(const struct call *call)
{
    const struct tensor *p = &call->tensor[HEAD_P];
    op_find("head")->reference(call);
    for (size_t b = 0; b < call->dims.extent[BATCH]; b++) {
        double value = real_at(p, b, 0);
        real_put(p, b, 0, 0.5 + log(value / (1 - value)) / 4);
    }
}

static void enhanced_without_second_half(const struct call *call)
{
    struct call half = *call;
    half.tensor[ENHANCED_GM] = call->tensor[ENHANCED_GF];
    op_find("enhanced")->reference(&half);
}

/* The gate sees what was handed out in place of what was transmitted. */
static void transfer_without_its_transmitter(const struct call *call)
{
    struct call enhanced = {.dims = call->dims};
    enhanced.tensor[ENHANCED_F] = call->tensor[TRANSFER_F];
    enhanced.tensor[ENHANCED_M] = call->tensor[TRANSFER_ROUTED];
    for (size_t i = ENHANCED_GF; i <= ENHANCED_Z; i++)
        enhanced.tensor[i] = call->tensor[TRANSFER_GF + i - ENHANCED_GF];
    op_find("enhanced")->reference(&enhanced);
}

/* As if all heads' constants lay side by side. */
static void heads_with_vs_that_are_contiguous(const struct call *call)
{
    struct call packed = *call;
    packed.tensor[HEADS_V].ld = 1;
    op_find("heads")->reference(&packed);
}

static void heads_with_tasks_swapped(const struct call *call)
{
    struct call swapped = *call;
    swapped.tensor[HEADS_F0] = call->tensor[HEADS_Z];
    op_find("heads")->reference(&swapped);
}

Test(planted_bugs, of_fusions_are_caught)
{
    cr_expect_gt(refusals("transfer", transfer_without_its_transmitter), 0);
    cr_expect_gt(refusals("heads", heads_with_vs_that_are_contiguous), 0);
    cr_expect_gt(refusals("heads", heads_with_tasks_swapped), 0);
}

Test(planted_bugs, of_other_layers_are_caught)
{
    cr_expect_gt(refusals("embedding", embedding_without_division), 0);
    cr_expect_gt(refusals("router", router_without_temperature), 0);
    cr_expect_gt(refusals("head", head_with_linear_logistic), 0);
    cr_expect_gt(refusals("enhanced", enhanced_without_second_half), 0);
}

/* ---- bugs of training ---------------------------------------------------------------------------
 */

static void weightgrad_without_last_row(const struct call *call)
{
    struct call shorter = *call;
    shorter.dims.extent[BATCH]--;
    op_find("weightgrad")->reference(&shorter);
}

static void weightgrad_that_forgets(const struct call *call)
{
    struct call fresh = *call;
    fresh.options.add = false;
    op_find("weightgrad")->reference(&fresh);
}

static void inputgrad_without_cut(const struct call *call)
{
    struct call open = *call;
    open.options.activation = ACTIVATION_NONE;
    op_find("inputgrad")->reference(&open);
}

static void routergrad_through_averages_alone(const struct call *call)
{
    struct call averages = *call;
    averages.options.stop_shares = true;
    op_find("routergrad")->reference(&averages);
}

static void gategrad_of_a_closed_gate(const struct call *call)
{
    struct call swapped = *call;
    swapped.tensor[GATEGRAD_M] = call->tensor[GATEGRAD_G];
    op_find("gategrad")->reference(&swapped);
}

static void loss_without_hard_examples(const struct call *call)
{
    struct call even = *call;
    even.options.hard = 0;
    op_find("loss")->reference(&even);
}

static void adam_without_correction(const struct call *call)
{
    struct call late = *call;
    late.options.step = 1 << 20;
    op_find("adam")->reference(&late);
}

static void adagrad_that_moves_a_row_twice(const struct call *call)
{
    struct call once = *call;
    op_find("adagrad")->reference(&once);
    once.dims.extent[TOUCHED] = once.dims.extent[TOUCHED] > 0;
    op_find("adagrad")->reference(&once);
}

static void similaritygrad_at_another_temperature(const struct call *call)
{
    struct call warm = *call;
    warm.options.tau *= 1.001f;
    op_find("similaritygrad")->reference(&warm);
}

Test(planted_bugs, of_training_are_caught)
{
    cr_expect_gt(refusals("weightgrad", weightgrad_without_last_row), 0);
    cr_expect_gt(refusals("weightgrad", weightgrad_that_forgets), 0);
    cr_expect_gt(refusals("inputgrad", inputgrad_without_cut), 0);
    cr_expect_gt(refusals("routergrad", routergrad_through_averages_alone), 0);
    cr_expect_gt(refusals("gategrad", gategrad_of_a_closed_gate), 0);
    cr_expect_gt(refusals("loss", loss_without_hard_examples), 0);
    cr_expect_gt(refusals("adam", adam_without_correction), 0);
    cr_expect_gt(refusals("adagrad", adagrad_that_moves_a_row_twice), 0);
    cr_expect_gt(refusals("similaritygrad", similaritygrad_at_another_temperature), 0);
}

static void weightgrad_in_two_parts(const struct call *call)
{
    const size_t parts = call->dims.extent[OUT];
    const struct op *op = op_find("weightgrad");
    struct call first = call_part(op, call, 0, parts / 2);
    struct call second = call_part(op, call, parts / 2, parts - parts / 2);
    op->reference(&first);
    op->reference(&second);
}

Test(planted_bugs, a_sum_over_the_batch_may_be_cut_along_its_outputs)
{
    cr_expect_eq(refusals("weightgrad", weightgrad_in_two_parts), 0);
}

/* ---- bugs of narrow formats ---------------------------------------------------------------------
 */

enum narrow_bug {
    NO_NARROW_BUG,
    ROUNDS_TO_ZERO,        /* activations                                        */
    NARROW_SUMS,           /* bf16: sums kept in bf16                            */
    DROPS_LEAST,           /* i8: what a row's least number adds to each output  */
    SATURATES,             /* i8: two products add up to 16 bits                 */
    SCALE_OF_FIRST_ROW,    /* i8: one scale for all rows                         */
    SCALE_OF_FIRST_OUTPUT, /* i8: one scale for all outputs                      */
    SYMMETRIC_INPUTS,      /* i8: inputs of 7 bits, without a least number       */
    NARROW_BUGS
};

static const char *const narrow_bug_names[NARROW_BUGS] = {
    "no bug",
    "rounds to zero",
    "narrow sums",
    "drops the least number",
    "saturates",
    "one scale for all rows",
    "one scale for all outputs",
    "symmetric inputs",
};

static enum narrow_bug narrow_planted;

static float cut_to_bf16(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bf16_value((uint16_t)(bits >> 16));
}

static float bf16_sum(const float *x, const uint16_t *w, size_t terms)
{
    float sum = 0;
    for (size_t k = 0; k < terms; k++) {
        const float factor =
            narrow_planted == ROUNDS_TO_ZERO ? cut_to_bf16(x[k]) : bf16_value(bf16_of(x[k]));
        sum = fmaf(factor, bf16_value(w[k]), sum);
        if (narrow_planted == NARROW_SUMS)
            sum = bf16_value(bf16_of(sum));
    }
    return sum;
}

static int32_t saturated(int32_t pair)
{
    return pair < INT16_MIN ? INT16_MIN : pair > INT16_MAX ? INT16_MAX : pair;
}

/* Of numbers 0 to 255 with weights, and of the weights alone. */
struct i8_sums {
    int32_t products, weights;
};

static struct i8_sums i8_sums(const float *x, const int8_t *w, size_t terms,
                              const struct rounding *r)
{
    struct i8_sums sums = {0};
    int32_t pair = 0;
    for (size_t k = 0; k < terms; k++) {
        const float shifted = x[k] - r->low, step = shifted * r->inverse;
        const int32_t q = (int32_t)(narrow_planted == ROUNDS_TO_ZERO ? step : rintf(step));
        pair += q * w[k];
        sums.weights += w[k];
        if (k % 2 == 1 || k + 1 == terms) {
            sums.products += narrow_planted == SATURATES ? saturated(pair) : pair;
            pair = 0;
        }
    }
    return sums;
}

static float i8_sum(const struct call *call, size_t b, size_t o)
{
    const struct tensor *x = &call->tensor[DENSE_X], *w = &call->tensor[DENSE_W];
    const size_t terms = call->dims.extent[IN];
    struct rounding r =
        rounding_of(x, narrow_planted == SCALE_OF_FIRST_ROW ? 0 : b, terms, DTYPE_I8);
    if (narrow_planted == SYMMETRIC_INPUTS) {
        const float most = fmaxf(fabsf(r.low), fabsf(r.low + 255 * r.scale));
        r = (struct rounding){DTYPE_I8, 0, most / 127, most > 0 ? 127 / most : 0};
    }
    const struct i8_sums sums =
        i8_sums((const float *)x->data + b * x->ld, (const int8_t *)w->data + o * w->ld, terms, &r);
    const float scale = affine_at(w, narrow_planted == SCALE_OF_FIRST_OUTPUT ? 0 : o).scale;
    const float least = narrow_planted == DROPS_LEAST ? 0 : r.low;
    return scale * (r.scale * (float)sums.products + least * (float)sums.weights);
}

static void dense_narrow_planted(const struct call *call)
{
    const size_t *n = call->dims.extent;
    const struct tensor *t = call->tensor;
    for (size_t b = 0; b < n[BATCH]; b++)
        for (size_t o = 0; o < n[OUT]; o++) {
            const float product =
                t[DENSE_W].dtype == DTYPE_I8
                    ? i8_sum(call, b, o)
                    : bf16_sum((const float *)t[DENSE_X].data + b * t[DENSE_X].ld,
                               (const uint16_t *)t[DENSE_W].data + o * t[DENSE_W].ld, n[IN]);
            const float y = ((const float *)t[DENSE_B].data)[o] + product;
            const bool relu = call->options.activation == ACTIVATION_RELU;
            ((float *)t[DENSE_Y].data)[b * t[DENSE_Y].ld + o] = relu && y < 0 ? 0 : y;
        }
}

static bool concerns(enum narrow_bug bug, enum dtype dtype)
{
    return bug <= ROUNDS_TO_ZERO || (bug == NARROW_SUMS) == (dtype == DTYPE_BF16);
}

Test(planted_bugs, of_narrow_formats_are_caught)
{
    for (enum dtype dtype = DTYPE_BF16; dtype <= DTYPE_I8; dtype++)
        for (narrow_planted = 0; narrow_planted < NARROW_BUGS; narrow_planted++) {
            const struct kernel kernel = {.name = "planted",
                                          .op = op_find("dense"),
                                          .dtype = dtype,
                                          .run = dense_narrow_planted};
            const size_t refused = concerns(narrow_planted, dtype) ? refusals_of(kernel) : 1;
            cr_expect((refused > 0) == (narrow_planted != NO_NARROW_BUG) ||
                          !concerns(narrow_planted, dtype),
                      "%s: %s, refused %zu times", dtype_name(dtype),
                      narrow_bug_names[narrow_planted], refused);
        }
}
