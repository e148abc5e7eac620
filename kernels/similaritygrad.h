/* The gradient of the task vectors: a sum over the batch, then as much as for one row of the
 * router. Whoever includes it has before what similarity.h asks for, and `accumulate` (words.h). */
#ifndef EKTM_KERNELS_SIMILARITYGRAD_H
#define EKTM_KERNELS_SIMILARITYGRAD_H

#include "kernels/similarity.h"
#include "reference/op.h"

#include <string.h>

enum { PAIRS = TASKS_MAX * TASKS_MAX };

static void add(float *restrict sum, const float *restrict term, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sum[i] += term[i];
}

static void similaritygrad(const struct call *call)
{
    const struct tensor *u = &call->tensor[SIMILARITYGRAD_U],
                        *ds = &call->tensor[SIMILARITYGRAD_DS];
    const struct tensor *du = &call->tensor[SIMILARITYGRAD_DU];
    const size_t tasks = call->dims.extent[TASKS], width = call->dims.extent[WIDTH];
    const struct vectors v = {u->data, u->ld, tasks, width, call->options.tau};
    float cosine[PAIRS], share[PAIRS], by_share[PAIRS] = {0}, by_vector[PAIRS], inverse[TASKS_MAX];
    for (size_t b = 0; b < call->dims.extent[BATCH]; b++)
        add(by_share, (const float *)ds->data + b * ds->ld, tasks * tasks);
    gram(cosine, &v);
    cosines(cosine, inverse, tasks);
    softmax(share, cosine, inverse, &v, 1);
    softmax_gradient(by_share, share, tasks, v.tau);
    vector_factors(by_vector, by_share, cosine, inverse, tasks, false);
    for (size_t i = 0; i < tasks && !call->options.add; i++)
        memset((float *)du->data + i * du->ld, 0, width * sizeof(float));
    accumulate(du->data, du->ld, by_vector, tasks, u->data, u->ld, tasks, tasks, width);
}

#endif
