/* How alike tasks are, what of each other they therefore get, and how both change with the vectors
 * that are compared. EKTM.md, layer 5. */
#ifndef EKTM_REFERENCE_SIMILARITY_H
#define EKTM_REFERENCE_SIMILARITY_H

#include "reference/op.h"
#include "reference/operands.h"

/* f_1 .. f_T of row `row` of the batch (mode sample), or u_1 .. u_T (mode task). */
struct vectors {
    const struct tensor *tensor;
    enum similarity mode;
    size_t row, tasks, width;
};

static inline double vector_at(const struct vectors *v, size_t task, size_t at)
{
    return v->mode == SIMILARITY_TASK ? real_at(v->tensor, task, at)
                                      : real_at(v->tensor, v->row, task * v->width + at);
}

/* [i][j] of tasks i and j. */
typedef double task_pairs[TASKS_MAX][TASKS_MAX];

struct likeness {
    double length[TASKS_MAX];
    task_pairs cosine; /* 0 with a zero vector                    */
    task_pairs share;  /* softmax over j of cosine[i][j] / tau    */
};

void likeness_of(struct likeness *s, const struct vectors *v, double tau);

/* The derivative by cosine[i][j], out of that by share[i][j]; with `magnitude` the sum of its
 * terms' absolute values, out of such. */
void cosine_gradient(task_pairs by_cosine, const struct likeness *s, task_pairs by_share,
                     size_t tasks, double tau, bool magnitude);

/* The derivative by element `at` of vector `i`, which is the first of cosine[i][j] and, unless
 * those count as constants there (`first_only`), the second of cosine[j][i]. A cosine with a zero
 * vector has none. With `magnitude` the sum of its terms' absolute values, for absolute
 * derivatives. */
double vector_gradient(const struct vectors *v, const struct likeness *s, task_pairs by_cosine,
                       size_t i, size_t at, bool first_only, bool magnitude);

/* Error allowed to a share, relative to it. */
double share_error(const struct vectors *v, double tau, double roundoff);

#endif
