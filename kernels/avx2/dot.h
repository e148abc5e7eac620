/* The peak of the format whose words have been included before: y = x, then STEPS times y += a b.
 *
 *      group g   | v  v  v  v  v  v  v  v  v  v  v  v |      12 vectors: 12 chains,
 *      group g+1 | v  v  v  v  v  v  v  v  v  v  v  v |      each waits for itself only
 *
 * A group is as many steps; the last ones of x's group are zero where the steps end within it. a
 * and b are widened once, so that nothing but the multiply-adds of a product is left. Lanes that
 * are left over go in a block of 4, 8 or 12 vectors, masked where x ends. */
#include "kernels/avx2/narrow_product.h"
#include "kernels/variant.h"

#include <math.h>
#include <string.h>

extern const struct backend avx2_backend;

enum {
    CHAINS = 12,
    ROUNDED = 4 * LANES, /* numbers that round_row writes at most where there are few */
    STEPS_MAX = 1 << 16  /* of one sum: below I8_TERMS_MAX */
};

/* What each step multiplies, and what its products stand for. */
struct step {
    _Alignas(32) char a[LANES * GROUP]; /* a group for each lane */
    float b;                            /* clamped to what 8 bits hold, for i8 */
    size_t in_group;
    struct meaning meaning;
    struct rounding rounding;
};

static struct step step_of(const struct tensor *a, float b)
{
    const size_t bytes = dtype_bytes(a->dtype);
    const bool integers = a->dtype == DTYPE_I8;
    _Alignas(32) float scale[LANES], total[LANES] = {0};
    for (size_t i = 0; i < LANES; i++)
        scale[i] = integers ? affine_at(a, 0).scale : 1;
    const struct piece piece = {.scale = scale, .total = total};
    struct step step = {.b = integers ? fminf(fmaxf(b, 0), 255) : b,
                        .in_group = GROUP / bytes,
                        .meaning = meaning_of(&piece, 0),
                        .rounding = {.dtype = a->dtype, .scale = 1, .inverse = 1}};
    for (size_t i = 0; i < LANES * GROUP; i += bytes)
        memcpy(step.a + i, a->data, bytes);
    return step;
}

/* Hides from the compiler what a register holds: of chains that are all alike it would compute one,
 * and products of what stays the same only once. */
#define UNKNOWN(vector) __asm__("" : "+x"(vector))

/* `groups` groups, of each the first `steps` steps; the others are zero. */
INLINE void add_groups(sums chain[CHAINS], const struct step *step, size_t steps, size_t groups,
                       const size_t vectors)
{
    float b[ROUNDED];
    for (size_t i = 0; i < ROUNDED; i++)
        b[i] = step->b;
    _Alignas(32) char rounded[ROUNDED * sizeof(float)] = {0};
    round_row(rounded, b, steps, &step->rounding);
    typeof(weights_at(step->a, 0, GROUP)) weight[PHASES];
    typeof(inputs_at(rounded, 0)) input[PHASES];
    for (size_t phase = 0; phase < PHASES; phase++) {
        weight[phase] = weights_at(step->a, phase, GROUP);
        input[phase] = inputs_at(rounded, phase);
    }
    for (size_t g = 0; g < groups; g++)
        for (size_t phase = 0; phase < PHASES; phase++)
            for (size_t v = 0; v < vectors; v++) {
                UNKNOWN(weight[phase]);
                chain[v] = multiply_add(chain[v], input[phase], weight[phase]);
            }
}

/* Lanes from `first` to at most first + vectors * LANES: `steps` steps more. */
INLINE void block(const struct call *call, const struct step *step, const float *from, size_t steps,
                  size_t first, const size_t vectors)
{
    const size_t width = call->dims.extent[WIDTH];
    float *y = call->tensor[DOT_Y].data;
    sums chain[CHAINS];
    for (size_t v = 0; v < vectors; v++) {
        chain[v] = no_sums();
        UNKNOWN(chain[v]);
    }
    add_groups(chain, step, step->in_group, steps / step->in_group, vectors);
    add_groups(chain, step, steps % step->in_group, 1, vectors);
    for (size_t v = 0; v < vectors; v++) {
        const size_t at = first + v * LANES, left = at < width ? width - at : 0;
        const struct lanes lanes = lanes_of(left);
        store_lanes(y + at, lanes,
                    added(load_lanes(from + at, lanes), chain[v], &step->meaning, &step->rounding));
    }
}

static void some_steps(const struct call *call, const struct step *step, const float *from,
                       size_t steps)
{
    const size_t width = call->dims.extent[WIDTH];
    size_t i = 0;
    for (; i + CHAINS * LANES <= width; i += CHAINS * LANES)
        block(call, step, from, steps, i, CHAINS);
    if (width - i > CHAINS / 3 * 2 * LANES)
        block(call, step, from, steps, i, CHAINS);
    else if (width - i > CHAINS / 3 * LANES)
        block(call, step, from, steps, i, CHAINS / 3 * 2);
    else if (width > i)
        block(call, step, from, steps, i, CHAINS / 3);
}

static void run(const struct call *call)
{
    const struct tensor *t = call->tensor;
    const struct step step = step_of(&t[DOT_A], *(const float *)t[DOT_B].data);
    const float *from = t[DOT_X].data;
    size_t left = call->dims.extent[STEPS];
    do {
        const size_t steps = left < STEPS_MAX ? left : STEPS_MAX;
        some_steps(call, &step, from, steps);
        from = t[DOT_Y].data;
        left -= steps;
    } while (left);
}
