/* Backward pass of an embedding and a step of row-wise Adagrad, in vectors (words.h). Rows are
 * asked for some rows ahead:
 *
 *     row t + AHEAD   its lines of the table, and the first bag's of dx      asked for
 *           :
 *     row t           sum over its bags, on the stack  ->  mean square  ->  row -= factor g
 */
#ifndef EKTM_KERNELS_ADAGRAD_WORDS_H
#define EKTM_KERNELS_ADAGRAD_WORDS_H

#include "kernels/words.h"
#include "reference/op.h"
#include "reference/operands.h"

#include <math.h>

enum {
    PIECE = 1024, /* columns whose gradient is on the stack */
    AHEAD = 8,
    LINE_FLOATS = 16
};

struct named {
    float *row, *s;
    const int32_t *bag;
    size_t bags;
};

INLINE struct named named_of(const struct call *call, size_t at)
{
    const struct tensor *t = call->tensor;
    const size_t row = index_at(&t[ADAGRAD_ROW], at);
    const int32_t *begin = (const int32_t *)t[ADAGRAD_BEGIN].data + at;
    return (struct named){(float *)t[ADAGRAD_TABLE].data + row * t[ADAGRAD_TABLE].ld,
                          (float *)t[ADAGRAD_S].data + row,
                          (const int32_t *)t[ADAGRAD_BAG].data + begin[0],
                          (size_t)(begin[1] - begin[0])};
}

INLINE const float *gradient_at(const struct call *call, uint32_t bag)
{
    const size_t *n = call->dims.extent;
    const struct tensor *dx = &call->tensor[ADAGRAD_DX];
    const uint32_t fields = (uint32_t)n[FIELDS];
    return (const float *)dx->data + bag / fields * dx->ld + bag % fields * n[WIDTH];
}

INLINE float part_of(const struct call *call, int32_t bag)
{
    const int32_t *bags = call->tensor[ADAGRAD_BAGS].data;
    const bool mean = call->options.pooling == POOLING_MEAN;
    return mean ? 1 / (float)(bags[bag + 1] - bags[bag]) : 1;
}

INLINE void ask_for(const struct call *call, size_t at)
{
    const struct named named = named_of(call, at);
    const float *dx = gradient_at(call, (uint32_t)named.bag[0]);
    __builtin_prefetch(named.s, 1, 3);
    for (size_t e = 0; e < call->dims.extent[WIDTH]; e += LINE_FLOATS) {
        __builtin_prefetch(named.row + e, 1, 3);
        __builtin_prefetch(dx + e, 0, 3);
    }
}

/* Columns from `first` on of a row's gradient. One copy for every row. */
static __attribute__((noinline)) void gradient(const struct call *call, const struct named *named,
                                               float *g, size_t first, size_t width)
{
    const float *dx = gradient_at(call, (uint32_t)named->bag[0]) + first;
    vector part = all_of(part_of(call, named->bag[0]));
    for (size_t e = 0; e < width; e += LANES)
        store_some(g + e, times(part, load_some(dx + e, width - e)), width - e);
    for (size_t k = 1; k < named->bags; k++) {
        dx = gradient_at(call, (uint32_t)named->bag[k]) + first;
        part = all_of(part_of(call, named->bag[k]));
        for (size_t e = 0; e < width; e += LANES)
            store_some(g + e,
                       times_plus(part, load_some(dx + e, width - e), load_some(g + e, width - e)),
                       width - e);
    }
}

INLINE float squares_of(const float *g, size_t width)
{
    vector sum = all_of(0);
    for (size_t e = 0; e < width; e += LANES) {
        const vector some = load_some(g + e, width - e);
        sum = times_plus(some, some, sum);
    }
    return sum_of(sum);
}

INLINE void descend(float *row, const float *g, float factor, size_t width)
{
    const vector down = all_of(-factor);
    for (size_t e = 0; e < width; e += LANES)
        store_some(row + e,
                   times_plus(down, load_some(g + e, width - e), load_some(row + e, width - e)),
                   width - e);
}

INLINE size_t piece_of(size_t width, size_t e) { return width - e < PIECE ? width - e : PIECE; }

INLINE void adagrad_row(const struct call *call, const struct named *named)
{
    _Alignas(64) float g[PIECE];
    const size_t width = call->dims.extent[WIDTH];
    float squares = 0;
    for (size_t e = 0; e < width; e += PIECE) {
        gradient(call, named, g, e, piece_of(width, e));
        squares += squares_of(g, piece_of(width, e));
    }
    *named->s += squares / (float)width;
    const float factor = call->options.rate / (sqrtf(*named->s) + call->options.epsilon);
    for (size_t e = 0; e < width; e += PIECE) {
        if (width > PIECE)
            gradient(call, named, g, e, piece_of(width, e));
        descend(named->row + e, g, factor, piece_of(width, e));
    }
}

INLINE void adagrad(const struct call *call)
{
    const size_t touched = call->dims.extent[TOUCHED];
    for (size_t at = 0; at < touched; at++) {
        const struct named named = named_of(call, at);
        if (at + AHEAD < touched)
            ask_for(call, at + AHEAD);
        adagrad_row(call, &named);
    }
}

#endif
