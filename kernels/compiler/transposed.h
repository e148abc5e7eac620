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

/* to[i] = from[i]: a vector without its gaps. Returns the first element behind what it wrote. */
static inline float *pack_vector(float *to, const struct tensor *from, size_t count)
{
    const float *v = from->data;
    for (size_t i = 0; i < count; i++)
        to[i] = v[i * from->ld];
    return to + count;
}

/* Outputs are computed in blocks of so many rows and columns. A block and the weights of TERMS
 * inputs stay in L1, so that weights are read from memory once for all rows of a block. */
enum { BLOCK_ROWS = 16, BLOCK_OUTS = 256, TERMS = 8 };

/* y[o] += sum over TERMS inputs of x[k] * w[k * ldw + o]: each y read and written serves several
 * products.
 *
 * Every row of every call goes through this one copy of the loop. Inlined, a compiler may treat
 * the copies differently and give a row other bits depending on how many rows there are. */
static __attribute__((noinline)) void add_terms(float *restrict y, const float *restrict x,
                                                const float *restrict w, size_t ldw, size_t outs)
{
    for (size_t o = 0; o < outs; o++) {
        float sum = y[o];
        for (size_t k = 0; k < TERMS; k++)
            sum += x[k] * w[k * ldw + o];
        y[o] = sum;
    }
}

/* y[o] += x * w[o] */
static __attribute__((noinline)) void add_term(float *restrict y, float x, const float *restrict w,
                                               size_t outs)
{
    for (size_t o = 0; o < outs; o++)
        y[o] += x * w[o];
}

/* y[b, o] += sum over k of x[b, k] * w[k, o] for a block of outputs. Leading dimensions are in
 * elements. */
static inline void accumulate(float *y, size_t ldy, const float *x, size_t ldx, const float *w,
                              size_t ldw, size_t rows, size_t ins, size_t outs)
{
    size_t k = 0;
    for (; k + TERMS <= ins; k += TERMS)
        for (size_t b = 0; b < rows; b++)
            add_terms(y + b * ldy, x + b * ldx + k, w + k * ldw, ldw, outs);
    for (; k < ins; k++)
        for (size_t b = 0; b < rows; b++)
            add_term(y + b * ldy, x[b * ldx + k], w + k * ldw, outs);
}

static inline size_t at_most(size_t count, size_t limit) { return count < limit ? count : limit; }

#endif
