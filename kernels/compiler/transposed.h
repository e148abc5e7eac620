/* Weights [out, in] turned to [in, out], so that the innermost loop of a product runs over outputs
 * that lie side by side: the form a compiler vectorises without reordering a sum. */
#ifndef EKTM_KERNELS_COMPILER_TRANSPOSED_H
#define EKTM_KERNELS_COMPILER_TRANSPOSED_H

#include "kernels/packed.h"
#include "reference/op.h"

/* to[k * outs + o] = from[o, k] */
static inline void transpose(float *to, const struct tensor *from, size_t outs, size_t ins)
{
    const float *w = from->data;
    for (size_t o = 0; o < outs; o++)
        for (size_t k = 0; k < ins; k++)
            to[k * outs + o] = w[o * from->ld + k];
}

/* `transpose` into new memory; NULL: out of memory. */
static inline float *transposed(const struct tensor *from, size_t outs, size_t ins)
{
    float *to = packed_alloc(outs * ins * sizeof *to);
    if (to)
        transpose(to, from, outs, ins);
    return to;
}

/* y[o] += sum over k of x[k] * w[k, o] for `rows` rows, four at a time so that each weight read
 * serves four of them. */
static inline void accumulate(float *restrict y, size_t ldy, const float *restrict x, size_t ldx,
                              const float *restrict w, size_t rows, size_t ins, size_t outs)
{
    size_t b = 0;
    for (; b + 4 <= rows; b += 4) {
        float *y0 = y + b * ldy, *y1 = y0 + ldy, *y2 = y1 + ldy, *y3 = y2 + ldy;
        const float *xb = x + b * ldx;
        for (size_t k = 0; k < ins; k++) {
            float x0 = xb[k], x1 = xb[ldx + k], x2 = xb[2 * ldx + k], x3 = xb[3 * ldx + k];
            for (size_t o = 0; o < outs; o++) {
                y0[o] += x0 * w[k * outs + o];
                y1[o] += x1 * w[k * outs + o];
                y2[o] += x2 * w[k * outs + o];
                y3[o] += x3 * w[k * outs + o];
            }
        }
    }
    for (; b < rows; b++)
        for (size_t k = 0; k < ins; k++)
            for (size_t o = 0; o < outs; o++)
                y[b * ldy + o] += x[b * ldx + k] * w[k * outs + o];
}

#endif
