/* Random rows of a table, read and added up: what an embedding can at best reach. */
#include "reference/op.h"
#include "reference/operands.h"

#include <math.h>

static void reference(const struct call *call)
{
    const size_t *n = call->dims.extent;
    for (size_t e = 0; e < n[WIDTH]; e++) {
        double sum = 0;
        for (size_t k = 0; k < n[IDS]; k++)
            sum += real_at(&call->tensor[GATHER_TABLE], index_at(&call->tensor[GATHER_IDS], k), e);
        real_put(&call->tensor[GATHER_Y], e, 0, sum);
    }
}

static void bound(const struct call *call, double roundoff)
{
    const size_t *n = call->dims.extent;
    for (size_t e = 0; e < n[WIDTH]; e++) {
        double sum = 0;
        for (size_t k = 0; k < n[IDS]; k++)
            sum += fabs(
                real_at(&call->tensor[GATHER_TABLE], index_at(&call->tensor[GATHER_IDS], k), e));
        real_put(&call->tensor[GATHER_Y], e, 0, accumulation_error(n[IDS], roundoff) * sum);
    }
}

static double flops(const struct call *call)
{
    return (double)call->dims.extent[IDS] * (double)call->dims.extent[WIDTH];
}

/* The rows and their ids; the sum stays in registers or in L1. */
static double bytes(const struct call *call)
{
    const size_t *n = call->dims.extent;
    size_t row = n[WIDTH] * dtype_bytes(call->tensor[GATHER_TABLE].dtype);
    return (double)n[IDS] * (double)(row + sizeof(int32_t));
}

const struct op gather_op = {
    .name = "gather",
    .formula = "y = sum over k of table[ids[k]]",
    .probe = true,
    .operands = 3,
    .operand =
        {
            [GATHER_IDS] = {"ids", ROLE_IN, .index = true, .axes = {IDS, AXIS_NONE}},
            [GATHER_TABLE] = {"table", ROLE_WEIGHT, .axes = {ROWS, WIDTH, AXIS_NONE}},
            [GATHER_Y] = {"y", ROLE_OUT, .axes = {WIDTH, AXIS_NONE}},
        },
    .reference = reference,
    .bound = bound,
    .flops = flops,
    .bytes = bytes,
};
