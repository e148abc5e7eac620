/* The peak of the format whose words have been included before: y = x, then STEPS times y += a b.
 *
 *      group g   | v  v  v  v  v  v  v  v  v  v  v  v  v  v  v  v |    16 vectors: 16 chains,
 *      group g+1 | v  v  v  v  v  v  v  v  v  v  v  v  v  v  v  v |    each waits for itself only
 *
 * A group of 4 bytes is as many steps; the last ones of x's group are zero where the steps end
 * within it. Lanes that are left over go in a block of 4, 8 or 16 vectors, masked where x ends. */
#include "kernels/variant.h"

#include <math.h>
#include <string.h>

extern const struct backend avx512_backend;

enum {
    GROUP = 4, /* bytes */
    CHAINS = 16,
    STEPS_MAX = 1 << 16 /* of one sum: below I8_TERMS_MAX */
};

/* What each step multiplies, and what its products stand for. */
struct step {
    char a[GROUP], b[GROUP];
    size_t in_group;
    struct meaning meaning;
    struct rounding rounding;
};

static struct step step_of(const struct tensor *a, float b)
{
    const size_t bytes = dtype_bytes(a->dtype);
    const bool integers = a->dtype == DTYPE_I8;
    const uint16_t half = bf16_of(b);
    const uint8_t byte = (uint8_t)(integers ? rintf(fminf(fmaxf(b, 0), 255)) : 0);
    _Alignas(64) float scale[LANES], total[LANES] = {0};
    for (size_t i = 0; i < LANES; i++)
        scale[i] = integers ? affine_at(a, 0).scale : 1;
    const struct piece piece = {.scale = scale, .total = total};
    struct step step = {.in_group = GROUP / bytes,
                        .meaning = meaning_of(&piece, 0),
                        .rounding = {.dtype = a->dtype, .scale = 1}};
    for (size_t i = 0; i < GROUP; i += bytes) {
        memcpy(step.a + i, a->data, bytes);
        memcpy(step.b + i, integers ? (const void *)&byte : &half, bytes);
    }
    return step;
}

INLINE __m512i broadcast_bytes(const char *group, size_t bytes)
{
    int32_t whole = 0;
    memcpy(&whole, group, bytes);
    return _mm512_set1_epi32(whole);
}

/* Hides from the compiler what a register holds: of chains that are all alike it would compute one,
 * and products of what stays the same only once. */
#define UNKNOWN(vector) __asm__("" : "+v"(vector))

INLINE void add_groups(sums chain[CHAINS], __m512i a, __m512i b, size_t groups,
                       const size_t vectors)
{
    __m512i weight[PHASES], value[PHASES];
    for (size_t phase = 0; phase < PHASES; phase++) {
        weight[phase] = weights_of(a, phase);
        value[phase] = inputs_of(b, phase);
    }
    for (size_t g = 0; g < groups; g++)
        for (size_t phase = 0; phase < PHASES; phase++) {
            UNKNOWN(weight[phase]);
            for (size_t v = 0; v < vectors; v++) {
                UNKNOWN(weight[phase]);
                chain[v] = multiply_add(chain[v], value[phase], weight[phase]);
            }
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
    const __m512i a = broadcast_bytes(step->a, GROUP);
    add_groups(chain, a, broadcast_bytes(step->b, GROUP), steps / step->in_group, vectors);
    add_groups(chain, a, broadcast_bytes(step->b, steps % step->in_group * GROUP / step->in_group),
               1, vectors);
    for (size_t v = 0; v < vectors; v++) {
        const size_t at = first + v * LANES, left = at < width ? width - at : 0;
        const __m512 begun = _mm512_maskz_loadu_ps(lanes_of(left), from + at);
        _mm512_mask_storeu_ps(y + at, lanes_of(left),
                              added(begun, chain[v], &step->meaning, &step->rounding));
    }
}

static void some_steps(const struct call *call, const struct step *step, const float *from,
                       size_t steps)
{
    const size_t width = call->dims.extent[WIDTH];
    size_t i = 0;
    for (; i + CHAINS * LANES <= width; i += CHAINS * LANES)
        block(call, step, from, steps, i, CHAINS);
    if (width - i > CHAINS / 2 * LANES)
        block(call, step, from, steps, i, CHAINS);
    else if (width - i > CHAINS / 4 * LANES)
        block(call, step, from, steps, i, CHAINS / 2);
    else if (width > i)
        block(call, step, from, steps, i, CHAINS / 4);
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
