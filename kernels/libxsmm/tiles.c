#include "kernels/libxsmm/tiles.h"

#include "kernels/packed.h"

#include <libxsmm.h>
#include <stdio.h>
#include <stdlib.h>

enum { BLOCK_INS = 256 };

/* The whole tiles and the last, narrower one. */
enum { WHOLE, TAIL, TILES };

/* The first block of inputs, the whole ones behind it, the last one. */
enum { FIRST, NEXT, LAST, BLOCKS };

struct tiles {
    size_t ins, outs, ldx, ldy;
    bool add;
    float *weight; /* outs/64 panels [ins][64], the last one narrower */
    libxsmm_smmfunction run[TILES][BLOCKS][TILE_ROWS_LOG + 1];
    const struct epilogue *epilogue;
    char path[TILES_TEXT];
};

static void pack(float *to, const struct tensor *weight, size_t outs, size_t ins)
{
    for (size_t o = 0; o < outs; o += TILE_OUTS) {
        size_t wide = at_most(outs - o, TILE_OUTS);
        for (size_t i = 0; i < wide; i++)
            for (size_t k = 0; k < ins; k++)
                to[k * wide + i] = ((const float *)weight->data)[(o + i) * weight->ld + k];
        to += wide * ins;
    }
}

/* The library's sizes are ints, alpha 1 and beta 0 or 1. It knows by heart what it has generated
 * before; it generates nothing for sizes of 0. */
static libxsmm_smmfunction generate(size_t outs, size_t rows, size_t ins, size_t ldx, size_t ldy,
                                    bool add)
{
    const libxsmm_blasint m = (libxsmm_blasint)outs, n = (libxsmm_blasint)rows,
                          k = (libxsmm_blasint)ins, ldb = (libxsmm_blasint)ldx,
                          ldc = (libxsmm_blasint)ldy;
    const float alpha = 1, beta = add ? 1 : 0;
    const int flags = LIBXSMM_GEMM_FLAG_NONE, prefetch = LIBXSMM_GEMM_PREFETCH_NONE;
    if (outs == 0 || ins == 0)
        return NULL;
    return libxsmm_smmdispatch(m, n, k, &m, &ldb, &ldc, &alpha, &beta, &flags, &prefetch);
}

static size_t block_of(const struct tiles *p, int block)
{
    size_t behind = p->ins > BLOCK_INS ? (p->ins - 1) % BLOCK_INS + 1 : 0;
    return block == FIRST  ? at_most(p->ins, BLOCK_INS)
           : block == NEXT ? (p->ins > 2 * BLOCK_INS ? BLOCK_INS : 0)
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
                p->run[tile][block][log] = generate(wide[tile], (size_t)1 << log, ins, p->ldx,
                                                    p->ldy, p->add || block != FIRST);
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
    p->ins = spec->ins;
    p->outs = spec->outs;
    p->ldx = spec->ldx ? spec->ldx : spec->ins;
    p->ldy = spec->ldy ? spec->ldy : spec->outs;
    p->add = spec->add;
    p->epilogue = epilogue_here();
    p->weight = packed_alloc(p->ins * p->outs * sizeof *p->weight);
    if (!p->weight) {
        free(p);
        return NULL;
    }
    pack(p->weight, spec->weight, p->outs, p->ins);
    size_t asked = 0, got = generate_all(p, &asked);
    snprintf(p->path, sizeof p->path,
             "%s for %s, %zu of %zu kernels, outputs by %zu, inputs by %zu",
             got == asked ? "generated" : "plain loops in part", libxsmm_get_target_arch(), got,
             asked, at_most(p->outs, TILE_OUTS), at_most(p->ins, BLOCK_INS));
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

/* Where the library has built nothing. */
static void plain(const float *w, size_t wide, const float *x, size_t ldx, float *y, size_t ldy,
                  size_t rows, size_t ins, bool add)
{
    for (size_t r = 0; r < rows; r++) {
        for (size_t o = 0; o < wide && !add; o++)
            y[r * ldy + o] = 0;
        for (size_t k = 0; k < ins; k++)
            for (size_t o = 0; o < wide; o++)
                y[r * ldy + o] += w[k * wide + o] * x[r * ldx + k];
    }
}

void tiles_run(const struct tiles *p, const float *x, size_t ldx, float *y, size_t ldy, size_t out,
               size_t rows)
{
    const size_t wide = at_most(p->outs - out, TILE_OUTS);
    const int tile = wide < TILE_OUTS ? TAIL : WHOLE, log = __builtin_ctzl(rows);
    const float *w = p->weight + out * p->ins;
    for (size_t k = 0, ins; k < p->ins; k += ins) {
        ins = at_most(p->ins - k, BLOCK_INS);
        int block = k == 0 ? FIRST : k + ins < p->ins ? NEXT : LAST;
        libxsmm_smmfunction run = p->run[tile][block][log];
        if (run)
            run(w + k * wide, x + k, y);
        else
            plain(w + k * wide, wide, x + k, ldx, y, ldy, rows, ins, p->add || k > 0);
    }
}
