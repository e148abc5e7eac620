#include "kernels/libxsmm/tiles.h"

#include "kernels/packed.h"

#include <libxsmm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The whole tiles and the last, narrower one. */
enum { WHOLE, TAIL, TILES };

/* The first block of inputs, the whole ones behind it, the last one. */
enum { FIRST, NEXT, LAST, BLOCKS };

/* Generated code, whatever the format: weights, inputs, sums. */
typedef void product(const void *w, const void *x, void *y, ...);

struct tiles {
    enum dtype dtype;
    size_t group; /* terms of an output that lie side by side */
    size_t block; /* inputs of a block                        */
    size_t ins, outs, ldx, ldy;
    bool add;
    char *weight; /* outs/64 panels [ins/group][64][group], the last one narrower */
    product *run[TILES][BLOCKS][TILE_ROWS_LOG + 1];
    const struct epilogue *epilogue;
    char path[TILES_TEXT];
};

/* Where term `k` of the panel's output `i` is, in elements. */
static size_t place_of(const struct tiles *p, size_t wide, size_t i, size_t k)
{
    return (k / p->group * wide + i) * p->group + k % p->group;
}

static void pack(const struct tiles *p, const struct tensor *weight, size_t ins)
{
    const size_t bytes = dtype_bytes(p->dtype);
    char *to = p->weight;
    for (size_t o = 0; o < p->outs; o += TILE_OUTS) {
        size_t wide = at_most(p->outs - o, TILE_OUTS);
        for (size_t i = 0; i < wide; i++)
            for (size_t k = 0; k < ins; k++)
                memcpy(to + place_of(p, wide, i, k) * bytes,
                       (const char *)weight->data + ((o + i) * weight->ld + k) * bytes, bytes);
        to += wide * p->ins * bytes;
    }
}

/* The library's sizes are ints, alpha 1 and beta 0 or 1. It knows by heart what it has generated
 * before; it generates nothing for sizes of 0. Its left factor is our weights, of narrow formats
 * in groups. */
static product *generate(enum dtype dtype, size_t outs, size_t rows, size_t ins, size_t ldx,
                         size_t ldy, bool add)
{
    const libxsmm_blasint m = (libxsmm_blasint)outs, n = (libxsmm_blasint)rows,
                          k = (libxsmm_blasint)ins, ldb = (libxsmm_blasint)ldx,
                          ldc = (libxsmm_blasint)ldy;
    const float alpha = 1, beta = add ? 1 : 0;
    const int one = 1, adds = add, prefetch = LIBXSMM_GEMM_PREFETCH_NONE;
    const int flags = dtype == DTYPE_F32 ? LIBXSMM_GEMM_FLAG_NONE : LIBXSMM_GEMM_FLAG_VNNI_A;
    if (outs == 0 || ins == 0)
        return NULL;
    if (dtype == DTYPE_BF16)
        return (product *)libxsmm_bsmmdispatch(m, n, k, &m, &ldb, &ldc, &alpha, &beta, &flags,
                                               &prefetch);
    if (dtype == DTYPE_I8)
        return (product *)libxsmm_subimmdispatch(m, n, k, &m, &ldb, &ldc, &one, &adds, &flags,
                                                 &prefetch);
    return (product *)libxsmm_smmdispatch(m, n, k, &m, &ldb, &ldc, &alpha, &beta, &flags,
                                          &prefetch);
}

static size_t block_of(const struct tiles *p, int block)
{
    size_t behind = p->ins > p->block ? (p->ins - 1) % p->block + 1 : 0;
    return block == FIRST  ? at_most(p->ins, p->block)
           : block == NEXT ? (p->ins > 2 * p->block ? p->block : 0)
                           : behind;
}

/* How many of the kernels it asked for it got. */
static size_t generate_all(struct tiles *p, size_t *asked)
{
    size_t got = 0, wide[TILES] = {p->outs >= TILE_OUTS ? TILE_OUTS : 0, p->outs % TILE_OUTS};
    for (int tile = 0; tile < TILES; tile++)
        for (int block = 0; block < BLOCKS; block++)
            for (int log = 0; log <= TILE_ROWS_LOG; log++) {
                size_t ins = block_of(p, block);
                p->run[tile][block][log] = generate(p->dtype, wide[tile], (size_t)1 << log, ins,
                                                    p->ldx, p->ldy, p->add || block != FIRST);
                *asked += wide[tile] && ins;
                got += p->run[tile][block][log] != NULL;
            }
    return got;
}

struct tiles *tiles_make(const struct tiles_spec *spec)
{
    struct tiles *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->dtype = spec->weight->dtype;
    p->group = p->dtype == DTYPE_F32 ? 1 : 4 / dtype_bytes(p->dtype);
    p->block = p->dtype == DTYPE_I8 ? 512 : 256;
    p->ins = (spec->ins + p->group - 1) / p->group * p->group;
    p->outs = spec->outs;
    p->ldx = spec->ldx ? spec->ldx : spec->ins;
    p->ldy = spec->ldy ? spec->ldy : spec->outs;
    p->add = spec->add;
    p->epilogue = epilogue_here();
    p->weight = packed_alloc(p->ins * p->outs * dtype_bytes(p->dtype));
    if (!p->weight) {
        free(p);
        return NULL;
    }
    pack(p, spec->weight, spec->ins);
    size_t asked = 0, got = generate_all(p, &asked);
    snprintf(p->path, sizeof p->path,
             "%s for %s, %zu of %zu kernels, outputs by %zu, inputs by %zu",
             got == asked ? "generated" : "plain loops in part", libxsmm_get_target_arch(), got,
             asked, at_most(p->outs, TILE_OUTS), at_most(p->ins, p->block));
    return p;
}

void tiles_free(struct tiles *tiles)
{
    if (tiles)
        free(tiles->weight);
    free(tiles);
}

const struct epilogue *tiles_epilogue(const struct tiles *tiles) { return tiles->epilogue; }

const char *tiles_path(const struct tiles *tiles) { return tiles->path; }

size_t tiles_rows(const struct tiles *tiles, size_t ldx, size_t ldy, size_t left)
{
    size_t rows = TILE_ROWS;
    if (ldx != tiles->ldx || ldy != tiles->ldy)
        return 1;
    while (rows > left)
        rows /= 2;
    return rows;
}

/* Where the library has built nothing: one sum over some inputs. */
static void plain_sum(const struct tiles *p, const char *w, size_t wide, size_t i, const char *x,
                      char *y, size_t ins, bool add)
{
    float sum = 0;
    int32_t integer = 0;
    if (add)
        memcpy(p->dtype == DTYPE_I8 ? (void *)&integer : (void *)&sum, y, sizeof sum);
    for (size_t k = 0; k < ins; k++) {
        const size_t at = place_of(p, wide, i, k);
        if (p->dtype == DTYPE_I8)
            integer += ((const int8_t *)w)[at] * ((const uint8_t *)x)[k];
        else if (p->dtype == DTYPE_BF16)
            sum += bf16_value(((const uint16_t *)(const void *)w)[at]) *
                   bf16_value(((const uint16_t *)(const void *)x)[k]);
        else
            sum += ((const float *)(const void *)w)[at] * ((const float *)(const void *)x)[k];
    }
    memcpy(y, p->dtype == DTYPE_I8 ? (void *)&integer : (void *)&sum, sizeof sum);
}

void tiles_run(const struct tiles *p, const void *x, size_t ldx, void *y, size_t ldy, size_t out,
               size_t rows)
{
    const size_t bytes = dtype_bytes(p->dtype), wide = at_most(p->outs - out, TILE_OUTS);
    const int tile = wide < TILE_OUTS ? TAIL : WHOLE, log = __builtin_ctzl(rows);
    const char *panel = p->weight + out * p->ins * bytes;
    for (size_t k = 0, ins; k < p->ins; k += ins) {
        ins = at_most(p->ins - k, p->block);
        int block = k == 0 ? FIRST : k + ins < p->ins ? NEXT : LAST;
        product *run = p->run[tile][block][log];
        const char *w = panel + k * wide * bytes, *from = (const char *)x + k * bytes;
        if (run)
            run(w, from, y);
        for (size_t r = 0; r < rows && !run; r++)
            for (size_t i = 0; i < wide; i++)
                plain_sum(p, w, wide, i, from + r * ldx * bytes,
                          (char *)y + (r * ldy + i) * sizeof(float), ins, p->add || k > 0);
    }
}

bool tiles_generates(enum dtype dtype)
{
    libxsmm_init();
    return generate(dtype, 16, 1, 16, 16, 16, false) != NULL;
}

bool tiles_exact(void)
{
    int8_t w[16 * 16];
    uint8_t x[16];
    int32_t y[16] = {0};
    product *run = generate(DTYPE_I8, 16, 1, sizeof x, sizeof x, 16, false);
    memset(w, -128, sizeof w);
    memset(x, 255, sizeof x);
    if (run)
        run(w, x, y);
    return y[0] == 16 * 255 * -128;
}
