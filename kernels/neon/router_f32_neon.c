/* F_i = (f_0 + sum_j softmax_j(cos_ij / tau) f_j) / (T+1). EKTM.md, layer 5.
 *
 * Row by row, three steps, all within L1:
 *
 * 1. Gram matrix s_ij = f_i f_j, the upper half, in blocks of 4 x 4 tasks. A block on the diagonal
 *    has 10 products, one beside it 16; each keeps four lanes of partial sums in a register:
 *
 *             f_0  f_1  f_2  f_3   f_4 ...
 *        f_0   00   01   02   03 |  04         4 or 8 loads for 10 or 16 FMLA
 *        f_1        11   12   13 |  14
 *        f_2             22   23 |  24         mirrored as it is stored: the sums over the lanes
 *        f_3                  33 |  34         are taken along rows and along columns
 *
 * 2. Shares: cos_ij = s_ij / (|f_i| |f_j|), four j at a time; softmax of cos / tau with the score
 * of i itself, which is the highest, taken off. A zero vector has cosine 0 with everything.
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
#include "kernels/neon/product.h"
#include "reference/operands.h"

#include <assert.h>
#include <float.h>
#include <stdlib.h>

enum { GRAM_TILE = 4 };

/* Scores or shares of T tasks: T rows of `ld` numbers, ld being T rounded up to whole vectors. */
struct scores {
    size_t ld;
    float *at;
};

static inline size_t score_ld(size_t tasks) { return (tasks + LANES - 1) / LANES * LANES; }

typedef float32x4_t gram_tile[GRAM_TILE][GRAM_TILE];

/* acc[i][j] += a_i b_j over one vector of columns, I x J tasks; on the diagonal j >= i only. */
INLINE void gram_columns(const int I, const int J, const bool diagonal, gram_tile acc,
                         const float32x4_t a[GRAM_TILE], const float32x4_t b[GRAM_TILE])
{
    UNROLL for (int i = 0; i < I; i++) UNROLL for (int j = diagonal ? i : 0; j < J; j++) acc[i][j] =
        vfmaq_f32(acc[i][j], a[i], b[j]);
}

/* The products of tasks [i, i + I) with tasks [j, j + J) of the vectors `f` [T, width]. */
INLINE void gram_block(const int I, const int J, const bool diagonal, gram_tile acc, const float *f,
                       size_t width, size_t ld, size_t i, size_t j)
{
    float32x4_t a[GRAM_TILE], b[GRAM_TILE];
    UNROLL for (int r = 0; r < GRAM_TILE; r++) UNROLL for (int c = 0; c < GRAM_TILE; c++)
        acc[r][c] = vdupq_n_f32(0);
    size_t e = 0;
    for (; e + LANES <= width; e += LANES) {
        UNROLL for (int r = 0; r < I; r++) a[r] = vld1q_f32(f + (i + (size_t)r) * ld + e);
        if (!diagonal)
            UNROLL for (int c = 0; c < J; c++) b[c] = vld1q_f32(f + (j + (size_t)c) * ld + e);
        gram_columns(I, J, diagonal, acc, a, diagonal ? a : b);
    }
    if (e < width) {
        UNROLL for (int r = 0; r < I; r++) a[r] =
            load_tail(f + (i + (size_t)r) * ld + e, width - e);
        if (!diagonal)
            UNROLL for (int c = 0; c < J; c++) b[c] =
                load_tail(f + (j + (size_t)c) * ld + e, width - e);
        gram_columns(I, J, diagonal, acc, a, diagonal ? a : b);
    }
}

/* A block on the diagonal: the I tasks from `i` on among themselves, and their squared lengths. */
INLINE void gram_diagonal(const int I, const float *f, size_t width, size_t ld, size_t i,
                          struct scores s, float *squares)
{
    gram_tile p;
    gram_block(I, I, true, p, f, width, ld, i, i);
    UNROLL for (int r = 1; r < GRAM_TILE; r++) UNROLL for (int c = 0; c < r; c++) p[r][c] = p[c][r];
    UNROLL for (int r = 0; r < I; r++)
        vst1q_f32(s.at + (i + (size_t)r) * s.ld + i, sums4(p[r][0], p[r][1], p[r][2], p[r][3]));
    vst1q_f32(squares + i, sums4(p[0][0], p[1][1], p[2][2], p[3][3]));
}

/* A block beside it: four tasks from `i` on with the J tasks from `j` on, and mirrored. */
INLINE void gram_beside(const int J, const float *f, size_t width, size_t ld, size_t i, size_t j,
                        struct scores s)
{
    gram_tile p;
    gram_block(GRAM_TILE, J, false, p, f, width, ld, i, j);
    UNROLL for (int r = 0; r < GRAM_TILE; r++)
        vst1q_f32(s.at + (i + (size_t)r) * s.ld + j, sums4(p[r][0], p[r][1], p[r][2], p[r][3]));
    UNROLL for (int c = 0; c < J; c++)
        vst1q_f32(s.at + (j + (size_t)c) * s.ld + i, sums4(p[0][c], p[1][c], p[2][c], p[3][c]));
}

/* Step 1. */
static void gram(const float *f, size_t tasks, size_t width, size_t ld, struct scores s,
                 float *squares)
{
    for (size_t j = 0; j < tasks; j += GRAM_TILE) {
        size_t count = tasks - j;
        for (size_t i = 0; i < j; i += GRAM_TILE)
            switch (count) {
            case 1:
                gram_beside(1, f, width, ld, i, j, s);
                break;
            case 2:
                gram_beside(2, f, width, ld, i, j, s);
                break;
            case 3:
                gram_beside(3, f, width, ld, i, j, s);
                break;
            default:
                gram_beside(4, f, width, ld, i, j, s);
            }
        switch (count) {
        case 1:
            gram_diagonal(1, f, width, ld, j, s, squares);
            break;
        case 2:
            gram_diagonal(2, f, width, ld, j, s, squares);
            break;
        case 3:
            gram_diagonal(3, f, width, ld, j, s, squares);
            break;
        default:
            gram_diagonal(4, f, width, ld, j, s, squares);
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
#define CASE(R)                                                                                    \
    case R:                                                                                        \
        average_tile(R, s, tasks, i, f0, f, ld, scale, y, width, count);                           \
        break;
        CASE(1)
        CASE(2)
        CASE(3)
        CASE(4)
        CASE(5)
        CASE(6)
        CASE(7)
#undef CASE
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
