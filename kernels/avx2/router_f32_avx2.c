/* Router: F_i = (f_0 + sum_j share_ij f_j) / (T+1), share_i = softmax_j(cos(f_i, f_j) / tau), for
 * each row of the batch.
 *
 *      gram        f_j            softmax               average    2 vectors of the width
 *               f_i| . . . .        16 scores              f_j  | *   *  |
 *                  |   . . .   ->   of 4 tasks    ->   share_ij | +   +  |
 *                  |     . .        in two ymm            :     | +   +  |  4 tasks i
 *                  |       .                                    | +   +  |
 *
 * Three steps for each row, whose towers stay in L1, all by blocks of four tasks. Inner products
 * four by four (gram.h). The softmax of a block is the work of two registers, 8 scores at a time; a
 * task's own score is subtracted first, so that exp stays in range, and the shares are divided by
 * T+1 here, once. The average: a tile of 4 tasks by 2 vectors, 8 sums which 2 loads and 4
 * broadcasts feed. Tasks beyond the last repeat it and are masked out of the softmax; lanes beyond
 * the width are masked.
 *
 * In mode task `prepare` computes the shares from the task vectors and only the average is left.
 * Bottleneck: the multiply-adds; the latencies of the softmax hide behind the average of the row
 * before. */
#include "kernels/avx2/exp.h"
#include "kernels/avx2/gram.h"
#include "kernels/kernel.h"
#include "kernels/packed.h"
#include "reference/operands.h"

#include <stdlib.h>

extern const struct op router_op;
extern const struct backend avx2_backend;

enum { AVERAGE_VECTORS = 2 };

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
    const float *a[GRAM], *b[GRAM];
    for (size_t i = 0; i < blocks; i++) {
        four_of(a, s, i * GRAM);
        block_store(dot + (i * blocks + i) * BLOCK, gram_within(a, s->width, count));
        for (size_t j = i + 1; j < blocks; j++) {
            four_of(b, s, j * GRAM);
            const struct block dots = gram_between(a, b, s->width);
            block_store(dot + (j * blocks + i) * BLOCK, dots);
            block_store(dot + (i * blocks + j) * BLOCK, mirrored(dots));
        }
    }
}

/* 1 / length of four tasks, twice, from the inner products of a diagonal block; 0 for length 0. */
INLINE __m256 inverses_of(struct block dots)
{
    const __m256i first = _mm256_setr_epi32(0, 5, 0, 0, 0, 5, 0, 0);
    const __m256i second = _mm256_setr_epi32(0, 0, 2, 7, 0, 0, 2, 7);
    const __m256 square = _mm256_blend_ps(_mm256_permutevar8x32_ps(dots.half[0], first),
                                          _mm256_permutevar8x32_ps(dots.half[1], second), 0xcc);
    const __m256 some = _mm256_cmp_ps(square, _mm256_setzero_ps(), _CMP_GT_OQ);
    return _mm256_and_ps(some, _mm256_div_ps(_mm256_set1_ps(1), _mm256_sqrt_ps(square)));
}

/* exp((cos - own) / tau), with cos = dot / (|i| |j|). By the rule for zero vectors a cosine with
 * one is 0 and so is its own: their `inverse` lengths are 0. */
INLINE __m256 weight_of(__m256 dot, __m256 i_inverse, __m256 j_inverse, __m256 tau)
{
    const __m256 some = _mm256_cmp_ps(i_inverse, _mm256_setzero_ps(), _CMP_GT_OQ);
    const __m256 own = _mm256_and_ps(some, _mm256_set1_ps(1));
    const __m256 score = _mm256_mul_ps(_mm256_mul_ps(dot, i_inverse), j_inverse);
    return vector_exp(_mm256_div_ps(_mm256_sub_ps(score, own), tau));
}

/* The weights of a block, 0 for towers from `towers` on. */
INLINE struct block weights_of(struct block dots, __m256 i_inverse, __m256 j_inverse, __m256 tau,
                               size_t towers)
{
    const __m256i pair[HALVES] = {_mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1),
                                  _mm256_setr_epi32(2, 2, 2, 2, 3, 3, 3, 3)};
    struct block weight;
    for (size_t h = 0; h < HALVES; h++)
        weight.half[h] = keep_lanes(
            lanes_of(towers > 2 * h ? (towers - 2 * h) * GRAM : 0),
            weight_of(dots.half[h], i_inverse, _mm256_permutevar8x32_ps(j_inverse, pair[h]), tau));
    return weight;
}

/* Inner products become shares, in place. */
INLINE void softmax(float *share, const struct vectors *s, size_t blocks)
{
    const __m256 one = _mm256_set1_ps(1), parts = _mm256_set1_ps((float)(s->tasks + 1));
    const __m256 tau = _mm256_set1_ps(s->tau);
    __m256 inverse[BLOCKS_MAX]; /* of a block's tasks, twice */
    for (size_t i = 0; i < blocks; i++)
        inverse[i] = inverses_of(block_load(share + (i * blocks + i) * BLOCK));
    for (size_t i = 0; i < blocks; i++, share += blocks * BLOCK) {
        __m256 total = _mm256_setzero_ps(); /* over the towers, even and odd apart */
        for (size_t j = 0; j < blocks; j++) {
            const struct block weight = weights_of(block_load(share + j * BLOCK), inverse[i],
                                                   inverse[j], tau, s->tasks - j * GRAM);
            block_store(share + j * BLOCK, weight);
            total = _mm256_add_ps(total, _mm256_add_ps(weight.half[0], weight.half[1]));
        }
        total = _mm256_add_ps(total, _mm256_permute2f128_ps(total, total, 1));
        const __m256 scale = _mm256_div_ps(one, _mm256_mul_ps(total, parts));
        for (size_t j = 0; j < blocks * HALVES; j++)
            _mm256_store_ps(share + j * LANES,
                            _mm256_mul_ps(_mm256_load_ps(share + j * LANES), scale));
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

/* `count` tasks from `task` on, `vectors` vectors from column `e` on, the last one masked. */
INLINE void average_tile(const struct routed *row, size_t task, size_t e, const size_t count,
                         const size_t vectors)
{
    const size_t last = vectors - 1;
    const struct lanes tail = lanes_of(row->width - e - last * LANES);
    const __m256 part = _mm256_set1_ps(1 / (float)(row->tasks + 1));
    const float *share = row->share + task * blocks_of(row->tasks) * GRAM;
    const float *f0 = row->f0 + e, *f = row->f + e;
    __m256 sum[GRAM][AVERAGE_VECTORS], tower[AVERAGE_VECTORS];
    for (size_t v = 0; v < vectors; v++) {
        tower[v] = v == last ? load_lanes(f0 + v * LANES, tail) : _mm256_loadu_ps(f0 + v * LANES);
        for (size_t i = 0; i < count; i++)
            sum[i][v] = _mm256_mul_ps(tower[v], part);
    }
    for (size_t j = 0; j < row->tasks; j++, f += row->width, share += GRAM) {
        for (size_t v = 0; v < vectors; v++)
            tower[v] = v == last ? load_lanes(f + v * LANES, tail) : _mm256_loadu_ps(f + v * LANES);
        for (size_t i = 0; i < count; i++) {
            const __m256 weight = _mm256_set1_ps(share[i]);
            for (size_t v = 0; v < vectors; v++)
                sum[i][v] = _mm256_fmadd_ps(weight, tower[v], sum[i][v]);
        }
    }
    float *y = row->y + task * row->width + e;
    for (size_t i = 0; i < count; i++, y += row->width)
        for (size_t v = 0; v < vectors; v++) {
            if (v == last)
                store_lanes(y + v * LANES, tail, sum[i][v]);
            else
                _mm256_storeu_ps(y + v * LANES, sum[i][v]);
        }
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

/* Asks for `count` numbers of a row that is needed soon. A vector is half a line here, too little
 * for the CPU's window to reach far enough ahead by itself when the batch is not in L2. */
INLINE void prefetch(const float *row, size_t count)
{
    enum { LINE = 64 / sizeof *row };
    for (size_t e = 0; e < count; e += LINE)
        _mm_prefetch((const char *)(row + e), _MM_HINT_T0);
}

/* The scores of row b+1 come before the average of row b: the latencies of the one pass while the
 * multiply-adds of the other go on. */
static void run(const struct call *call)
{
    _Alignas(32) float own[2][BLOCKS_MAX * BLOCKS_MAX * BLOCK];
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
        if (sample && b + 2 < batch)
            prefetch(towers.at + f->ld, tasks * width);
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

const struct kernel router_f32_avx2 = {
    .name = "router_f32_avx2",
    .op = &router_op,
    .dtype = DTYPE_F32,
    .backend = &avx2_backend,
    .isa = ISA_AVX2,
    .run = run,
    .prepare = prepare,
    .release = free,
    .about =
        "4 x 4 inner products, then 4 tasks x 16 columns, in registers; bound by multiply-adds",
};
