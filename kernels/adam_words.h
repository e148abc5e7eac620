/* A step of Adam in vectors (words.h). */
#ifndef EKTM_KERNELS_ADAM_WORDS_H
#define EKTM_KERNELS_ADAM_WORDS_H

#include "kernels/adam.h"
#include "kernels/words.h"

/* A step of the `count` weights, a vector of them at most. */
INLINE void adam_some(float *w, float *m, float *v, const float *g, const struct factors *f,
                      size_t count)
{
    const vector old = load_some(w, count);
    const vector h = times_plus(all_of(f->decay), old, load_some(g, count));
    const vector mean =
        times_plus(all_of(f->beta1), load_some(m, count), times(all_of(f->gain1), h));
    const vector square =
        times_plus(all_of(f->beta2), load_some(v, count), times(all_of(f->gain2), times(h, h)));
    const vector root = plus(root_of(times(square, all_of(f->correction))), all_of(f->epsilon));
    store_some(m, mean, count);
    store_some(v, square, count);
    store_some(w, minus(old, over(times(all_of(f->rate), mean), root)), count);
}

INLINE void adam(const struct call *call)
{
    const struct tensor *t = call->tensor;
    const struct factors f = factors_of(&call->options);
    const size_t count = call->dims.extent[IN];
    float *w = t[ADAM_W].data, *m = t[ADAM_M].data, *v = t[ADAM_V].data;
    const float *g = t[ADAM_G].data;
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        adam_some(w + i, m + i, v + i, g + i, &f, LANES);
    if (i < count)
        adam_some(w + i, m + i, v + i, g + i, &f, count - i);
}

#endif
