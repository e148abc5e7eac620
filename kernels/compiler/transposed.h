/* Weights [out, in] turned to [in, out], so that the innermost loop of a product runs over outputs
 * that lie side by side: the form a compiler vectorises without reordering a sum. */
#ifndef EKTM_KERNELS_COMPILER_TRANSPOSED_H
#define EKTM_KERNELS_COMPILER_TRANSPOSED_H

#include "kernels/packed.h"
#include "reference/op.h"

/* to[k * outs + o] = from[o, k]. Returns the first element behind what it wrote. */
static inline float *transpose(float *to, const struct tensor *from, size_t outs, size_t ins)
{
    const float *w = from->data;
    for (size_t o = 0; o < outs; o++)
        for (size_t k = 0; k < ins; k++)
            to[k * outs + o] = w[o * from->ld + k];
    return to + outs * ins;
}

/* to[i] = from[i]. Returns the first element behind what it wrote. */
static inline float *pack_vector(float *to, const struct tensor *from, size_t count)
{
    const float *v = from->data;
    for (size_t i = 0; i < count; i++)
        to[i] = v[i];
    return to + count;
}

/* Outputs are computed for blocks of so many rows: while a few inputs are added to them, the
 * weights of these inputs stay in L1 and the rows no further away than L2, and all weights come
 * from memory once for each block. */
enum { BLOCK_ROWS = 32 };

/* y[o] += sum over `terms` inputs, a constant, of x[k] * w[k * ldw + o]: each y read and written
 * serves several products. */
static inline __attribute__((always_inline)) void add_terms(float *restrict y,
                                                            const float *restrict x,
                                                            const float *restrict w, size_t ldw,
                                                            size_t outs, size_t terms)
{
    for (size_t o = 0; o < outs; o++) {
        float sum = y[o];
        for (size_t k = 0; k < terms; k++)
            sum += x[k] * w[k * ldw + o];
        y[o] = sum;
    }
}

/* Every row of every call goes through these three copies of the loop. Were they inlined, a
 * compiler might treat their copies differently, and a row could have other bits depending on how
 * many rows there are. */
static __attribute__((noinline)) void add_eight(float *restrict y, const float *restrict x,
                                                const float *restrict w, size_t ldw, size_t outs)
{
    add_terms(y, x, w, ldw, outs, 8);
}

static __attribute__((noinline)) void add_four(float *restrict y, const float *restrict x,
                                               const float *restrict w, size_t ldw, size_t outs)
{
    add_terms(y, x, w, ldw, outs, 4);
}

static __attribute__((noinline)) void add_one(float *restrict y, const float *restrict x,
                                              const float *restrict w, size_t ldw, size_t outs)
{
    add_terms(y, x, w, ldw, outs, 1);
}

/* y[b, o] += sum over k of x[b, k] * w[k, o] for a block of rows. Leading dimensions are in
 * elements. */
static inline void accumulate(float *y, size_t ldy, const float *x, size_t ldx, const float *w,
                              size_t ldw, size_t rows, size_t ins, size_t outs)
{
    size_t k = 0;
    for (; k + 8 <= ins; k += 8)
        for (size_t b = 0; b < rows; b++)
            add_eight(y + b * ldy, x + b * ldx + k, w + k * ldw, ldw, outs);
    for (; k + 4 <= ins; k += 4)
        for (size_t b = 0; b < rows; b++)
            add_four(y + b * ldy, x + b * ldx + k, w + k * ldw, ldw, outs);
    for (; k < ins; k++)
        for (size_t b = 0; b < rows; b++)
            add_one(y + b * ldy, x + b * ldx + k, w + k * ldw, ldw, outs);
}

static inline size_t at_most(size_t count, size_t limit) { return count < limit ? count : limit; }

#endif
