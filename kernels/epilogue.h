/* What a layer does to the sums of a plain matrix product: the rest of the layer for a library that
 * computes no more than the product.
 *
 * Matrices are row-major, leading dimensions in elements. Operands are aligned to their element
 * only; the bits of an element depend neither on where it lies nor on how many rows there are. */
#ifndef EKTM_KERNELS_EPILOGUE_H
#define EKTM_KERNELS_EPILOGUE_H

#include <stddef.h>

/* A matrix of which only the elements of its rows are read. */
struct rows {
    const float *data;
    size_t ld;
};

struct epilogue {
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

/* Compiled for the widest instruction set that this CPU has. */
const struct epilogue *epilogue_here(void);

#endif
