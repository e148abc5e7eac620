/* Router: F_i = (f_0 + sum_j share_ij f_j) / (T+1), share_i = softmax_j(cos(f_i, f_j) / tau), for
 * each row of the batch.
 *
 *      gram        f_j            softmax               average    4 vectors of the width
 *               f_i| . . . .        16 scores              f_j  | *   *   *   *  |
 *                  |   . . .   ->   of 4 tasks    ->   share_ij | +   +   +   +  |
 *                  |     . .        in a zmm              :     | +   +   +   +  |  4 tasks i
 *                  |       .                                    | +   +   +   +  |
 *
 * Three steps for each row, whose towers stay in L1. Inner products four by four tasks (gram.h).
 * The softmax: up to 4 tasks have all their scores in one register, more go through a matrix on the
 * stack, 16 scores of a task at a time; a task's own score is subtracted first, so that exp stays
 * in range, and the shares are divided by T+1 here, once. The average: a tile of 4 tasks by 4
 * vectors, 16 sums which 4 loads and 4 broadcasts feed. Tasks beyond the last repeat it and are
 * dropped or masked, and so are lanes beyond the width.
 *
 * In mode task `prepare` computes the shares from the task vectors and only the average is left.
 * Bottleneck: the multiply-adds, with a share for the shuffles and the softmax that does not shrink
 * with the width. */
#include "kernels/avx512/exp.h"
#include "kernels/avx512/gram.h"
#include "kernels/kernel.h"
#include "kernels/packed.h"
#include "reference/operands.h"

#include <stdlib.h>

extern const struct op router_op;
extern const struct backend avx512_backend;

enum { AVERAGE_VECTORS = 4 };

/* What a row's shares are made of. */
struct vectors {
    const float *vector; /* [tasks, width] */
    size_t ld, tasks, width;
    float tau;
};

/* The matrix of shares: task i's begin at i * share_ld(tasks). */
INLINE size_t share_ld(size_t tasks)
{
    return tasks <= GRAM ? GRAM : (tasks + LANES - 1) / LANES * LANES;
}

/* exp((cos - own) / tau), where cos = dot / norms or 0 and own = 1 or 0 by the rule for zero
 * vectors; 0 outside `mask`. */
INLINE __m512 weight_of(__m512 dot, __m512 own_norm, __m512 norm, float tau, __mmask16 mask)
{
    const __m512 zero = _mm512_setzero_ps(), norms = _mm512_mul_ps(own_norm, norm);
    const __mmask16 compared = _mm512_cmp_ps_mask(norms, zero, _CMP_NEQ_UQ);
    const __mmask16 own = _mm512_cmp_ps_mask(own_norm, zero, _CMP_GT_OQ);
    __m512 score = _mm512_maskz_div_ps(compared, dot, norms);
    score = _mm512_mask_sub_ps(score, own, score, _mm512_set1_ps(1));
    return _mm512_maskz_mov_ps(mask, vector_exp(_mm512_div_ps(score, _mm512_set1_ps(tau))));
}

INLINE void four_of(const float *four[GRAM], const struct vectors *s, size_t first)
{
    for (size_t i = 0; i < GRAM; i++)
        four[i] = s->vector + (first + i < s->tasks ? first + i : s->tasks - 1) * s->ld;
}

/* Up to four tasks: lane 4 i + j is for the pair (i, j) all the way. */
INLINE void shares_of_few(float *share, const struct vectors *s)
{
    const __m512i i_own = _mm512_setr_epi32(0, 0, 0, 0, 5, 5, 5, 5, 10, 10, 10, 10, 15, 15, 15, 15);
    const __m512i j_own = _mm512_setr_epi32(0, 5, 10, 15, 0, 5, 10, 15, 0, 5, 10, 15, 0, 5, 10, 15);
    const float *f[GRAM];
    four_of(f, s, 0);
    const __m512 dot = gram(f, f, s->width, true), root = _mm512_sqrt_ps(dot);
    const __m512 weight =
        weight_of(dot, _mm512_permutexvar_ps(i_own, root), _mm512_permutexvar_ps(j_own, root),
                  s->tau, (__mmask16)(lanes_of(s->tasks) * 0x1111));
    __m512 total = _mm512_add_ps(weight, _mm512_permute_ps(weight, _MM_SHUFFLE(2, 3, 0, 1)));
    total = _mm512_add_ps(total, _mm512_permute_ps(total, _MM_SHUFFLE(1, 0, 3, 2)));
    const __m512 parts = _mm512_set1_ps((float)(s->tasks + 1));
    _mm512_store_ps(share, _mm512_div_ps(weight, _mm512_mul_ps(total, parts)));
}

/* All inner products, four by four; what lies below the diagonal is the mirror of what lies above.
 */
static void dots_of_many(float *dot, const struct vectors *s)
{
    const __m512i mirror = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const size_t ld = share_ld(s->tasks);
    const float *a[GRAM], *b[GRAM];
    for (size_t i = 0; i < s->tasks; i += GRAM) {
        four_of(a, s, i);
        for (size_t j = i; j < s->tasks; j += GRAM) {
            four_of(b, s, j);
            _Alignas(64) float block[2][GRAM * GRAM];
            __m512 dots = i == j ? gram(a, a, s->width, true) : gram(a, b, s->width, false);
            _mm512_store_ps(block[0], dots);
            _mm512_store_ps(block[1], _mm512_permutexvar_ps(mirror, dots));
            for (size_t r = 0; r < GRAM; r++) {
                _mm_store_ps(dot + (i + r) * ld + j, _mm_load_ps(block[0] + r * GRAM));
                _mm_store_ps(dot + (j + r) * ld + i, _mm_load_ps(block[1] + r * GRAM));
            }
        }
    }
}

/* Any number of tasks, a row of the matrix at a time. */
static void shares_of_many(float *share, const struct vectors *s)
{
    _Alignas(64) float norm[TASKS_MAX];
    const size_t ld = share_ld(s->tasks), tasks = s->tasks;
    dots_of_many(share, s);
    for (size_t i = 0; i < tasks; i++)
        norm[i] = share[i * ld + i];
    for (size_t j = 0; j < tasks; j += LANES)
        _mm512_store_ps(norm + j,
                        _mm512_maskz_sqrt_ps(lanes_of(tasks - j),
                                             _mm512_maskz_load_ps(lanes_of(tasks - j), norm + j)));
    for (size_t i = 0; i < tasks; i++) {
        float *row = share + i * ld;
        __m512 sum = _mm512_setzero_ps();
        for (size_t j = 0; j < tasks; j += LANES) {
            const __mmask16 mask = lanes_of(tasks - j);
            __m512 weight = weight_of(_mm512_maskz_load_ps(mask, row + j), _mm512_set1_ps(norm[i]),
                                      _mm512_load_ps(norm + j), s->tau, mask);
            sum = _mm512_add_ps(sum, weight);
            _mm512_store_ps(row + j, weight);
        }
        const __m512 total = _mm512_set1_ps(_mm512_reduce_add_ps(sum) * (float)(tasks + 1));
        for (size_t j = 0; j < tasks; j += LANES)
            _mm512_store_ps(row + j, _mm512_div_ps(_mm512_load_ps(row + j), total));
    }
}

/* share[i, j] = softmax_j(cos_ij / tau) / (T+1) */
INLINE void shares_of(float *share, const struct vectors *s)
{
    if (s->tasks <= GRAM)
        shares_of_few(share, s);
    else
        shares_of_many(share, s);
}

/* One row of the batch, as the average sees it. */
struct routed {
    const float *f0, *f, *share;
    float *y;
    size_t tasks, width;
};

/* `count` tasks from `task` on, `vectors` vectors from column `e` on. */
INLINE void average_tile(const struct routed *row, size_t task, size_t e, const size_t count,
                         const size_t vectors)
{
    const size_t last = vectors - 1, ld = share_ld(row->tasks);
    const __mmask16 tail = lanes_of(row->width - e - last * LANES);
    const __m512 part = _mm512_set1_ps(1 / (float)(row->tasks + 1));
    const float *share = row->share + task * ld, *f = row->f + e;
    __m512 sum[GRAM][AVERAGE_VECTORS];
    for (size_t v = 0; v < vectors; v++) {
        const __mmask16 mask = v == last ? tail : 0xffff;
        __m512 f0 = _mm512_maskz_loadu_ps(mask, row->f0 + e + v * LANES);
        for (size_t i = 0; i < count; i++)
            sum[i][v] = _mm512_mul_ps(f0, part);
    }
    for (size_t j = 0; j < row->tasks; j++, f += row->width) {
        __m512 tower[AVERAGE_VECTORS];
        for (size_t v = 0; v < vectors; v++)
            tower[v] = _mm512_maskz_loadu_ps(v == last ? tail : 0xffff, f + v * LANES);
        for (size_t i = 0; i < count; i++) {
            const __m512 weight = _mm512_set1_ps(share[i * ld + j]);
            for (size_t v = 0; v < vectors; v++)
                sum[i][v] = _mm512_fmadd_ps(weight, tower[v], sum[i][v]);
        }
    }
    float *y = row->y + task * row->width + e;
    for (size_t i = 0; i < count; i++)
        for (size_t v = 0; v < vectors; v++)
            _mm512_mask_storeu_ps(y + i * row->width + v * LANES, v == last ? tail : 0xffff,
                                  sum[i][v]);
}

INLINE void average_tasks(const struct routed *row, size_t task, const size_t count)
{
    size_t e = 0;
    for (; e + AVERAGE_VECTORS * LANES <= row->width; e += AVERAGE_VECTORS * LANES)
        average_tile(row, task, e, count, AVERAGE_VECTORS);
    for (; e + LANES <= row->width; e += LANES)
        average_tile(row, task, e, count, 1);
    if (e < row->width)
        average_tile(row, task, e, count, 1);
}

static inline void average(const struct routed *row)
{
    size_t task = 0;
    for (; task + 4 <= row->tasks; task += 4)
        average_tasks(row, task, 4);
    switch (row->tasks - task) {
    case 3:
        average_tasks(row, task, 3);
        break;
    case 2:
        average_tasks(row, task, 2);
        break;
    case 1:
        average_tasks(row, task, 1);
        break;
    }
}

static void *prepare(const struct call *call)
{
    const struct tensor *u = &call->tensor[ROUTER_U];
    const struct vectors s = {u->data, u->ld, call->dims.extent[TASKS], call->dims.extent[WIDTH],
                              call->options.tau};
    float *share = packed_alloc((s.tasks + GRAM) * share_ld(s.tasks) * sizeof *share);
    if (share && call->options.similarity == SIMILARITY_TASK && s.tasks)
        shares_of(share, &s);
    return share;
}

static void run(const struct call *call)
{
    _Alignas(64) float own[TASKS_MAX * TASKS_MAX];
    const struct tensor *f0 = &call->tensor[ROUTER_F0], *f = &call->tensor[ROUTER_F];
    const struct tensor *y = &call->tensor[ROUTER_Y];
    const size_t tasks = call->dims.extent[TASKS], width = call->dims.extent[WIDTH];
    const bool sample = call->options.similarity == SIMILARITY_SAMPLE;
    for (size_t b = 0; b < call->dims.extent[BATCH]; b++) {
        const struct routed row = {
            .f0 = (const float *)f0->data + b * f0->ld,
            .f = (const float *)f->data + b * f->ld,
            .share = sample ? own : call->prepared,
            .y = (float *)y->data + b * y->ld,
            .tasks = tasks,
            .width = width,
        };
        if (sample && tasks)
            shares_of(own, &(struct vectors){row.f, width, tasks, width, call->options.tau});
        average(&row);
    }
}

const struct kernel router_f32_avx512 = {
    .name = "router_f32_avx512",
    .op = &router_op,
    .dtype = DTYPE_F32,
    .backend = &avx512_backend,
    .isa = ISA_AVX512,
    .run = run,
    .prepare = prepare,
    .release = free,
    .about =
        "4 x 4 inner products, then 4 tasks x 64 columns, in registers; bound by multiply-adds",
};
