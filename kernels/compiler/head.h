/* The logits of a task's head, whose hidden layer is computed in blocks on the stack, each of which
 * goes into the logits at once. */
#ifndef EKTM_KERNELS_COMPILER_HEAD_H
#define EKTM_KERNELS_COMPILER_HEAD_H

#include "kernels/compiler/exp.h"
#include "kernels/compiler/transposed.h"

enum { BLOCK_UNITS = 64, LOGITS = 16 };

struct head {
    const float *x, *packed; /* of head_pack */
    size_t ldx, width, units;
};

static inline size_t head_floats(size_t units, size_t width) { return (width + 2) * units + 1; }

/* U turned to [in, out], then u, w and v: four tensors one behind the other. Returns the first
 * element behind what it wrote. */
static inline float *head_pack(float *to, const struct tensor *t, size_t units, size_t width)
{
    float *u = transpose(to, &t[0], units, width);
    float *w = pack_vector(u, &t[1], units);
    float *v = pack_vector(w, &t[2], units);
    return pack_vector(v, &t[3], 1);
}

/* Sum of w ReLU(hidden): one copy of the loop for every row, as in transposed.h. */
static __attribute__((noinline)) float unit_sum(const float *restrict w,
                                                const float *restrict hidden, size_t units)
{
    float sum = 0;
    for (size_t h = 0; h < units; h++)
        sum += w[h] * (hidden[h] < 0 ? 0 : hidden[h]);
    return sum;
}

/* The logits of `rows` rows (up to BLOCK_ROWS) from row `first` on. */
static inline void logits(float *to, const struct head *head, size_t first, size_t rows)
{
    const size_t width = head->width, all = head->units;
    const float *u = head->packed + width * all, *w = u + all, *v = w + all;
    float hidden[BLOCK_ROWS][BLOCK_UNITS];
    for (size_t r = 0; r < rows; r++)
        to[r] = *v;
    for (size_t h = 0; h < all; h += BLOCK_UNITS) {
        size_t units = at_most(all - h, BLOCK_UNITS);
        for (size_t r = 0; r < rows; r++)
            fill(hidden[r], u + h, units);
        accumulate(hidden[0], BLOCK_UNITS, head->x + first * head->ldx, head->ldx, head->packed + h,
                   all, rows, width, units);
        for (size_t r = 0; r < rows; r++)
            to[r] += unit_sum(w + h, hidden[r], units);
    }
}

/* Always so many: a vector expf and a scalar one differ in their last bits, and which of them a row
 * meets may not depend on how many rows there are. */
static __attribute__((noinline)) void predict_some(float *restrict p)
{
    for (size_t l = 0; l < LOGITS; l++)
        p[l] = logistic(p[l]);
}

/* Makes predictions of `count` logits, and of what fills up the last LOGITS of them. */
static inline void predict(float *logit, size_t count)
{
    for (size_t i = 0; i < count; i += LOGITS)
        predict_some(logit + i);
}

#endif
