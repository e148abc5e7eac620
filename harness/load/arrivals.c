#include "harness/load/arrivals.h"

#include <math.h>

/* Gaps of a Poisson process are exponential. */
static void draw_next(struct arrivals *a)
{
    if (a->gap > 0)
        a->next.at -= a->gap * log(1 - random_uniform(&a->times));
    a->next.rows = candidates_draw(a->candidates, a->next.number, &a->sizes);
}

void arrivals_begin(struct arrivals *a, const struct candidates *candidates, double rate,
                    uint64_t seed)
{
    *a = (struct arrivals){.candidates = candidates,
                           .gap = rate > 0 ? 1e9 / rate : 0,
                           .times = random_stream(seed, 0),
                           .sizes = random_stream(seed, 1)};
    draw_next(a);
}

struct query arrivals_take(struct arrivals *a)
{
    const struct query query = a->next;
    a->next.number++;
    draw_next(a);
    return query;
}
