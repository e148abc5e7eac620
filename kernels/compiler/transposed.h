/* Weights [out, in] turned to [in, out], so that the innermost loop of a product runs over outputs
 * that lie side by side: the form a compiler vectorises without reordering a sum. */
#ifndef EKTM_KERNELS_COMPILER_TRANSPOSED_H
#define EKTM_KERNELS_COMPILER_TRANSPOSED_H

#include "kernels/compiler/blocks.h"
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

/* y[b, o] += sum over k of x[b, k] * w[k, o] for a block of rows. Leading dimensions are in
 * elements.
 *
 * The plain loop, in the order that vectorises: unrolling it and keeping sums in registers is what
 * the compiler may do and hand-written kernels are for. Every row of every call goes through this
 * one copy: were it inlined, a compiler might treat its copies differently, and a row could have
 * other bits depending on how many rows there are. */
static __attribute__((noinline)) void accumulate(float *restrict y, size_t ldy,
                                                 const float *restrict x, size_t ldx,
                                                 const float *restrict w, size_t ldw, size_t rows,
                                                 size_t ins, size_t outs)
{
    for (size_t k = 0; k < ins; k++)
        for (size_t b = 0; b < rows; b++)
            for (size_t o = 0; o < outs; o++)
                y[b * ldy + o] += x[b * ldx + k] * w[k * ldw + o];
}

/* What the sums of a row start with: y[o] = bias[o]. */
static inline void fill(float *restrict y, const float *restrict bias, size_t outs)
{
    for (size_t o = 0; o < outs; o++)
        y[o] = bias[o];
}

/* What they may end with: y[o] = max(y[o], 0), NaN kept. */
static inline void relu(float *restrict y, size_t outs)
{
    for (size_t o = 0; o < outs; o++)
        y[o] = y[o] < 0 ? 0 : y[o];
}

#endif
