#include "reference/op.h"

#include <math.h>
#include <string.h>

#define OP(name) extern const struct op name##_op;
#include "reference/ops.def"
#undef OP

const struct op *const ops[] = {
#define OP(name) &name##_op,
#include "reference/ops.def"
#undef OP
    NULL,
};

const char *axis_name(enum axis axis)
{
    static const char *const names[AXES] = {
        [BATCH] = "BATCH",   [IN] = "IN",       [OUT] = "OUT",     [FIELDS] = "FIELDS",
        [ROWS] = "ROWS",     [IDS] = "IDS",     [WIDTH] = "WIDTH", [TASKS] = "TASKS",
        [HIDDEN] = "HIDDEN", [HEADS] = "HEADS", [STEPS] = "STEPS", [SUMS] = "SUMS",
    };
    return names[axis];
}

const struct op *op_find(const char *name)
{
    for (const struct op *const *op = ops; *op; op++)
        if (strcmp((*op)->name, name) == 0)
            return *op;
    return NULL;
}

size_t operand_row(const struct operand *operand, const struct dims *dims)
{
    size_t row = 1;
    bool scalar = operand->axes[0] == AXIS_NONE;
    for (int a = 1; !scalar && a < OPERAND_AXES && operand->axes[a] != AXIS_NONE; a++)
        row *= dims->extent[operand->axes[a]];
    return row;
}

size_t operand_rows(const struct operand *operand, const struct dims *dims)
{
    return operand->axes[0] == AXIS_NONE ? 1 : dims->extent[operand->axes[0]];
}

size_t operand_span(const struct operand *operand, const struct dims *dims, size_t ld)
{
    size_t rows = operand_rows(operand, dims);
    return (rows ? (rows - 1) * ld + operand_row(operand, dims) : 0) + operand->fence;
}

double op_bytes(const struct op *op, const struct call *call)
{
    if (op->bytes)
        return op->bytes(call);
    double bytes = 0;
    for (size_t i = 0; i < op->operands; i++) {
        const struct operand *operand = &op->operand[i];
        if (operand->optional && !call->tensor[i].data)
            continue;
        size_t elements = operand_rows(operand, &call->dims) * operand_row(operand, &call->dims);
        bytes += (double)((elements + operand->fence) * dtype_bytes(call->tensor[i].dtype));
    }
    return bytes;
}

struct call call_rows(const struct op *op, const struct call *call, size_t first, size_t count)
{
    struct call part = *call;
    part.dims.extent[BATCH] = count;
    for (size_t i = 0; i < op->operands; i++) {
        struct tensor *t = &part.tensor[i];
        if (op->operand[i].axes[0] == BATCH && t->data)
            t->data = (char *)t->data + first * t->ld * dtype_bytes(t->dtype);
    }
    return part;
}

double accumulation_error(size_t terms, double roundoff)
{
    return (4 + 4 * sqrt((double)terms)) * roundoff;
}
