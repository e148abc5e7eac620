/* y = x, then STEPS times y = y a + b: the floating-point peak.
 *
 * Up to 24 vectors are 24 independent chains, more than four pipes need at a latency of four
 * cycles:
 *
 *     y[0]  = y[0]  a + b        every chain: one FMLA a step
 *      ...
 *     y[23] = y[23] a + b
 *
 * FMLA adds to its destination and so destroys it: here the addend, b. Each step needs a fresh b in
 * a register, and the pipes under test must not be the ones that copy it. So three of four copies
 * are loads and every fourth crosses over from the integer side (DUP from a general register):
 * cores with two multiply-add pipes can load twice a cycle, cores with four can load three times
 * and cross once. Both are written as instructions, since a compiler would make moves of them.
 *
 * A chain thus moves to another register with every step. Chains go in groups with one spare
 * register: one step moves the group down by one, the next moves it back up, and no step copies.
 *
 *     spare <- y0 <- y1 <- ... <- y7          y0 -> y1 -> ... -> y7 -> spare
 *
 * Bottleneck: the multiply-add pipes; on narrow cores the front end is as busy. Tails: 24
 * chains at once where the width is a multiple of that, else 16, and less for the rest only; lanes
 * that do not exist are computed in a buffer and dropped. */
#include "kernels/kernel.h"
#include "kernels/neon/lanes.h"
#include "kernels/neon/unroll.h"
#include "reference/operands.h"

#include <string.h>

enum { CHAINS = 24, SLOTS = CHAINS + 4, CROSS_EVERY = 4 };

/* Volatile, or the copies of all steps would become one. */
INLINE float32x4_t loaded(const float32x4_t *from)
{
    float32x4_t lanes;
    __asm__ volatile("ldr %q0, %1" : "=w"(lanes) : "m"(*from));
    return lanes;
}

INLINE float32x4_t crossed(uint32_t bits)
{
    float32x4_t lanes;
    __asm__ volatile("dup %0.4s, %w1" : "=w"(lanes) : "r"(bits));
    return lanes;
}

/* y a + b into another register than y's, where the copy of b is. */
INLINE float32x4_t step(float32x4_t y, float a, const float32x4_t *b, uint32_t bits, int chain)
{
    bool cross = chain % CROSS_EVERY == CROSS_EVERY - 1;
    return vfmaq_n_f32(cross ? crossed(bits) : loaded(b), y, a);
}

/* Takes groups * size vectors through all steps, in place. */
INLINE void advance(const int groups, const int size, float *lanes, size_t steps, float a, float b)
{
    const float32x4_t bs = vdupq_n_f32(b);
    uint32_t bits = vgetq_lane_u32(vreinterpretq_u32_f32(bs), 0);
    float32x4_t y[SLOTS];
    UNROLL for (int g = 0; g < groups; g++) UNROLL for (int c = 0; c < size; c++)
        y[g * (size + 1) + c + 1] = vld1q_f32(lanes + LANES * (g * size + c));
    size_t s = 0;
    for (; s + 2 <= steps; s += 2) {
        UNROLL for (int g = 0; g < groups; g++) UNROLL for (int c = 0; c < size; c++)
        {
            int at = g * (size + 1) + c;
            y[at] = step(y[at + 1], a, &bs, bits, c);
        }
        UNROLL for (int g = 0; g < groups; g++) UNROLL for (int c = size - 1; c >= 0; c--)
        {
            int at = g * (size + 1) + c;
            y[at + 1] = step(y[at], a, &bs, bits, c);
        }
    }
    UNROLL for (int g = 0; g < groups; g++) UNROLL for (int c = 0; c < size; c++)
    {
        float32x4_t last = y[g * (size + 1) + c + 1];
        vst1q_f32(lanes + LANES * (g * size + c), s < steps ? step(last, a, &bs, bits, c) : last);
    }
}

/* How many of `vectors` chains to run together next: 24 where that comes out even. */
static size_t chains_of(size_t vectors)
{
    static const size_t sizes[] = {16, 8, 4, 2, 1};
    if (vectors && vectors % CHAINS == 0)
        return CHAINS;
    size_t i = 0;
    while (sizes[i] > vectors)
        i++;
    return sizes[i];
}

static void advance_chains(size_t chains, float *lanes, size_t steps, float a, float b)
{
    switch (chains) {
    case 24:
        advance(3, 8, lanes, steps, a, b);
        break;
    case 16:
        advance(4, 4, lanes, steps, a, b);
        break;
    case 8:
        advance(2, 4, lanes, steps, a, b);
        break;
    case 4:
        advance(4, 1, lanes, steps, a, b);
        break;
    case 2:
        advance(2, 1, lanes, steps, a, b);
        break;
    default:
        advance(1, 1, lanes, steps, a, b);
    }
}

static void run(const struct call *call)
{
    const size_t *n = call->dims.extent;
    const struct tensor *t = call->tensor;
    const float *x = t[FMA_X].data;
    float *y = t[FMA_Y].data;
    float a = *(const float *)t[FMA_A].data, b = *(const float *)t[FMA_B].data;
    for (size_t at = 0; at < n[WIDTH];) {
        size_t left = n[WIDTH] - at, chains = chains_of((left + LANES - 1) / LANES);
        size_t count = left < chains * LANES ? left : chains * LANES;
        float lanes[CHAINS * LANES] = {0};
        memcpy(lanes, x + at, count * sizeof *x);
        advance_chains(chains, lanes, n[STEPS], a, b);
        memcpy(y + at, lanes, count * sizeof *y);
        at += count;
    }
}

extern const struct op fma_op;
extern const struct backend neon_backend;

const struct kernel fma_f32_neon = {
    .name = "fma_f32_neon",
    .op = &fma_op,
    .dtype = DTYPE_F32,
    .backend = &neon_backend,
    .isa = ISA_NEON,
    .run = run,
    .about = "24 chains of FMLA, the addend loaded afresh; bound by the multiply-add pipes",
};
