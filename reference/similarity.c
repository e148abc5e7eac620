#include "reference/similarity.h"

#include <assert.h>
#include <math.h>

static double inner(const struct vectors *v, size_t i, size_t j)
{
    double sum = 0;
    for (size_t e = 0; e < v->width; e++)
        sum += vector_at(v, i, e) * vector_at(v, j, e);
    return sum;
}

/* No score of row i is above its own, s_ii, by more than a rounding, so exp(s_ij - s_ii) stays in
 * range. */
static void share_row(struct likeness *s, size_t tasks, size_t i, double tau)
{
    double total = 0;
    for (size_t j = 0; j < tasks; j++) {
        s->share[i][j] = exp((s->cosine[i][j] - (s->length[i] > 0 ? 1 : 0)) / tau);
        total += s->share[i][j];
    }
    for (size_t j = 0; j < tasks; j++)
        s->share[i][j] /= total;
}

void likeness_of(struct likeness *s, const struct vectors *v, double tau)
{
    assert(v->tasks <= TASKS_MAX);
    for (size_t i = 0; i < v->tasks; i++)
        s->length[i] = sqrt(inner(v, i, i));
    for (size_t i = 0; i < v->tasks; i++)
        for (size_t j = 0; j < v->tasks; j++) {
            const double lengths = s->length[i] * s->length[j];
            s->cosine[i][j] = lengths > 0 ? inner(v, i, j) / lengths : 0;
        }
    for (size_t i = 0; i < v->tasks; i++)
        share_row(s, v->tasks, i, tau);
}

void cosine_gradient(task_pairs by_cosine, const struct likeness *s, task_pairs by_share,
                     size_t tasks, double tau, bool magnitude)
{
    for (size_t i = 0; i < tasks; i++) {
        double mean = 0;
        for (size_t j = 0; j < tasks; j++)
            mean += s->share[i][j] * by_share[i][j];
        for (size_t j = 0; j < tasks; j++)
            by_cosine[i][j] = s->share[i][j] * (by_share[i][j] + (magnitude ? mean : -mean)) / tau;
    }
}

double vector_gradient(const struct vectors *v, const struct likeness *s, task_pairs by_cosine,
                       size_t i, size_t at, bool first_only, bool magnitude)
{
    double sum = 0;
    for (size_t j = 0; j < v->tasks; j++) {
        const double lengths = s->length[i] * s->length[j];
        if (j == i || !(lengths > 0))
            continue;
        const double factor = by_cosine[i][j] + (first_only ? 0 : by_cosine[j][i]);
        const double other = vector_at(v, j, at) / lengths;
        const double own = vector_at(v, i, at) / (s->length[i] * s->length[i]);
        sum += magnitude ? factor * (fabs(other) + fabs(own))
                         : factor * (other - s->cosine[i][j] * own);
    }
    return sum;
}

/* A cosine errs by its three inner products; a share by twice that over tau, by the rounding of
 * exp's argument (at most 2 / tau) and by exp, sum and division. */
double share_error(const struct vectors *v, double tau, double roundoff)
{
    const double cosine = 2 * accumulation_error(v->width, roundoff) + 4 * roundoff;
    return 2 * cosine / tau + (2 / tau + 16) * roundoff + accumulation_error(v->tasks, roundoff);
}
