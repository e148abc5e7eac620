/* The heads of all tasks: p_i = sigmoid(w_i . ReLU(U_i x_i + u_i) + v_i), x_0 = f_0, x_i = z_i, for
 * each row of the batch.
 *
 *     task 0    x_0 . U_0 -> logits of up to 48 rows |
 *     task 1    x_1 . U_1 -> logits of up to 48 rows |-> sigmoid, 8 at a time -> p
 *       :                                            |
 *
 * A head's tile is head.h's: 6 rows x 16 hidden units in registers, ReLU and w fused. The logits of
 * all tasks lie side by side and pass through the logistic function together: a row alone has all
 * its tasks in one vector, where head after head would take a vector for each. Bottleneck: the
 * multiply-adds; for one row reading U. Tails are the head's; lanes behind the last logit
 * begin as zeros and are not stored. */
#include "kernels/avx2/head.h"
#include "kernels/kernel.h"
#include "kernels/parts.h"
#include "reference/operands.h"

extern const struct op heads_op;
extern const struct backend avx2_backend;

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
        heads->part[task] = head_pack(&u, &bias, n[HIDDEN], n[WIDTH]);
    }
    return heads ? parts_whole(heads) : NULL;
}

static struct head head_of(const struct call *call, size_t task)
{
    const size_t width = call->dims.extent[WIDTH];
    const struct tensor *t = call->tensor, *x = task ? &t[HEADS_Z] : &t[HEADS_F0];
    const struct parts *heads = call->prepared;
    return (struct head){heads->part[task],
                         (const float *)x->data + (task ? (task - 1) * width : 0),
                         of_task(&t[HEADS_W], task), x->ld};
}

/* Makes predictions of `count` logits, in vectors: what fills up the last one is there and aligned.
 */
INLINE void predict(float *logit, size_t count)
{
    for (size_t i = 0; i < count; i += LANES)
        _mm256_store_ps(logit + i, vector_logistic(_mm256_load_ps(logit + i)));
}

static void run(const struct call *call)
{
    const struct tensor *p = &call->tensor[HEADS_P];
    const size_t batch = call->dims.extent[BATCH], tasks = call->dims.extent[HEADS];
    for (size_t b = 0; b < batch; b += HEAD_ROWS) {
        _Alignas(32) float logit[HEAD_ROWS * HEADS_MAX];
        const size_t rows = at_most(batch - b, HEAD_ROWS);
        _mm256_store_ps(logit + (tasks * rows - 1) / LANES * LANES, _mm256_setzero_ps());
        for (size_t task = 0; task < tasks; task++) {
            const struct head h = head_of(call, task);
            const float v = *of_task(&call->tensor[HEADS_V], task);
            float *own = logit + task * rows;
            logits(own, &h, b, rows);
            for (size_t r = 0; r < rows; r++)
                own[r] += v;
        }
        predict(logit, tasks * rows);
        for (size_t r = 0; r < rows; r++)
            for (size_t task = 0; task < tasks; task++)
                ((float *)p->data)[(b + r) * p->ld + task] = logit[task * rows + r];
    }
}

const struct kernel heads_f32_avx2 = {
    .name = "heads_f32_avx2",
    .op = &heads_op,
    .dtype = DTYPE_F32,
    .backend = &avx2_backend,
    .isa = ISA_AVX2,
    .run = run,
    .prepare = prepare,
    .release = parts_free,
    .about = "all tasks' logits through one logistic function; bound by multiply-adds",
};
