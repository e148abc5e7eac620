/* The peak of the format whose words have been included before: y = x, then STEPS times y += a b.
 *
 *     | v  v  v  v  v  v  v  v  v  v  v  v | v  v  v  v  v  v  v  v  v  v  v  v |
 *
 * 24 vectors of sums are 24 independent chains, more than four pipes need at a latency of four
 * cycles. An instruction takes as many steps as a lane of it has terms; what is left of the steps
 * then is added as one number. Lanes that do not exist are computed and dropped. */
#include "kernels/neon/unroll.h"
#include "kernels/variant.h"

#include <math.h>

extern const struct backend neon_backend;

enum {
    CHAINS = 24,
    WIDE = CHAINS * LANES,
    STEPS_MAX = 1 << 16, /* of one sum: below I8_TERMS_MAX */
    VECTOR_BYTES = 16,
    LANE_TERMS = SUM_OUTS == 1 ? VECTOR_BYTES / LANES : GROUP / NUMBER /* of an instruction */
};

/* What is multiplied: as vectors of numbers, as one product, and what a sum of products is. */
struct step {
    char a[VECTOR_BYTES], b[AT_ONCE * SUM_ROWS * VECTOR_BYTES];
    float product; /* of the numbers as they are multiplied */
    float scale;
    int32_t weight; /* i8 alone: a */
};

static struct step step_of(const struct tensor *a, float b)
{
    struct step step = {.scale = 1};
    if (a->dtype == DTYPE_I8) {
        const int8_t number = *(const int8_t *)a->data;
        const int32_t whole = (int32_t)rintf(fminf(fmaxf(b, 0), 255)) - OFFSET;
        memset(step.a, number, sizeof step.a);
        memset(step.b, whole, sizeof step.b);
        step.product = (float)(number * whole);
        step.scale = affine_at(a, 0).scale;
        step.weight = number;
    } else {
        const uint16_t half = bf16_of(b), *number = a->data;
        for (size_t i = 0; i < sizeof step.a; i += sizeof half)
            memcpy(step.a + i, number, sizeof half);
        for (size_t i = 0; i < sizeof step.b; i += sizeof half)
            memcpy(step.b + i, &half, sizeof half);
        step.product = bf16_value(*number) * bf16_value(half);
    }
    return step;
}

/* Tells the compiler nothing of what a register holds: products of what stays the same would not be
 * computed again, and chains that begin alike would be one. */
#define UNKNOWN(vector) __asm__("" : "+w"(vector))

/* WIDE lanes from `from` on: `steps` steps more, into `to`. */
static void advance(const struct step *step, const float *from, float *to, size_t steps)
{
    const float scale[LANES] = {step->scale, step->scale, step->scale, step->scale};
    const float total[LANES] = {0};
    const int32_t sum = step->weight * (int32_t)steps, whole[LANES] = {sum, sum, sum, sum};
    const struct piece piece = {.scale = scale, .total = total, .sum = whole};
    const struct meaning meaning = meaning_of(&piece, 0);
    const struct rounding rounding = {.scale = 1};
    const inputs x = inputs_at(step->b);
    weights w = weights_at(step->a);
    sums chain[CHAINS];
    UNROLL for (int c = 0; c < CHAINS; c++)
    {
        chain[c] = no_sums();
        UNKNOWN(chain[c]);
    }
    for (size_t s = steps / LANE_TERMS; s > 0; s--) {
        UNKNOWN(w);
        UNROLL for (int c = 0; c < CHAINS; c++) chain[c] = multiply_add(chain[c], w, &x, 0);
    }
    const sums rest = sums_of((float)(steps % LANE_TERMS) * step->product);
    UNROLL for (int c = 0; c < CHAINS; c++) vst1q_f32(
        to + c * LANES, added(vld1q_f32(from + c * LANES), chain[c] + rest, &meaning, &rounding));
}

static void run(const struct call *call)
{
    const struct tensor *t = call->tensor;
    const size_t width = call->dims.extent[WIDTH];
    const struct step step = step_of(&t[DOT_A], *(const float *)t[DOT_B].data);
    const float *x = t[DOT_X].data;
    float *y = t[DOT_Y].data;
    for (size_t i = 0; i < width; i += WIDE) {
        const size_t count = width - i < WIDE ? width - i : WIDE;
        float lanes[WIDE] = {0};
        memcpy(lanes, x + i, count * sizeof *x);
        for (size_t left = call->dims.extent[STEPS]; left > 0;) {
            const size_t steps = left < STEPS_MAX ? left : STEPS_MAX;
            advance(&step, lanes, lanes, steps);
            left -= steps;
        }
        memcpy(y + i, lanes, count * sizeof *y);
    }
}
