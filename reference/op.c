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
        [BATCH] = "BATCH",     [IN] = "IN",           [OUT] = "OUT",     [FIELDS] = "FIELDS",
        [ROWS] = "ROWS",       [IDS] = "IDS",         [WIDTH] = "WIDTH", [TASKS] = "TASKS",
        [HIDDEN] = "HIDDEN",   [HEADS] = "HEADS",     [STEPS] = "STEPS", [SUMS] = "SUMS",
        [TOUCHED] = "TOUCHED", [VECTORS] = "VECTORS", [OWN] = "OWN",     [SHARED] = "SHARED",
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

enum dtype operand_dtype(const struct operand *operand, enum dtype dtype)
{
    return operand->index ? DTYPE_I32 : operand->narrow ? dtype : dtype_sums(dtype);
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

size_t span_bytes(const struct operand *operand, const struct dims *dims,
                  const struct tensor *tensor)
{
    const size_t bytes = operand_span(operand, dims, tensor->ld) * dtype_bytes(tensor->dtype);
    const bool affine = tensor->dtype == DTYPE_I8 && operand_rows(operand, dims);
    return bytes + (affine ? sizeof(struct affine) : 0);
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
        enum dtype dtype = call->tensor[i].dtype;
        size_t row = row_bytes(dtype, operand_row(operand, &call->dims));
        bytes += (double)(operand_rows(operand, &call->dims) * row +
                          operand->fence * dtype_bytes(dtype));
    }
    return bytes;
}

/* Elements from one index of that axis to the next; 0 where the operand does not have it. */
static size_t step_of(const struct operand *operand, const struct dims *dims,
                      const struct tensor *t, enum axis axis)
{
    size_t step = 0;
    for (int a = 0; a < OPERAND_AXES && operand->axes[a] != AXIS_NONE; a++)
        step = operand->axes[a] == axis ? (a ? 1 : t->ld) : step * dims->extent[operand->axes[a]];
    return operand->axes[0] == axis ? t->ld : step;
}

static struct call cut(const struct op *op, const struct call *call, enum axis axis, size_t first,
                       size_t count)
{
    struct call part = *call;
    part.dims.extent[axis] = count;
    for (size_t i = 0; i < op->operands; i++) {
        struct tensor *t = &part.tensor[i];
        if (t->data)
            t->data = (char *)t->data + first * step_of(&op->operand[i], &call->dims, t, axis) *
                                            dtype_bytes(t->dtype);
    }
    return part;
}

struct call call_rows(const struct op *op, const struct call *call, size_t first, size_t count)
{
    return cut(op, call, BATCH, first, count);
}

struct call call_part(const struct op *op, const struct call *call, size_t first, size_t count)
{
    return cut(op, call, op->split, first, count);
}

size_t call_parts(const struct op *op, const struct call *call)
{
    return op->split == AXIS_NONE ? 1 : call->dims.extent[op->split];
}

bool operand_written(const struct operand *operand)
{
    return operand->role == ROLE_OUT || operand->role == ROLE_STATE;
}

bool operand_kept(const struct operand *operand, const struct options *options)
{
    return operand->role == ROLE_STATE || (operand->sums && options->add);
}

double sum_error(const struct tensor *table, size_t rows, double roundoff)
{
    const size_t roundings = table->dtype == DTYPE_I8 ? 3 * rows : rows;
    return roundings > 1 ? accumulation_error(roundings, roundoff) : 0;
}

double accumulation_error(size_t terms, double roundoff)
{
    return (4 + 4 * sqrt((double)terms)) * roundoff;
}
