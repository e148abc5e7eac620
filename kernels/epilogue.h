/* What a layer does to the sums of a plain matrix product: the rest of the layer for a library that
 * computes no more than the product.
 *
 * Matrices are row-major, leading dimensions in elements. Operands are aligned to their element
 * only; the bits of an element depend neither on where it lies nor on how many rows there are. */
#ifndef EKTM_KERNELS_EPILOGUE_H
#define EKTM_KERNELS_EPILOGUE_H

#include "kernels/cpu.h"
#include "reference/quantize.h"

/* A matrix of which only the elements of its rows are read. */
struct rows {
    const float *data;
    size_t ld;
};

/* Products of integers, and what they stand for: those of row r and output o for
 * scale[o] (rounding[r].scale sums[r, o] + rounding[r].low (sum of the weights' integers)). */
struct integers {
    const int32_t *sums;
    size_t ld;
    const struct rounding *rounding; /* [rows] */
    const float *scale;              /* [outs] */
    const float *total;              /* [outs]: scale times the sum of the weights' integers */
};

struct epilogue {
    /* y[r, o] = max(start[o] + what the sums stand for, floor), NaN kept. Without a start, which
     * is NULL then, they are added to y. */
    void (*dequantize)(float *y, size_t ld, const struct integers *from, const float *start,
                       float floor, size_t rows, size_t outs);

    /* y[r, o] += bias[o] */
    void (*bias)(float *y, size_t ld, const float *bias, size_t rows, size_t outs);

    /* y[r, o] = max(y[r, o] + bias[o], 0) */
    void (*relu)(float *y, size_t ld, const float *bias, size_t rows, size_t outs);

    /* z[r, o] = f[r, o] + sigmoid(z[r, o] + c[o]) m[r, o] */
    void (*gate)(float *z, size_t ld, const float *c, struct rows f, struct rows m, size_t rows,
                 size_t outs);

    /* logit[r] += sum over h of w[h] max(hidden[r, h] + u[h], 0) */
    void (*units)(float *logit, struct rows hidden, const float *u, const float *w, size_t rows,
                  size_t units);

    /* p[r * ld] = sigmoid(logit[r]) */
    void (*predict)(float *p, size_t ld, const float *logit, size_t rows);
};

/* Compiled for that level. */
const struct epilogue *epilogue_at(enum isa isa);

/* Compiled for the widest instruction set that this CPU has. */
const struct epilogue *epilogue_here(void);

#endif
