/* Random rows of a table, read and added up to some sums: what an embedding can at best reach. */
#include "reference/op.h"
#include "reference/operands.h"

#include <math.h>

static void reference(const struct call *call)
{
    const size_t *n = call->dims.extent;
    const struct tensor *t = call->tensor;
    for (size_t s = 0; s < n[SUMS]; s++)
        for (size_t e = 0; e < n[WIDTH]; e++) {
            double sum = 0;
            for (size_t k = gather_begin(n, s); k < gather_begin(n, s + 1); k++)
                sum += real_at(&t[GATHER_TABLE], index_at(&t[GATHER_IDS], k), e);
            real_put(&t[GATHER_Y], s, e, sum);
        }
}

static void bound(const struct call *call, double roundoff)
{
    const size_t *n = call->dims.extent;
    const struct tensor *t = call->tensor;
    for (size_t s = 0; s < n[SUMS]; s++)
        for (size_t e = 0; e < n[WIDTH]; e++) {
            const size_t begin = gather_begin(n, s), end = gather_begin(n, s + 1);
            double sum = 0;
            for (size_t k = begin; k < end; k++)
                sum += magnitude_at(&t[GATHER_TABLE], index_at(&t[GATHER_IDS], k), e);
            real_put(&t[GATHER_Y], s, e, sum_error(&t[GATHER_TABLE], end - begin, roundoff) * sum);
        }
}

static double flops(const struct call *call)
{
    return (double)call->dims.extent[IDS] * (double)call->dims.extent[WIDTH];
}

/* The rows and their ids, and the sums. */
static double bytes(const struct call *call)
{
    const size_t *n = call->dims.extent;
    size_t row = row_bytes(call->tensor[GATHER_TABLE].dtype, n[WIDTH]);
    size_t sum = row_bytes(call->tensor[GATHER_Y].dtype, n[WIDTH]);
    return (double)n[IDS] * (double)(row + sizeof(int32_t)) + (double)n[SUMS] * (double)sum;
}

const struct op gather_op = {
    .name = "gather",
    .formula = "y[s] = sum over k in part s of table[ids[k]]",
    .probe = true,
    .operands = 3,
    .operand =
        {
            [GATHER_IDS] = {"ids", ROLE_IN, .index = true, .axes = {IDS, AXIS_NONE}},
            [GATHER_TABLE] = {"table", ROLE_WEIGHT, .narrow = true,
                              .axes = {ROWS, WIDTH, AXIS_NONE}},
            [GATHER_Y] = {"y", ROLE_OUT, .axes = {SUMS, WIDTH, AXIS_NONE}},
        },
    .reference = reference,
    .bound = bound,
    .flops = flops,
    .bytes = bytes,
};
