/* p_i = sigmoid(w_i ReLU(U_i x_i + u_i) + v_i), x_0 = f_0, x_i = z_i. EKTM.md, layer 8 of all
 * tasks.
 *
 * The logits of head.h, one task behind the other, side by side in a buffer:
 *
 *     task 0    x_0 . U_0 -> logits of up to 64 rows |
 *     task 1    x_1 . U_1 -> logits of up to 64 rows |-> sigmoid, 4 at a time -> p
 *       :                                            |
 *
 * A task's logits come in vectors of four; what the last one holds behind them, the next task
 * overwrites. So a row alone has four of its tasks in a vector of the logistic function, where head
 * after head would take a vector for each.
 *
 * Bottleneck: the multiply-add pipes from about eight rows on, the loads of weights below. Tails
 * are the head's. */
#include "kernels/kernel.h"
#include "kernels/neon/head.h"
#include "kernels/parts.h"
#include "reference/operands.h"

enum { HEADS_MAX = TASKS_MAX + 1 };

static float *of_task(const struct tensor *t, size_t task)
{
    return (float *)t->data + task * t->ld;
}

static void *prepare(const struct call *call)
{
    const size_t *n = call->dims.extent;
    const struct tensor *t = call->tensor;
    struct parts *heads = parts_alloc(n[HEADS]);
    for (size_t task = 0; heads && task < n[HEADS]; task++) {
        const struct tensor u = {of_task(&t[HEADS_U], task), n[WIDTH], DTYPE_F32};
        const struct tensor bias = {of_task(&t[HEADS_UBIAS], task), 1, DTYPE_F32};
        heads->part[task] = head_pack(&u, &bias, of_task(&t[HEADS_W], task), n[HIDDEN], n[WIDTH]);
    }
    return heads ? parts_whole(heads) : NULL;
}

static struct head head_of(const struct call *call, size_t task)
{
    const size_t *n = call->dims.extent;
    const struct tensor *t = call->tensor, *x = task ? &t[HEADS_Z] : &t[HEADS_F0];
    const struct parts *heads = call->prepared;
    return (struct head){heads->part[task],
                         (const float *)x->data + (task ? (task - 1) * n[WIDTH] : 0),
                         x->ld,
                         n[WIDTH],
                         n[HIDDEN],
                         *of_task(&t[HEADS_V], task)};
}

static void run(const struct call *call)
{
    const size_t *n = call->dims.extent;
    const struct tensor *p = &call->tensor[HEADS_P];
    for (size_t row = 0; row < n[BATCH]; row += CHUNK_ROWS) {
        const size_t rows = n[BATCH] - row < CHUNK_ROWS ? n[BATCH] - row : CHUNK_ROWS;
        float logit[CHUNK_ROWS * HEADS_MAX];
        for (size_t task = 0; task < n[HEADS]; task++) {
            const struct head h = head_of(call, task);
            logits(logit + task * rows, &h, row, rows);
        }
        predict(logit, n[HEADS] * rows);
        for (size_t r = 0; r < rows; r++)
            for (size_t task = 0; task < n[HEADS]; task++)
                ((float *)p->data)[(row + r) * p->ld + task] = logit[task * rows + r];
    }
}

extern const struct op heads_op;
extern const struct backend neon_backend;

const struct kernel heads_f32_neon = {
    .name = "heads_f32_neon",
    .op = &heads_op,
    .dtype = DTYPE_F32,
    .backend = &neon_backend,
    .isa = ISA_NEON,
    .run = run,
    .prepare = prepare,
    .release = parts_free,
    .about = "all tasks' logits through one logistic function; bound by the multiply-add pipes",
};
