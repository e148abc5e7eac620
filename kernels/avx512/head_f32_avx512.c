/* Head of one task: p = sigmoid(w . ReLU(U x + u) + v), for each row of the batch.
 *
 *                   64 hidden units (one panel)
 *              k | U  U  U  U |
 *      6 rows  x | +  +  +  + |  -> ReLU -> times w, added over vectors and panels
 *              : | :  :  :  : |             |
 *                                           v
 *                       logit, 16 partial sums of a row -> one number -> + v -> sigmoid -> p
 *
 * The tile is product.h's; a tile runs over all terms at once, since the hidden units never see
 * memory: when they are whole, their product with w goes into one vector of partial sums for each
 * row. 48 rows' logits then pass through the logistic function 16 at a time. Units that fill up the
 * last vector are masked to 0. Bottleneck: the multiply-adds; for one row reading U. */
#include "kernels/avx512/head.h"
#include "kernels/kernel.h"
#include "reference/operands.h"

#include <stdlib.h>

extern const struct op head_op;
extern const struct backend avx512_backend;

static void *prepare(const struct call *call)
{
    const struct tensor *t = call->tensor;
    return head_pack(&t[HEAD_U], &t[HEAD_UBIAS], call->dims.extent[HIDDEN],
                     call->dims.extent[WIDTH]);
}

static void run(const struct call *call)
{
    const struct tensor *t = call->tensor;
    const struct head h = {call->prepared, t[HEAD_X].data, t[HEAD_W].data, t[HEAD_X].ld};
    const size_t batch = call->dims.extent[BATCH], ld = t[HEAD_P].ld;
    const __m512 v = _mm512_set1_ps(*(const float *)t[HEAD_V].data);
    float *p = t[HEAD_P].data;
    for (size_t b = 0; b < batch; b += HEAD_ROWS) {
        _Alignas(64) float logit[HEAD_ROWS] = {0};
        const size_t rows = at_most(batch - b, HEAD_ROWS);
        logits(logit, &h, b, rows);
        for (size_t r = 0; r < rows; r += LANES)
            _mm512_store_ps(logit + r,
                            vector_logistic(_mm512_add_ps(_mm512_load_ps(logit + r), v)));
        for (size_t r = 0; r < rows; r++)
            p[(b + r) * ld] = logit[r];
    }
}

const struct kernel head_f32_avx512 = {
    .name = "head_f32_avx512",
    .op = &head_op,
    .dtype = DTYPE_F32,
    .backend = &avx512_backend,
    .isa = ISA_AVX512,
    .run = run,
    .prepare = prepare,
    .release = free,
    .about = "6 rows x 64 hidden units in registers, w and sigmoid fused; bound by multiply-adds",
};
