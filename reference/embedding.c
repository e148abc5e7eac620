/* Embedding with pooling. EKTM.md, layer 1. */
#include "reference/op.h"
#include "reference/operands.h"

#include <math.h>

struct bag {
    size_t field, begin, end; /* its ids are ids[begin .. end) */
};

static struct bag bag_at(const struct call *call, size_t row, size_t field)
{
    const struct tensor *bags = &call->tensor[EMBEDDING_BAGS];
    size_t q = row * call->dims.extent[FIELDS] + field;
    return (struct bag){field, index_at(bags, q), index_at(bags, q + 1)};
}

static size_t table_row(const struct call *call, const struct bag *bag, size_t at)
{
    return index_at(&call->tensor[EMBEDDING_FIRST], bag->field) +
           index_at(&call->tensor[EMBEDDING_IDS], at);
}

static double pooled(const struct call *call, const struct bag *bag, size_t e, bool magnitude)
{
    double sum = 0;
    for (size_t l = bag->begin; l < bag->end; l++) {
        const struct tensor *table = &call->tensor[EMBEDDING_TABLE];
        const size_t row = table_row(call, bag, l);
        sum += magnitude ? magnitude_at(table, row, e) : real_at(table, row, e);
    }
    bool mean = call->options.pooling == POOLING_MEAN && bag->end > bag->begin;
    return mean ? sum / (double)(bag->end - bag->begin) : sum;
}

static void reference(const struct call *call)
{
    const size_t *n = call->dims.extent;
    for (size_t b = 0; b < n[BATCH]; b++)
        for (size_t f = 0; f < n[FIELDS]; f++) {
            struct bag bag = bag_at(call, b, f);
            for (size_t e = 0; e < n[WIDTH]; e++)
                real_put(&call->tensor[EMBEDDING_X], b, f * n[WIDTH] + e,
                         pooled(call, &bag, e, false));
        }
}

/* One rounding for each addition, one for the mean and two for each number of an i8 row; a single
 * id of a wider format is copied. */
static void bound(const struct call *call, double roundoff)
{
    const size_t *n = call->dims.extent;
    for (size_t b = 0; b < n[BATCH]; b++)
        for (size_t f = 0; f < n[FIELDS]; f++) {
            struct bag bag = bag_at(call, b, f);
            size_t ids = bag.end - bag.begin;
            double error = sum_error(&call->tensor[EMBEDDING_TABLE], ids, roundoff);
            for (size_t e = 0; e < n[WIDTH]; e++)
                real_put(&call->tensor[EMBEDDING_X], b, f * n[WIDTH] + e,
                         error * pooled(call, &bag, e, true));
        }
}

static size_t ids_read(const struct call *call)
{
    const struct tensor *bags = &call->tensor[EMBEDDING_BAGS];
    size_t end = call->dims.extent[BATCH] * call->dims.extent[FIELDS];
    return index_at(bags, end) - index_at(bags, 0);
}

static double flops(const struct call *call)
{
    return (double)(ids_read(call) * call->dims.extent[WIDTH]);
}

/* The rows gathered, their ids and offsets, and the rows written. */
static double bytes(const struct call *call)
{
    const size_t *n = call->dims.extent;
    size_t bags = n[BATCH] * n[FIELDS], real = dtype_bytes(call->tensor[EMBEDDING_X].dtype);
    size_t row = row_bytes(call->tensor[EMBEDDING_TABLE].dtype, n[WIDTH]);
    return (double)(ids_read(call) * (row + sizeof(int32_t)) +
                    bags * (n[WIDTH] * real + sizeof(int32_t)));
}

const struct op embedding_op = {
    .name = "embedding",
    .formula = "x[b,f] = sum or mean of table[first[f] + id], id in bag (b,f)",
    .operands = 5,
    .operand =
        {
            [EMBEDDING_IDS] = {"ids", ROLE_IN, .index = true, .axes = {IDS, AXIS_NONE}},
            [EMBEDDING_BAGS] = {"bags", ROLE_IN, .index = true, .axes = {BATCH, FIELDS, AXIS_NONE},
                                .fence = 1},
            [EMBEDDING_FIRST] = {"first", ROLE_WEIGHT, .index = true, .axes = {FIELDS, AXIS_NONE}},
            [EMBEDDING_TABLE] = {"table", ROLE_WEIGHT, .narrow = true,
                                 .axes = {ROWS, WIDTH, AXIS_NONE}},
            [EMBEDDING_X] = {"x", ROLE_OUT, .axes = {BATCH, FIELDS, WIDTH}},
        },
    .reference = reference,
    .bound = bound,
    .flops = flops,
    .bytes = bytes,
};
