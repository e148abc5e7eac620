/* Similarities of tasks, the shares they make, and what reaches the vectors that are compared. */
#ifndef EKTM_KERNELS_COMPILER_SIMILARITY_H
#define EKTM_KERNELS_COMPILER_SIMILARITY_H

#include "kernels/compiler/exp.h"
#include "reference/operands.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

/* T vectors `ld` apart. */
struct vectors {
    const float *at;
    size_t ld, tasks, width;
    float tau;
};

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

/* score[i * T + j] = vector[i] . vector[j]: the lower triangle, mirrored. */
static inline void gram(float *restrict score, const struct vectors *v)
{
    for (size_t i = 0; i < v->tasks; i++)
        dots(score + i * v->tasks, v->at + i * v->ld, v->at, v->ld, i + 1, v->width);
    for (size_t i = 0; i < v->tasks; i++)
        for (size_t j = i + 1; j < v->tasks; j++)
            score[i * v->tasks + j] = score[j * v->tasks + i];
}

/* Cosines out of inner products; 1 over each vector's length, 0 for a zero vector. */
static inline void cosines(float *restrict score, float *restrict inverse, size_t tasks)
{
    for (size_t i = 0; i < tasks; i++) {
        const float square = score[i * tasks + i];
        inverse[i] = square > 0 ? 1 / sqrtf(square) : 0;
    }
    for (size_t i = 0; i < tasks; i++)
        for (size_t j = 0; j < tasks; j++)
            score[i * tasks + j] = score[i * tasks + j] * inverse[i] * inverse[j];
}

static inline void exponentials(float *restrict score, size_t count)
{
    for (size_t i = 0; i < count; i++)
        score[i] = expf(score[i]);
}

/* share[i * T + j] = factor softmax_j(cosine_ij / tau), less each row's own score in exp. */
static inline void softmax(float *share, const float *cosine, const float *restrict inverse,
                           const struct vectors *v, float factor)
{
    const size_t tasks = v->tasks;
    for (size_t i = 0; i < tasks; i++)
        for (size_t j = 0; j < tasks; j++)
            share[i * tasks + j] = (cosine[i * tasks + j] - (inverse[i] > 0 ? 1 : 0)) / v->tau;
    exponentials(share, tasks * tasks);
    for (size_t i = 0; i < tasks; i++) {
        float total = 0;
        for (size_t j = 0; j < tasks; j++)
            total += share[i * tasks + j];
        const float part = factor / total;
        for (size_t j = 0; j < tasks; j++)
            share[i * tasks + j] *= part;
    }
}

/* ---- and back -------------------------------------------------------------------------------- */

/* What reaches cosine_ij from what reaches the shares, in its place: shares here sum to 1. */
static inline void softmax_gradient(float *restrict by_share, const float *restrict share,
                                    size_t tasks, float tau)
{
    for (size_t i = 0; i < tasks; i++) {
        float mean = 0;
        for (size_t j = 0; j < tasks; j++)
            mean += share[i * tasks + j] * by_share[i * tasks + j];
        for (size_t j = 0; j < tasks; j++)
            by_share[i * tasks + j] = share[i * tasks + j] * (by_share[i * tasks + j] - mean) / tau;
    }
}

/* by_vector[i * T + j]: how much of vector j the gradient of vector i holds. Of cosine_ij it is
 * by_cosine / (length_i length_j) of the other and -by_cosine cosine / length_i^2 of its own; of
 * cosine_ji the same unless vectors count as constants there (`first_only`). */
static inline void vector_factors(float *restrict by_vector, const float *restrict by_cosine,
                                  const float *restrict cosine, const float *restrict inverse,
                                  size_t tasks, bool first_only)
{
    for (size_t i = 0; i < tasks; i++) {
        float own = 0;
        for (size_t j = 0; j < tasks; j++) {
            const float both =
                by_cosine[i * tasks + j] + (first_only ? 0 : by_cosine[j * tasks + i]);
            const float other = j == i ? 0 : both * inverse[i] * inverse[j];
            by_vector[i * tasks + j] = other;
            own -= j == i ? 0 : both * cosine[i * tasks + j];
        }
        by_vector[i * tasks + i] = own * inverse[i] * inverse[i];
    }
}

#endif
