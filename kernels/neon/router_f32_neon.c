/* F_i = (f_0 + sum_j softmax_j(cos_ij / tau) f_j) / (T+1). EKTM.md, layer 5.
 *
 * Row by row, three steps, all within L1:
 *
 * 1. Gram matrix s_ij = f_i f_j, the upper half in blocks of 4 x 4 tasks (gram.h), mirrored.
 *
 * 2. Shares: cos_ij = s_ij / (|f_i| |f_j|), four j at a time; softmax of cos / tau, less the score
 *    of i itself, which is the highest. A zero vector has cosine 0 with everything.
 *
 * 3. Averages: shares [T x T] times the towers [T x d], the micro-kernel of product.h with a tower
 *    for a term and the sum starting from f_0.
 *
 * In mode `task` steps 1 and 2 are done once, in prepare.
 *
 * Bottleneck: the multiply-add pipes in steps 1 and 3; for few tasks, the latency of step 2, which
 * the next row's products overlap. Tails: columns of d by partial loads that add zeros; tasks that
 * do not exist are masked out of the softmax. Squared lengths must lie within the range of f32. */
#include "kernels/kernel.h"
#include "kernels/neon/exp.h"
#include "kernels/neon/gram.h"
#include "kernels/neon/product.h"
#include "reference/operands.h"

#include <assert.h>
#include <float.h>
#include <stdlib.h>

static inline size_t score_ld(size_t tasks) { return (tasks + LANES - 1) / LANES * LANES; }

/* Step 1. */
static void gram(const float *f, size_t tasks, size_t width, size_t ld, struct scores s,
                 float *squares)
{
    for (size_t j = 0; j < tasks; j += GRAM_TILE) {
        size_t count = tasks - j < GRAM_TILE ? tasks - j : GRAM_TILE;
        for (size_t i = 0; i < j; i += GRAM_TILE)
            switch (count) {
                CASES_TO_4(gram_beside(N, f, width, ld, i, j, s))
            }
        switch (count) {
            CASES_TO_4(gram_diagonal(N, f, width, ld, j, s, squares))
        }
    }
}

/* 1/tau, or the largest number where that overflows: 0 times it must stay 0. */
static float inverse_of(float tau) { return 1 / tau < FLT_MAX ? 1 / tau : FLT_MAX; }

/* Step 2, in place: scores become shares. `squares` become inverse lengths, 0 for a zero vector. */
static void softmax(struct scores s, size_t tasks, float *squares, float inverse_tau)
{
    const float32x4_t zero = vdupq_n_f32(0), one = vdupq_n_f32(1);
    float *inverse = squares, own[TASKS_MAX];
    for (size_t j = 0; j < tasks; j += LANES) {
        float32x4_t square = vld1q_f32(squares + j);
        uint32x4_t some = vcgtq_f32(square, zero);
        vst1q_f32(own + j, keep(one, some));
        vst1q_f32(inverse + j, keep(vdivq_f32(one, vsqrtq_f32(square)), some));
    }
    for (size_t i = 0; i < tasks; i++) {
        float *row = s.at + i * s.ld;
        float32x4_t sum = zero, highest = vdupq_n_f32(own[i]);
        for (size_t j = 0; j < tasks; j += LANES) {
            float32x4_t cosine =
                vmulq_f32(vmulq_n_f32(vld1q_f32(row + j), inverse[i]), vld1q_f32(inverse + j));
            float32x4_t below = vminq_f32(vsubq_f32(cosine, highest), zero);
            float32x4_t weight = keep(exp4(vmulq_n_f32(below, inverse_tau)), lanes_below(j, tasks));
            sum = vaddq_f32(sum, weight);
            vst1q_f32(row + j, weight);
        }
        float scale = 1 / vaddvq_f32(sum);
        for (size_t j = 0; j < tasks; j += LANES)
            vst1q_f32(row + j, vmulq_n_f32(vld1q_f32(row + j), scale));
    }
}

/* Steps 1 and 2 for the vectors `f` [tasks, width]. */
static void shares_of(const float *f, size_t tasks, size_t width, size_t ld, float tau,
                      struct scores s)
{
    float squares[TASKS_MAX];
    gram(f, tasks, width, ld, s, squares);
    softmax(s, tasks, squares, inverse_of(tau));
}

/* Step 3 for R tasks and eight columns, of which `count` exist: those of `f` are `ld` apart. */
INLINE void average_tile(const int R, struct scores s, size_t tasks, size_t i, const float *f0,
                         const float *f, size_t ld, float scale, float *y, size_t width,
                         size_t count)
{
    product_tile acc;
    UNROLL for (int r = 0; r < R; r++)
    {
        acc[r][0] = vld1q_f32(f0);
        acc[r][1] = vld1q_f32(f0 + LANES);
    }
    struct factor shares = {s.at + i * s.ld, s.ld, tasks};
    multiply(R, 1, acc, shares, (struct panels){f, ld, 0});
    UNROLL for (int r = 0; r < R; r++)
        store_panel(y + (i + (size_t)r) * width, count, vmulq_n_f32(acc[r][0], scale),
                    vmulq_n_f32(acc[r][1], scale));
}

/* The same for all tasks. */
static void average_columns(struct scores s, size_t tasks, const float *f0, const float *f,
                            size_t ld, float scale, float *y, size_t width, size_t count)
{
    size_t i = 0;
    for (; i + TILE_ROWS <= tasks; i += TILE_ROWS)
        average_tile(TILE_ROWS, s, tasks, i, f0, f, ld, scale, y, width, count);
    switch (tasks - i) {
        CASES_TO_7(average_tile(N, s, tasks, i, f0, f, ld, scale, y, width, count))
    }
}

/* Step 3. The last columns, fewer than eight, go through a padded copy. */
static void average(struct scores s, size_t tasks, size_t width, const float *f0, const float *f,
                    float *y)
{
    float scale = 1 / (float)(tasks + 1);
    size_t e = 0;
    for (; e + PANEL <= width; e += PANEL)
        average_columns(s, tasks, f0 + e, f + e, width, scale, y + e, width, PANEL);
    if (e == width)
        return;
    size_t count = width - e, low = count < LANES ? count : LANES;
    float last[TASKS_MAX + 1][PANEL];
    for (size_t j = 0; j <= tasks; j++) {
        const float *from = j < tasks ? f + j * width + e : f0 + e;
        vst1q_f32(last[j], load_up_to(from, low));
        vst1q_f32(last[j] + LANES, load_tail(from + low, count - low));
    }
    average_columns(s, tasks, last[tasks], last[0], PANEL, scale, y + e, width, count);
}

/* Mode `task`: the shares. Mode `sample` has nothing to prepare, but must not return NULL. */
static void *prepare(const struct call *call)
{
    const size_t *n = call->dims.extent;
    const struct tensor *u = &call->tensor[ROUTER_U];
    size_t ld = score_ld(n[TASKS]);
    assert(n[TASKS] <= TASKS_MAX);
    float *shares = packed_alloc(n[TASKS] * ld * sizeof *shares);
    if (shares && call->options.similarity == SIMILARITY_TASK)
        shares_of(u->data, n[TASKS], n[WIDTH], u->ld, call->options.tau,
                  (struct scores){ld, shares});
    return shares;
}

static void run(const struct call *call)
{
    const size_t *n = call->dims.extent;
    const struct tensor *f0 = &call->tensor[ROUTER_F0], *f = &call->tensor[ROUTER_F];
    const struct tensor *y = &call->tensor[ROUTER_Y];
    bool sample = call->options.similarity == SIMILARITY_SAMPLE;
    float of_row[TASKS_MAX * TASKS_MAX];
    assert(n[TASKS] <= TASKS_MAX);
    struct scores s = {score_ld(n[TASKS]), sample ? of_row : (float *)(uintptr_t)call->prepared};
    for (size_t b = 0; b < n[BATCH]; b++) {
        const float *towers = (const float *)f->data + b * f->ld;
        if (sample)
            shares_of(towers, n[TASKS], n[WIDTH], n[WIDTH], call->options.tau, s);
        average(s, n[TASKS], n[WIDTH], (const float *)f0->data + b * f0->ld, towers,
                (float *)y->data + b * y->ld);
    }
}

extern const struct op router_op;
extern const struct backend neon_backend;

const struct kernel router_f32_neon = {
    .name = "router_f32_neon",
    .op = &router_op,
    .dtype = DTYPE_F32,
    .backend = &neon_backend,
    .isa = ISA_NEON,
    .run = run,
    .prepare = prepare,
    .release = free,
    .about = "Gram matrix in 4 x 4 tiles, averages in 8 x 8; bound by the multiply-add pipes",
};
