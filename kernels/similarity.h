/* Similarities of tasks, the shares they make, and what reaches the vectors that are compared; of
 * matrices so small that they are plain loops. Whoever includes it has before, in the words of its
 * instruction set or of the compiler, inner products (`dots`) and `exponentials`. */
#ifndef EKTM_KERNELS_SIMILARITY_H
#define EKTM_KERNELS_SIMILARITY_H

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
