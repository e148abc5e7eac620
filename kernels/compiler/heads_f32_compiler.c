/* The heads of all tasks: p_i = sigmoid(w_i ReLU(U_i x_i + u_i) + v_i), x_0 = f_0, x_i = z_i.
 *
 * The logits of one task behind the other, as in head.h, then one loop of the logistic function for
 * all of them. Bound by reading the weights and the hidden units from L1, once for every
 * multiply-add. */
#include "kernels/compiler/head.h"
#include "kernels/variant.h"

#include <stdlib.h>

extern const struct backend compiler_backend;

enum { HEADS_MAX = TASKS_MAX + 1 };

/* The weights of head `task` alone. */
static void weights_of(struct tensor own[HEADS_P - HEADS_U], const struct call *call, size_t task)
{
    for (size_t i = HEADS_U; i < HEADS_P; i++) {
        const struct tensor *all = &call->tensor[i];
        own[i - HEADS_U] = (struct tensor){(float *)all->data + task * all->ld,
                                           i == HEADS_U ? call->dims.extent[WIDTH] : 1, DTYPE_F32};
    }
}

static void *prepare(const struct call *call)
{
    const size_t *n = call->dims.extent;
    float *packed = packed_alloc(n[HEADS] * head_floats(n[HIDDEN], n[WIDTH]) * sizeof *packed);
    float *to = packed;
    for (size_t task = 0; packed && task < n[HEADS]; task++) {
        struct tensor own[HEADS_P - HEADS_U];
        weights_of(own, call, task);
        to = head_pack(to, own, n[HIDDEN], n[WIDTH]);
    }
    return packed;
}

static struct head head_of(const struct call *call, size_t task)
{
    const size_t *n = call->dims.extent;
    const struct tensor *x = &call->tensor[task ? HEADS_Z : HEADS_F0];
    return (struct head){(const float *)x->data + (task ? (task - 1) * n[WIDTH] : 0),
                         (const float *)call->prepared + task * head_floats(n[HIDDEN], n[WIDTH]),
                         x->ld, n[WIDTH], n[HIDDEN]};
}

static void run(const struct call *call)
{
    const struct tensor *p = &call->tensor[HEADS_P];
    size_t batch = call->dims.extent[BATCH], tasks = call->dims.extent[HEADS];
    for (size_t b = 0; b < batch; b += BLOCK_ROWS) {
        size_t rows = at_most(batch - b, BLOCK_ROWS);
        float logit[BLOCK_ROWS * HEADS_MAX] = {0};
        for (size_t task = 0; task < tasks; task++) {
            const struct head h = head_of(call, task);
            logits(logit + task * rows, &h, b, rows);
        }
        predict(logit, tasks * rows);
        for (size_t r = 0; r < rows; r++)
            for (size_t task = 0; task < tasks; task++)
                ((float *)p->data)[(b + r) * p->ld + task] = logit[task * rows + r];
    }
}

const struct kernel KERNEL = {
    .name = KERNEL_NAME,
    .op = &heads_op,
    .dtype = DTYPE_F32,
    .backend = &compiler_backend,
    .isa = KERNEL_ISA,
    .run = run,
    .prepare = prepare,
    .release = free,
    .about = "plain C: blocks of 32 rows, all tasks' logits through one loop; load-bound",
};
