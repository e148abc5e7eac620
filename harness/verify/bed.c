#include "harness/verify/bed.h"

#include "harness/random.h"
#include "harness/verify/trap.h"
#include "reference/operands.h"
#include "reference/quantize.h"

#include <assert.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CANARY = 0x7fa5a5a5 }; /* a NaN that no arithmetic makes */

enum { QUANTIZED_MOST = 8192 }; /* columns of a trial's i8 operand */

/* ---- laying out ------------------------------------------------------------------------------ */

static bool is(const struct trial *trial, const char *op)
{
    return strcmp(trial->op->name, op) == 0;
}

/* What an option takes away, and what may be absent in every other trial. */
static bool absent(const struct trial *trial, size_t i)
{
    const struct options *o = &trial->options;
    if (!trial->op->operand[i].optional)
        return false;
    if (is(trial, "router") || is(trial, "routergrad"))
        return o->similarity != SIMILARITY_TASK;
    if (is(trial, "inputgrad"))
        return o->activation != ACTIVATION_RELU;
    if (is(trial, "adagrad"))
        return o->pooling != POOLING_MEAN;
    return trial->seed % 2;
}

/* Rows of matrices and elements of vectors along the batch or the heads have a gap behind them;
 * indices and other vectors never do. */
static size_t leading(const struct trial *trial, const struct call *call, size_t i)
{
    const struct operand *o = &trial->op->operand[i];
    bool vector = o->axes[0] == AXIS_NONE || o->axes[1] == AXIS_NONE;
    bool flat = o->index || (vector && o->axes[0] != BATCH && o->axes[0] != HEADS);
    return operand_row(o, &call->dims) + (flat ? 0 : trial->gap);
}

/* Bytes behind the numbers of a row: an i8 row is followed by what it stands for, then by the gap.
 */
static size_t tail_bytes(const struct tensor *t)
{
    return t->dtype == DTYPE_I8 ? sizeof(struct affine) : 0;
}

static bool lay_out(struct bed *bed, enum side side, enum dtype dtype)
{
    const struct op *op = bed->trial.op;
    struct call *call = &bed->call[side];
    for (size_t i = 0; i < op->operands; i++) {
        if (absent(&bed->trial, i))
            continue;
        struct tensor *t = &call->tensor[i];
        t->dtype = operand_dtype(&op->operand[i], dtype);
        t->ld = leading(&bed->trial, call, i);
        const size_t columns = operand_row(&op->operand[i], &call->dims), behind = tail_bytes(t);
        size_t bytes =
            operand_span(&op->operand[i], &call->dims, t->ld + behind) * dtype_bytes(t->dtype) +
            (operand_rows(&op->operand[i], &call->dims) ? behind : 0);
        if (!guard_alloc(&bed->memory[side][i], bytes, side))
            return false;
        t->data = bed->memory[side][i].data;
        t->ld += behind;
        t->affine = behind ? (int8_t *)t->data + columns : NULL;
    }
    return true;
}

/* ---- values ---------------------------------------------------------------------------------- */

/* Magnitudes between 1/2 and 3/2, so that no term is too small to be missed; weights shrink with
 * the length of the sum, so that the logistic function is not saturated. */
static double datum(struct random *r, double scale)
{
    return random_between(r, 0.5, 1.5) * (random_below(r, 2) ? scale : -scale);
}

static double scale_of(const struct operand *o, const struct call *call)
{
    size_t terms = 1;
    if (o->role == ROLE_WEIGHT)
        for (int a = 0; a < OPERAND_AXES && o->axes[a] != AXIS_NONE; a++)
            terms = call->dims.extent[o->axes[a]];
    return 1 / sqrt((double)(terms ? terms : 1));
}

/* Inputs of products in their widest spread: all but one of a row are the largest. */
static double extreme(const struct operand *o, size_t column)
{
    return o->role == ROLE_IN && column == 0 ? 0 : 1;
}

/* What was made by a ReLU, whose gradient is asked for. */
static bool rectified(const struct trial *trial, size_t i)
{
    const bool relu = trial->options.activation == ACTIVATION_RELU;
    return relu && ((is(trial, "inputgrad") && i == INPUTGRAD_X) ||
                    (is(trial, "routergrad") && (i == ROUTERGRAD_F0 || i == ROUTERGRAD_F)));
}

/* Sums of squares, and factors. */
static bool positive(const struct trial *trial, size_t i)
{
    return (is(trial, "adam") && i == ADAM_V) || (is(trial, "adagrad") && i == ADAGRAD_S) ||
           (is(trial, "loss") && i == LOSS_SCALE);
}

static double shaped(const struct trial *trial, size_t i, double value)
{
    return rectified(trial, i) ? fmax(value, 0) : positive(trial, i) ? fabs(value) : value;
}

/* Gaps hold NaN, those of what a kernel writes the canary. */
static void fill_reals(const struct trial *trial, const struct call *call, size_t i)
{
    const struct operand *o = &trial->op->operand[i];
    const struct tensor *t = &call->tensor[i];
    struct random r = random_stream(trial->seed, i);
    size_t rows = operand_rows(o, &call->dims), columns = operand_row(o, &call->dims);
    const double scale = scale_of(o, call);
    for (size_t at = 0; rows && at < operand_span(o, &call->dims, t->ld); at++) {
        const size_t column = at % t->ld;
        const bool zero = trial->zeros && o->role == ROLE_IN && random_below(&r, 3) > 0;
        const double value = zero ? 0 : trial->extreme ? extreme(o, column) : datum(&r, scale);
        if (column < columns)
            real_put(t, 0, at, shaped(trial, i, value));
        else if (!operand_written(o))
            real_put(t, 0, at, (double)NAN);
    }
}

/* Rows quantized from numbers of those magnitudes; in an extreme trial the integers are the least
 * there are. Gaps hold what no row does. */
static void fill_i8(const struct trial *trial, const struct call *call, size_t i)
{
    const struct operand *o = &trial->op->operand[i];
    const struct tensor *t = &call->tensor[i];
    struct random r = random_stream(trial->seed, i);
    const size_t columns = operand_row(o, &call->dims);
    const bool table = o->axes[0] == ROWS;
    float row[QUANTIZED_MOST];
    assert(columns <= QUANTIZED_MOST);
    for (size_t n = 0; n < operand_rows(o, &call->dims); n++) {
        int8_t *to = (int8_t *)t->data + n * t->ld;
        for (size_t c = 0; c < columns; c++)
            row[c] = (float)datum(&r, scale_of(o, call));
        const struct affine affine =
            table ? quantize_table(to, row, columns) : quantize_weights(to, row, columns);
        if (trial->extreme)
            memset(to, -128, columns);
        memcpy(to + columns, &affine, sizeof affine);
        if (n + 1 < operand_rows(o, &call->dims))
            memset(to + columns + sizeof affine, 0x55, t->ld - columns - sizeof affine);
    }
}

/* The cosine with a zero vector has a rule of its own. */
static void zero_some_tasks(const struct trial *trial, const struct call *call)
{
    size_t width = call->dims.extent[WIDTH];
    struct random r = random_stream(trial->seed, OPERANDS_MAX);
    for (size_t b = 0; b < call->dims.extent[BATCH]; b++)
        for (size_t j = 0; j < call->dims.extent[TASKS]; j++)
            for (size_t e = 0, zero = random_below(&r, 6) == 0; zero && e < width; e++)
                real_put(&call->tensor[ROUTER_F], b, j * width + e, 0);
    if (call->tensor[ROUTER_U].data && random_below(&r, 2))
        for (size_t e = 0; e < width; e++)
            real_put(&call->tensor[ROUTER_U], 0, e, 0);
}

/* Sizes of the bags follow from the seed; the ids in front of the first bag are nobody's. */
static size_t bag_size(const struct trial *trial, struct random *r)
{
    const bool odd = !trial->bag_odd || random_below(r, trial->bag_odd) == 0;
    return odd ? random_below(r, trial->bag_max + 1) : 1;
}

enum { BAGS_STREAM = OPERANDS_MAX + 1, IDS_IN_FRONT = 3 };

static size_t count_ids(const struct trial *trial)
{
    struct random r = random_stream(trial->seed, BAGS_STREAM);
    size_t ids = IDS_IN_FRONT;
    for (size_t q = 0; q < trial->dims.extent[BATCH] * trial->dims.extent[FIELDS]; q++)
        ids += bag_size(trial, &r);
    return ids;
}

static void fill_bags(const struct trial *trial, const struct call *call)
{
    const size_t *n = call->dims.extent;
    int32_t *ids = call->tensor[EMBEDDING_IDS].data, *bags = call->tensor[EMBEDDING_BAGS].data;
    int32_t *first = call->tensor[EMBEDDING_FIRST].data;
    assert(ids && bags && first);
    size_t per_field = n[ROWS] / n[FIELDS], at = IDS_IN_FRONT;
    struct random sizes = random_stream(trial->seed, BAGS_STREAM);
    struct random values = random_stream(trial->seed, BAGS_STREAM + 1);
    for (size_t f = 0; f < n[FIELDS]; f++)
        first[f] = (int32_t)(f * per_field);
    for (size_t i = 0; i < IDS_IN_FRONT; i++)
        ids[i] = INT32_MAX;
    bags[0] = IDS_IN_FRONT;
    for (size_t q = 0; q < n[BATCH] * n[FIELDS]; q++) {
        for (size_t l = bag_size(trial, &sizes); l > 0; l--)
            ids[at++] = (int32_t)random_below(&values, per_field);
        bags[q + 1] = (int32_t)at;
    }
}

static void fill_rows_to_gather(const struct trial *trial, const struct call *call)
{
    int32_t *ids = call->tensor[GATHER_IDS].data;
    assert(ids);
    struct random r = random_stream(trial->seed, GATHER_IDS);
    for (size_t k = 0; k < call->dims.extent[IDS]; k++)
        ids[k] = (int32_t)random_below(&r, call->dims.extent[ROWS]);
}

/* Some labels are missing, and most rows have a click. */
static void fill_labels(const struct trial *trial, const struct call *call)
{
    const size_t *n = call->dims.extent;
    int32_t *label = call->tensor[LOSS_LABEL].data;
    assert(label);
    struct random r = random_stream(trial->seed, LOSS_LABEL);
    for (size_t b = 0; b < n[BATCH]; b++)
        for (size_t task = 0; task < n[HEADS]; task++, label++)
            *label = random_below(&r, 5) == 0 ? -1 : random_below(&r, task ? 2 : 4) > 0;
}

/* Each touched row is named by as many bags as a bag has ids. */
static size_t count_named(const struct trial *trial)
{
    struct random r = random_stream(trial->seed, BAGS_STREAM);
    size_t ids = 0;
    for (size_t t = 0; t < trial->dims.extent[TOUCHED]; t++)
        ids += 1 + bag_size(trial, &r);
    return ids;
}

static void fill_touched(const struct trial *trial, const struct call *call)
{
    const size_t *n = call->dims.extent;
    int32_t *row = call->tensor[ADAGRAD_ROW].data, *begin = call->tensor[ADAGRAD_BEGIN].data;
    int32_t *bag = call->tensor[ADAGRAD_BAG].data, *bags = call->tensor[ADAGRAD_BAGS].data;
    assert(row && begin && bag);
    struct random sizes = random_stream(trial->seed, BAGS_STREAM);
    struct random values = random_stream(trial->seed, BAGS_STREAM + 1);
    begin[0] = 0;
    for (size_t t = 0; t < n[TOUCHED]; t++) {
        row[t] = (int32_t)(t * n[ROWS] / n[TOUCHED]);
        begin[t + 1] = begin[t] + 1 + (int32_t)bag_size(trial, &sizes);
        for (int32_t k = begin[t]; k < begin[t + 1]; k++)
            bag[k] = (int32_t)random_below(&values, n[BATCH] * n[FIELDS]);
    }
    for (size_t q = 0; bags && q <= n[BATCH] * n[FIELDS]; q++)
        bags[q] = (q ? bags[q - 1] : 0) + 1 + (int32_t)random_below(&values, 5);
}

/* Every byte of the outputs, gaps included, becomes the canary: a NaN where results belong. What
 * results build on is there then. */
static void poison(struct bed *bed, enum side side)
{
    const struct op *op = bed->trial.op;
    const struct call *call = &bed->call[side];
    for (size_t i = 0; i < op->operands; i++) {
        if (!operand_written(&op->operand[i]) || !call->tensor[i].data)
            continue;
        for (size_t at = 0; at + 4 <= bed->memory[side][i].bytes; at += 4)
            memcpy(bed->memory[side][i].data + at, &(int32_t){CANARY}, 4);
        if (operand_kept(&op->operand[i], &bed->trial.options))
            fill_reals(&bed->trial, call, i);
    }
}

static void fill_inputs(struct bed *bed, enum side side)
{
    const struct op *op = bed->trial.op;
    const struct call *call = &bed->call[side];
    for (size_t i = 0; i < op->operands; i++)
        if (op->operand[i].index || operand_written(&op->operand[i]) || !call->tensor[i].data)
            continue;
        else if (call->tensor[i].dtype == DTYPE_I8)
            fill_i8(&bed->trial, call, i);
        else
            fill_reals(&bed->trial, call, i);
    if (is(&bed->trial, "embedding"))
        fill_bags(&bed->trial, call);
    if (is(&bed->trial, "gather"))
        fill_rows_to_gather(&bed->trial, call);
    if (is(&bed->trial, "router") || is(&bed->trial, "routergrad"))
        zero_some_tasks(&bed->trial, call);
    if (is(&bed->trial, "loss"))
        fill_labels(&bed->trial, call);
    if (is(&bed->trial, "adagrad"))
        fill_touched(&bed->trial, call);
    for (size_t i = 0; i < op->operands; i++)
        if (!operand_written(&op->operand[i]))
            guard_read_only(&bed->memory[side][i]);
    poison(bed, side);
}

bool bed_make(struct bed *bed, const struct trial *trial, enum dtype dtype, struct fault *fault)
{
    *bed = (struct bed){.trial = *trial};
    if (is(trial, "embedding"))
        bed->trial.dims.extent[IDS] = count_ids(trial);
    if (is(trial, "adagrad"))
        bed->trial.dims.extent[IDS] = count_named(trial);
    if (bed->trial.dims.extent[IDS] > INT32_MAX)
        return fault_caller(fault,
                            "a batch of %zu rows has %zu ids, more than the %d that 32-bit offsets "
                            "of bags reach; a smaller --batch is needed",
                            trial->dims.extent[BATCH], bed->trial.dims.extent[IDS], INT32_MAX);
    for (enum side side = 0; side < SIDES; side++) {
        bed->call[side].dims = bed->trial.dims;
        bed->call[side].options = trial->options;
        if (!lay_out(bed, side, dtype)) {
            bed_free(bed);
            return fault_memory(fault, "the operands of a check");
        }
        fill_inputs(bed, side);
    }
    if (!oracle_make(&bed->oracle, trial->op, &bed->call[0], dtype_roundoff(dtype_sums(dtype)),
                     fault)) {
        bed_free(bed);
        return false;
    }
    return true;
}

void bed_free(struct bed *bed)
{
    for (enum side side = 0; side < SIDES; side++)
        for (size_t i = 0; i < OPERANDS_MAX; i++)
            guard_free(&bed->memory[side][i]);
    oracle_free(&bed->oracle);
}

/* ---- trying ---------------------------------------------------------------------------------- */

static bool gaps_untouched(const struct bed *bed, enum side side, char *text, size_t size)
{
    const struct op *op = bed->trial.op;
    for (size_t i = 0; i < op->operands; i++) {
        const struct tensor *t = &bed->call[side].tensor[i];
        size_t columns = operand_row(&op->operand[i], &bed->trial.dims);
        size_t words = dtype_bytes(t->dtype) / 4;
        if (!operand_written(&op->operand[i]) || !t->data)
            continue;
        for (size_t at = 0; at < bed->memory[side][i].bytes / 4; at++) {
            int32_t word;
            memcpy(&word, bed->memory[side][i].data + at * 4, 4);
            if (at / words % t->ld >= columns && word != CANARY) {
                snprintf(text, size, "wrote behind row %zu of %s", at / words / t->ld,
                         op->operand[i].name);
                return false;
            }
        }
    }
    return true;
}

/* One or two calls that together compute the whole. */
struct attempt {
    const struct kernel *kernel;
    struct call *call;
    size_t first; /* parts (call_parts) of the first call; 0: one call for all */
    bool fresh;   /* nothing is prepared                                       */
};

static void compute(void *argument)
{
    struct attempt *a = argument;
    size_t rows = call_parts(a->kernel->op, a->call);
    if (!a->fresh && !kernel_prepare(a->kernel, a->call))
        abort(); /* a test-sized block: cannot be refused */
    if (a->first) {
        struct call head = call_part(a->kernel->op, a->call, 0, a->first);
        struct call tail = call_part(a->kernel->op, a->call, a->first, rows - a->first);
        a->kernel->run(&head);
        a->kernel->run(&tail);
    } else
        a->kernel->run(a->call);
    kernel_release(a->kernel, a->call);
}

static void explain_signal(const struct bed *bed, const struct trapped *trapped, char *text,
                           size_t size)
{
    const struct op *op = bed->trial.op;
    for (enum side side = 0; side < SIDES; side++)
        for (size_t i = 0; i < op->operands; i++) {
            const struct guarded *m = &bed->memory[side][i];
            if (!guard_holds(m, trapped->address))
                continue;
            ptrdiff_t at = (const char *)trapped->address - m->data;
            bool inside = at >= 0 && (size_t)at < m->bytes;
            snprintf(text, size, "%s byte %td of %s, which has %zu",
                     inside ? "wrote to" : "touched", at, op->operand[i].name, m->bytes);
            return;
        }
    snprintf(text, size, "%s", strsignal(trapped->signal));
}

/* One attempt on fresh outputs. */
static bool attempt(struct bed *bed, const struct kernel *kernel, enum side side, size_t first,
                    bool fresh, char *text, size_t size)
{
    struct attempt a = {kernel, &bed->call[side], first, fresh};
    struct trapped trapped;
    poison(bed, side);
    if (!trap_run(compute, &a, &trapped)) {
        explain_signal(bed, &trapped, text, size);
        return false;
    }
    return gaps_untouched(bed, side, text, size);
}

/* The outputs of both sides, bit for bit. Gaps are equal: both hold canaries. */
static bool same_bits(const struct bed *bed)
{
    for (size_t i = 0; i < bed->trial.op->operands; i++)
        if (operand_written(&bed->trial.op->operand[i]) && bed->memory[0][i].bytes &&
            memcmp(bed->memory[0][i].data, bed->memory[1][i].data, bed->memory[0][i].bytes) != 0)
            return false;
    return true;
}

/* One attempt on a side, its outputs within the bound. */
static bool near(struct bed *bed, const struct kernel *kernel, enum side side, size_t first,
                 bool fresh, struct verdict *v)
{
    char worst[192];
    if (!attempt(bed, kernel, side, first, fresh, v->text, sizeof v->text))
        return false;
    double error = oracle_error(&bed->oracle, &bed->call[side], worst, sizeof worst);
    v->error = fmax(v->error, error);
    if (error > 1)
        snprintf(v->text, sizeof v->text, "off by %.3g of the bound at %s", error, worst);
    return error <= 1;
}

struct verdict bed_try(struct bed *bed, const struct kernel *kernel)
{
    struct verdict v = {.error = 0};
    size_t parts = call_parts(bed->trial.op, &bed->call[0]),
           cut = parts > 1 ? 1 + bed->trial.seed % (parts - 1) : 0;
    for (enum side side = 0; side < SIDES; side++)
        if (!near(bed, kernel, side, 0, false, &v))
            return v;
    if (!same_bits(bed)) {
        snprintf(v.text, sizeof v.text, "the result depends on the operands' alignment");
        return v;
    }
    if (cut && !near(bed, kernel, SIDE_START, cut, false, &v))
        return v;
    if (cut && !kernel->cut_changes_bits && !same_bits(bed)) {
        snprintf(v.text, sizeof v.text, "cutting the %s behind %s %zu changes the result",
                 bed->trial.op->split == BATCH ? "batch" : axis_name(bed->trial.op->split),
                 bed->trial.op->split == BATCH ? "row" : "number", cut);
        return v;
    }
    if (kernel->fresh && !near(bed, kernel, SIDE_START, 0, true, &v))
        return v;
    if (kernel->fresh && !same_bits(bed)) {
        snprintf(v.text, sizeof v.text, "without preparation the result is another");
        return v;
    }
    v.passed = true;
    return v;
}
