/* Inner products and exponentials, as kernels/similarity.h asks for them. */
#ifndef EKTM_KERNELS_COMPILER_SIMILARITY_H
#define EKTM_KERNELS_COMPILER_SIMILARITY_H

#include "kernels/compiler/exp.h"
#include <stddef.h>

/* score[j] = a . vector[j] for four vectors `ld` apart: four sums that do not wait for each other.
 * One copy of the loop for every row, as in transposed.h. */
static __attribute__((noinline)) void dot_four(float *restrict score, const float *restrict a,
                                               const float *restrict vector, size_t ld,
                                               size_t width)
{
    const float *v1 = vector + ld, *v2 = v1 + ld, *v3 = v2 + ld;
    float s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    for (size_t e = 0; e < width; e++) {
        s0 += a[e] * vector[e];
        s1 += a[e] * v1[e];
        s2 += a[e] * v2[e];
        s3 += a[e] * v3[e];
    }
    score[0] = s0;
    score[1] = s1;
    score[2] = s2;
    score[3] = s3;
}

static __attribute__((noinline)) float dot(const float *restrict a, const float *restrict v,
                                           size_t width)
{
    float sum = 0;
    for (size_t e = 0; e < width; e++)
        sum += a[e] * v[e];
    return sum;
}

/* score[j] = a . vector[j], j = 0 .. count-1. */
static inline void dots(float *score, const float *a, const float *vector, size_t ld, size_t count,
                        size_t width)
{
    size_t j = 0;
    for (; j + 4 <= count; j += 4)
        dot_four(score + j, a, vector + j * ld, ld, width);
    for (; j < count; j++)
        score[j] = dot(a, vector + j * ld, width);
}

static inline void exponentials(float *restrict x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        x[i] = expf(x[i]);
}

#include "kernels/similarity.h"

#endif
