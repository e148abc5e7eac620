/* Router: F_i = (f_0 + sum_j share_ij f_j) / (T+1), share_i = softmax_j(cos(f_i, f_j) / tau), for
 * each row of the batch.
 *
 *      gram        f_j            softmax               average    4 vectors of the width
 *               f_i| . . . .        16 scores              f_j  | *   *   *   *  |
 *                  |   . . .   ->   of 4 tasks    ->   share_ij | +   +   +   +  |
 *                  |     . .        in a zmm              :     | +   +   +   +  |  4 tasks i
 *                  |       .                                    | +   +   +   +  |
 *
 * Three steps for each row, whose towers stay in L1, all by blocks of four tasks. Inner products
 * four by four (gram.h). The softmax of a block is one register's work, 16 scores at a time; a
 * task's own score is subtracted first, so that exp stays in range, and the shares are divided by
 * T+1 here, once. The average: a tile of 4 tasks by 4 vectors, 16 sums which 4 loads and 4
 * broadcasts feed. Tasks beyond the last repeat it and are masked out of the softmax; lanes beyond
 * the width are masked.
 *
 * In mode task `prepare` computes the shares from the task vectors and only the average is left.
 * Bottleneck: the multiply-adds; the latencies of the softmax hide behind the average of the row
 * before. */
#include "kernels/avx512/exp.h"
#include "kernels/avx512/gram.h"
#include "kernels/kernel.h"
#include "kernels/packed.h"
#include "reference/operands.h"

#include <stdlib.h>

extern const struct op router_op;
extern const struct backend avx512_backend;

enum { AVERAGE_VECTORS = 4 };

/* What shares are made of. */
struct vectors {
    const float *at; /* [tasks, width] */
    size_t ld, tasks, width;
    float tau;
};

/* Scores and shares lie in blocks of four tasks i by four towers j, lane 4 j + i, the blocks of the
 * same tasks one behind the other: share_ij is element 4 j + i % 4 of the i / 4-th run of blocks.
 */
enum { BLOCK = GRAM * GRAM, BLOCKS_MAX = (TASKS_MAX + GRAM - 1) / GRAM };

INLINE size_t blocks_of(size_t tasks) { return (tasks + GRAM - 1) / GRAM; }

INLINE void four_of(const float *four[GRAM], const struct vectors *s, size_t first)
{
    for (size_t i = 0; i < GRAM; i++)
        four[i] = s->at + (first + i < s->tasks ? first + i : s->tasks - 1) * s->ld;
}

/* All inner products. `count` is what matters of a diagonal block, a constant. */
INLINE void dots_of(float *dot, const struct vectors *s, size_t blocks, const size_t count)
{
    const __m512i mirror = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const float *a[GRAM], *b[GRAM];
    for (size_t i = 0; i < blocks; i++) {
        four_of(a, s, i * GRAM);
        _mm512_store_ps(dot + (i * blocks + i) * BLOCK, gram_within(a, s->width, count));
        for (size_t j = i + 1; j < blocks; j++) {
            four_of(b, s, j * GRAM);
            const __m512 dots = gram_between(a, b, s->width);
            _mm512_store_ps(dot + (j * blocks + i) * BLOCK, dots);
            _mm512_store_ps(dot + (i * blocks + j) * BLOCK, _mm512_permutexvar_ps(mirror, dots));
        }
    }
}

/* 1 / length, from the square of it; 0 for 0. */
INLINE __m512 inverse_of(__m512 square)
{
    const __mmask16 some = _mm512_cmp_ps_mask(square, _mm512_setzero_ps(), _CMP_GT_OQ);
    return _mm512_maskz_div_ps(some, _mm512_set1_ps(1), _mm512_sqrt_ps(square));
}

/* exp((cos - own) / tau), with cos = dot / (|i| |j|). By the rule for zero vectors a cosine with
 * one is 0 and so is its own: their `inverse` lengths are 0. */
INLINE __m512 weight_of(__m512 dot, __m512 i_inverse, __m512 j_inverse, __m512 tau)
{
    const __mmask16 own = _mm512_cmp_ps_mask(i_inverse, _mm512_setzero_ps(), _CMP_GT_OQ);
    __m512 score = _mm512_mul_ps(_mm512_mul_ps(dot, i_inverse), j_inverse);
    score = _mm512_mask_sub_ps(score, own, score, _mm512_set1_ps(1));
    return vector_exp(_mm512_div_ps(score, tau));
}

/* The total over the towers of a block, for each of its tasks, in every lane of the task. */
INLINE __m512 total_over_towers(__m512 block)
{
    block = _mm512_add_ps(block, _mm512_shuffle_f32x4(block, block, _MM_SHUFFLE(2, 3, 0, 1)));
    return _mm512_add_ps(block, _mm512_shuffle_f32x4(block, block, _MM_SHUFFLE(1, 0, 3, 2)));
}

/* Inner products become shares, in place. */
INLINE void softmax(float *share, const struct vectors *s, size_t blocks)
{
    const __m512i diagonal =
        _mm512_setr_epi32(0, 5, 10, 15, 0, 5, 10, 15, 0, 5, 10, 15, 0, 5, 10, 15);
    const __m512i tower = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
    const __m512 one = _mm512_set1_ps(1), parts = _mm512_set1_ps((float)(s->tasks + 1));
    const __m512 tau = _mm512_set1_ps(s->tau);
    __m512 inverse[BLOCKS_MAX]; /* of a block's tasks, once for each tower */
    for (size_t i = 0; i < blocks; i++) {
        const __m512 dots = _mm512_load_ps(share + (i * blocks + i) * BLOCK);
        inverse[i] = inverse_of(_mm512_permutexvar_ps(diagonal, dots));
    }
    for (size_t i = 0; i < blocks; i++, share += blocks * BLOCK) {
        __m512 total = _mm512_setzero_ps();
        for (size_t j = 0; j < blocks; j++) {
            const __m512 weight = weight_of(_mm512_load_ps(share + j * BLOCK), inverse[i],
                                            _mm512_permutexvar_ps(tower, inverse[j]), tau);
            const __mmask16 towers = lanes_of((s->tasks - j * GRAM) * GRAM);
            _mm512_store_ps(share + j * BLOCK, _mm512_maskz_mov_ps(towers, weight));
            total = _mm512_mask_add_ps(total, towers, total, weight);
        }
        const __m512 scale = _mm512_div_ps(one, _mm512_mul_ps(total_over_towers(total), parts));
        for (size_t j = 0; j < blocks; j++)
            _mm512_store_ps(share + j * BLOCK,
                            _mm512_mul_ps(_mm512_load_ps(share + j * BLOCK), scale));
    }
}

INLINE void shares_of_few(float *share, const struct vectors *s, const size_t tasks)
{
    dots_of(share, s, 1, tasks);
    softmax(share, s, 1);
}

static void shares_of_many(float *share, const struct vectors *s)
{
    const size_t blocks = blocks_of(s->tasks);
    dots_of(share, s, blocks, GRAM);
    softmax(share, s, blocks);
}

/* share_ij = softmax_j(cos_ij / tau) / (T+1). One copy for every row, so that the compiler rounds
 * alike in all of them. */
static __attribute__((noinline)) void shares_of(float *share, const struct vectors *s)
{
    switch (s->tasks) {
        CASES_TO_4(shares_of_few(share, s, N))
    default:
        shares_of_many(share, s);
    }
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
    const size_t last = vectors - 1;
    const __mmask16 tail = lanes_of(row->width - e - last * LANES);
    const __m512 part = _mm512_set1_ps(1 / (float)(row->tasks + 1));
    const float *share = row->share + task * blocks_of(row->tasks) * GRAM, *f = row->f + e;
    __m512 sum[GRAM][AVERAGE_VECTORS];
    for (size_t v = 0; v < vectors; v++) {
        const __mmask16 mask = v == last ? tail : 0xffff;
        __m512 f0 = _mm512_maskz_loadu_ps(mask, row->f0 + e + v * LANES);
        for (size_t i = 0; i < count; i++)
            sum[i][v] = _mm512_mul_ps(f0, part);
    }
    for (size_t j = 0; j < row->tasks; j++, f += row->width, share += GRAM) {
        __m512 tower[AVERAGE_VECTORS];
        for (size_t v = 0; v < vectors; v++)
            tower[v] = _mm512_maskz_loadu_ps(v == last ? tail : 0xffff, f + v * LANES);
        for (size_t i = 0; i < count; i++) {
            const __m512 weight = _mm512_set1_ps(share[i]);
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
    for (; e < row->width; e += LANES)
        average_tile(row, task, e, count, 1);
}

static inline void average(const struct routed *row)
{
    size_t task = 0;
    for (; task + GRAM <= row->tasks; task += GRAM)
        average_tasks(row, task, GRAM);
    switch (row->tasks - task) {
        CASES_TO_3(average_tasks(row, task, N))
    }
}

static void *prepare(const struct call *call)
{
    const struct tensor *u = &call->tensor[ROUTER_U];
    const struct vectors s = {u->data, u->ld, call->dims.extent[TASKS], call->dims.extent[WIDTH],
                              call->options.tau};
    const size_t blocks = blocks_of(s.tasks);
    float *share = packed_alloc(blocks * blocks * BLOCK * sizeof *share);
    if (share && call->options.similarity == SIMILARITY_TASK && s.tasks)
        shares_of(share, &s);
    return share;
}

/* The scores of row b+1 come before the average of row b: the latencies of the one pass while the
 * multiply-adds of the other go on. */
static void run(const struct call *call)
{
    _Alignas(64) float own[2][BLOCKS_MAX * BLOCKS_MAX * BLOCK];
    const struct tensor *f0 = &call->tensor[ROUTER_F0], *f = &call->tensor[ROUTER_F];
    const struct tensor *y = &call->tensor[ROUTER_Y];
    const size_t tasks = call->dims.extent[TASKS], width = call->dims.extent[WIDTH];
    const size_t batch = tasks ? call->dims.extent[BATCH] : 0;
    const bool sample = call->options.similarity == SIMILARITY_SAMPLE;
    struct vectors towers = {f->data, width, tasks, width, call->options.tau};
    if (sample && batch)
        shares_of(own[0], &towers);
    for (size_t b = 0; b < batch; b++) {
        towers.at += f->ld;
        if (sample && b + 1 < batch)
            shares_of(own[(b + 1) % 2], &towers);
        average(&(struct routed){
            .f0 = (const float *)f0->data + b * f0->ld,
            .f = (const float *)f->data + b * f->ld,
            .share = sample ? own[b % 2] : call->prepared,
            .y = (float *)y->data + b * y->ld,
            .tasks = tasks,
            .width = width,
        });
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
