/* Backward pass of an embedding, and one step of row-wise Adagrad on the rows that a batch names.
 */
#include "reference/op.h"
#include "reference/operands.h"

#include <math.h>

/* The bags that name a row. */
struct named {
    size_t row, begin, end; /* in bag */
};

static struct named named_of(const struct call *call, size_t at)
{
    const struct tensor *t = call->tensor, *begin = &t[ADAGRAD_BEGIN];
    return (struct named){index_at(&t[ADAGRAD_ROW], at), index_at(begin, at),
                          index_at(begin, at + 1)};
}

/* What a bag passes on of its derivative to each of its rows. */
static double part_of(const struct call *call, size_t bag)
{
    const struct tensor *bags = &call->tensor[ADAGRAD_BAGS];
    return call->options.pooling == POOLING_MEAN
               ? 1 / (double)(index_at(bags, bag + 1) - index_at(bags, bag))
               : 1;
}

/* Element `e` of a row's gradient; with `magnitude` of absolute values. */
static double gradient(const struct call *call, const struct named *named, size_t e, bool magnitude)
{
    const size_t *n = call->dims.extent;
    const struct tensor *t = call->tensor;
    double sum = 0;
    for (size_t k = named->begin; k < named->end; k++) {
        const size_t bag = index_at(&t[ADAGRAD_BAG], k);
        const size_t b = bag / n[FIELDS], f = bag % n[FIELDS];
        const double dx = real_at(&t[ADAGRAD_DX], b, f * n[WIDTH] + e) * part_of(call, bag);
        sum += magnitude ? fabs(dx) : dx;
    }
    return sum;
}

static double mean_square(const struct call *call, const struct named *named)
{
    const size_t width = call->dims.extent[WIDTH];
    double sum = 0;
    for (size_t e = 0; e < width; e++) {
        const double g = gradient(call, named, e, false);
        sum += g * g;
    }
    return sum / (double)width;
}

static void reference(const struct call *call)
{
    const size_t *n = call->dims.extent;
    const struct tensor *table = &call->tensor[ADAGRAD_TABLE], *s = &call->tensor[ADAGRAD_S];
    for (size_t at = 0; at < n[TOUCHED]; at++) {
        const struct named named = named_of(call, at);
        const double sum = real_at(s, named.row, 0) + mean_square(call, &named);
        const double factor =
            (double)call->options.rate / (sqrt(sum) + (double)call->options.epsilon);
        real_put(s, named.row, 0, sum);
        for (size_t e = 0; e < n[WIDTH]; e++)
            real_put(table, named.row, e,
                     real_at(table, named.row, e) - factor * gradient(call, &named, e, false));
    }
}

/* No error is allowed to a row that is not named: it stays as it is. */
static void forbid(const struct call *call)
{
    const size_t *n = call->dims.extent;
    for (size_t r = 0; r < n[ROWS]; r++) {
        bool named = false;
        for (size_t at = 0; at < n[TOUCHED]; at++)
            named = named || index_at(&call->tensor[ADAGRAD_ROW], at) == r;
        if (named)
            continue;
        real_put(&call->tensor[ADAGRAD_S], r, 0, 0);
        for (size_t e = 0; e < n[WIDTH]; e++)
            real_put(&call->tensor[ADAGRAD_TABLE], r, e, 0);
    }
}

/* Error of element `e` of a row's gradient: one rounding for each addition and for the mean's part.
 */
static double gradient_error(const struct call *call, const struct named *named, size_t e,
                             double roundoff)
{
    return accumulation_error(2 * (named->end - named->begin), roundoff) *
           gradient(call, named, e, true);
}

/* The sum of squares errs by what its terms do and by its own additions; its root by half that,
 * relative to itself. */
static void bound(const struct call *call, double roundoff)
{
    const size_t *n = call->dims.extent;
    const struct options *o = &call->options;
    const struct tensor *table = &call->tensor[ADAGRAD_TABLE], *s = &call->tensor[ADAGRAD_S];
    for (size_t at = 0; at < n[TOUCHED]; at++) {
        const struct named named = named_of(call, at);
        const double sum = real_at(s, named.row, 0) + mean_square(call, &named);
        double squares = 0;
        for (size_t e = 0; e < n[WIDTH]; e++) {
            const double error = gradient_error(call, &named, e, roundoff);
            squares += error * (2 * fabs(gradient(call, &named, e, false)) + error);
        }
        const double error =
            squares / (double)n[WIDTH] + accumulation_error(n[WIDTH] + 2, roundoff) * sum;
        const double root = fmin(error / sqrt(sum), sqrt(error)),
                     all = sqrt(sum) + (double)o->epsilon;
        const double factor = (double)o->rate / all, relative = 2 * root / all + 8 * roundoff;
        real_put(s, named.row, 0, error);
        for (size_t e = 0; e < n[WIDTH]; e++) {
            const double change = factor * fabs(gradient(call, &named, e, false));
            real_put(table, named.row, e,
                     roundoff * (fabs(real_at(table, named.row, e)) + change) + change * relative +
                         factor * gradient_error(call, &named, e, roundoff));
        }
    }
    forbid(call);
}

/* A gradient added up, squared and applied. */
static double flops(const struct call *call)
{
    const size_t *n = call->dims.extent;
    return (double)n[WIDTH] * ((double)n[IDS] + 4 * (double)n[TOUCHED]);
}

/* Gradients once for each id; rows and their sums read and written; indices. */
static double bytes(const struct call *call)
{
    const size_t *n = call->dims.extent, width = n[WIDTH];
    const size_t real = dtype_bytes(call->tensor[ADAGRAD_DX].dtype);
    return (double)(n[IDS] * (width * real + sizeof(int32_t)) +
                    n[TOUCHED] * (2 * (width + 1) * real + 2 * sizeof(int32_t)));
}

const struct op adagrad_op =
    {
        .name = "adagrad",
        .formula =
            "g = sum of dx over a row's bags, s += mean g^2, row -= rate g / (sqrt(s) + epsilon)",
        .training = true,
        .split = TOUCHED,
        .operands = 7,
        .operand =
            {
                [ADAGRAD_DX] = {"dx", ROLE_IN, .axes = {BATCH, FIELDS, WIDTH}},
                [ADAGRAD_BAGS] = {"bags", ROLE_IN, .index = true, .optional = true,
                                  .axes = {BATCH, FIELDS, AXIS_NONE}, .fence = 1},
                [ADAGRAD_ROW] = {"row", ROLE_IN, .index = true, .axes = {TOUCHED, AXIS_NONE}},
                [ADAGRAD_BEGIN] = {"begin", ROLE_IN, .index = true, .axes = {TOUCHED, AXIS_NONE},
                                   .fence = 1},
                [ADAGRAD_BAG] = {"bag", ROLE_IN, .index = true, .axes = {IDS, AXIS_NONE}},
                [ADAGRAD_TABLE] = {"table", ROLE_STATE, .axes = {ROWS, WIDTH, AXIS_NONE}},
                [ADAGRAD_S] = {"s", ROLE_STATE, .axes = {ROWS, AXIS_NONE}},
            },
        .reference = reference,
        .bound = bound,
        .flops = flops,
        .bytes = bytes,
};
