/* p = sigmoid(w ReLU(U x + u) + v). EKTM.md, layer 8.
 *
 * One pass: the hidden layer is never stored. The product of product.h makes a tile of hidden
 * units; ReLU and the multiplication by w happen on its registers, and only four partial logits a
 * row remain, one for each lane:
 *
 *     acc[8][2] --- ReLU ---> logit[row .. row+7] += acc[.][0] w[0..3] + acc[.][1] w[4..7]
 *
 * Panels pass in ascending order whatever the tile, so a logit is the same chain of multiply-adds
 * for any number of rows. When a chunk's hidden units are through, four rows at a time add up their
 * lanes pairwise and then take the logistic function together (head.h).
 *
 * Bottleneck: the multiply-add pipes from about eight rows on, the loads of weights below. Tails:
 * hidden units that do not exist are masked, since 0 times infinity is not 0; the last one to three
 * rows of the logistic function come with lanes that nobody stores. */
#include "kernels/kernel.h"
#include "kernels/neon/head.h"
#include "reference/operands.h"

#include <stdlib.h>

static void *prepare(const struct call *call)
{
    const struct tensor *t = call->tensor;
    return head_pack(&t[HEAD_U], &t[HEAD_UBIAS], t[HEAD_W].data, call->dims.extent[HIDDEN],
                     call->dims.extent[WIDTH]);
}

static void run(const struct call *call)
{
    const size_t *n = call->dims.extent;
    const struct tensor *t = call->tensor, *p = &t[HEAD_P];
    const struct head h = {call->prepared, t[HEAD_X].data, t[HEAD_X].ld,
                           n[WIDTH],       n[HIDDEN],      *(const float *)t[HEAD_V].data};
    for (size_t row = 0; row < n[BATCH]; row += CHUNK_ROWS) {
        const size_t rows = n[BATCH] - row < CHUNK_ROWS ? n[BATCH] - row : CHUNK_ROWS;
        float logit[CHUNK_ROWS];
        logits(logit, &h, row, rows);
        predict(logit, rows);
        for (size_t r = 0; r < rows; r++)
            ((float *)p->data)[(row + r) * p->ld] = logit[r];
    }
}

extern const struct op head_op;
extern const struct backend neon_backend;

const struct kernel head_f32_neon = {
    .name = "head_f32_neon",
    .op = &head_op,
    .dtype = DTYPE_F32,
    .backend = &neon_backend,
    .isa = ISA_NEON,
    .run = run,
    .prepare = prepare,
    .release = free,
    .about = "8 x 8 tile, hidden units never stored; bound by the multiply-add pipes",
};
