/* The heads of all tasks. EKTM.md, layer 8. */
#include "reference/op.h"
#include "reference/operands.h"

extern const struct op head_op;

static struct tensor from(const struct tensor *t, size_t row, size_t column)
{
    struct tensor part = *t;
    part.data = (char *)t->data + (row * t->ld + column) * dtype_bytes(t->dtype);
    return part;
}

/* The head of task `task` alone. */
static struct call head_of(const struct call *call, size_t task)
{
    const size_t width = call->dims.extent[WIDTH];
    const struct tensor *t = call->tensor;
    struct call head = {.dims = call->dims};
    head.tensor[HEAD_X] = task ? from(&t[HEADS_Z], 0, (task - 1) * width) : t[HEADS_F0];
    for (size_t i = HEAD_U; i <= HEAD_V; i++) {
        head.tensor[i] = from(&t[HEADS_U + i - HEAD_U], task, 0);
        head.tensor[i].ld = i == HEAD_U ? width : 1;
    }
    head.tensor[HEAD_P] = from(&t[HEADS_P], 0, task);
    return head;
}

static void reference(const struct call *call)
{
    for (size_t task = 0; task < call->dims.extent[HEADS]; task++) {
        struct call head = head_of(call, task);
        head_op.reference(&head);
    }
}

static void bound(const struct call *call, double roundoff)
{
    for (size_t task = 0; task < call->dims.extent[HEADS]; task++) {
        struct call head = head_of(call, task);
        head_op.bound(&head, roundoff);
    }
}

static double flops(const struct call *call)
{
    return (double)call->dims.extent[HEADS] * head_op.flops(call);
}

const struct op heads_op = {
    .name = "heads",
    .formula = "p_i = sigmoid(w_i ReLU(U_i x_i + u_i) + v_i), x_0 = f_0, x_i = z_i",
    .operands = 7,
    .operand =
        {
            [HEADS_F0] = {"f0", ROLE_IN, .axes = {BATCH, WIDTH, AXIS_NONE}},
            [HEADS_Z] = {"z", ROLE_IN, .axes = {BATCH, TASKS, WIDTH}},
            [HEADS_U] = {"U", ROLE_WEIGHT, .axes = {HEADS, HIDDEN, WIDTH}},
            [HEADS_UBIAS] = {"u", ROLE_WEIGHT, .axes = {HEADS, HIDDEN, AXIS_NONE}},
            [HEADS_W] = {"w", ROLE_WEIGHT, .axes = {HEADS, HIDDEN, AXIS_NONE}},
            [HEADS_V] = {"v", ROLE_WEIGHT, .axes = {HEADS, AXIS_NONE}},
            [HEADS_P] = {"p", ROLE_OUT, .axes = {BATCH, HEADS, AXIS_NONE}},
        },
    .reference = reference,
    .bound = bound,
    .flops = flops,
};
