#include "kernels/onednn/narrow.h"

#include "kernels/onednn/chain.h"

#include <stdio.h>
#include <string.h>

/* Blocks of so many rows: their sums are still in L2 for what follows. */
enum { SUMMED_ROWS = 64 };

/* The operands of the chain's calls. */
enum { TILE_X, TILE_SUMS };

static void *pack(const struct narrow_weights *w)
{
    return chain_make(&(struct chain_spec){
        .matrices = 2,
        .matrix = {{TILE_X, w->terms, false, DTYPE_I8}, {TILE_SUMS, w->outs, true, DTYPE_I32}},
        .steps = 1,
        .step = {{0, 1, w->weight, NULL, FINISH_NONE}},
    });
}

static void multiply(const void *packed, const struct narrow_tile *t)
{
    union {
        const void *read;
        void *data;
    } x = {t->x};
    const struct call call = {
        .dims.extent = {[BATCH] = t->rows},
        .tensor =
            {[TILE_X] = {x.data, t->ldx, DTYPE_I8}, [TILE_SUMS] = {t->sums, t->ld, DTYPE_I32}},
        .prepared = packed};
    chain_run(&call);
}

const struct multiplier i8_by_onednn = {
    .dtype = DTYPE_I8,
    .tight = true,
    .rows = SUMMED_ROWS,
    .outs = SIZE_MAX,
    .group = 1,
    .pack = pack,
    .release = chain_release,
    .multiply = multiply,
    .path = chain_path,
};

/* A product of one row whose pairs of terms leave 16 bits, by the library. */
enum { TERMS = 64, OUTS = 16 };

static void *probe_of(enum dtype dtype, const struct tensor *weight)
{
    return chain_make(&(struct chain_spec){
        .matrices = 2,
        .matrix = {{TILE_X, TERMS, false, dtype},
                   {TILE_SUMS, OUTS, true, dtype == DTYPE_I8 ? DTYPE_I32 : DTYPE_F32}},
        .steps = 1,
        .step = {{0, 1, weight, NULL, FINISH_NONE}},
    });
}

/* Its reference loops are there for any CPU, and are nobody's choice. */
static bool has_code(const void *chain, enum dtype dtype, char *reason, size_t size)
{
    if (chain && !strstr(chain_path(chain), "ref"))
        return true;
    snprintf(reason, size, "oneDNN has no %s code for this CPU", dtype_name(dtype));
    return false;
}

bool onednn_has_bf16(char *reason, size_t size)
{
    uint16_t w[OUTS * TERMS] = {0};
    void *chain = probe_of(DTYPE_BF16, &(struct tensor){w, TERMS, DTYPE_BF16});
    const bool has = has_code(chain, DTYPE_BF16, reason, size);
    if (chain)
        chain_release(chain);
    return has;
}

bool onednn_has_i8(char *reason, size_t size)
{
    int8_t w[OUTS * TERMS];
    uint8_t x[TERMS];
    int32_t sums[OUTS] = {0};
    memset(w, -128, sizeof w);
    memset(x, 255, sizeof x);
    void *chain = probe_of(DTYPE_I8, &(struct tensor){w, TERMS, DTYPE_I8});
    bool has = has_code(chain, DTYPE_I8, reason, size);
    if (has)
        multiply(chain, &(struct narrow_tile){x, TERMS, sums, OUTS, 1, 0, OUTS, false});
    if (has && sums[0] != TERMS * 255 * -128) {
        snprintf(reason, size, "oneDNN saturates sums of i8 on this CPU");
        has = false;
    }
    if (chain)
        chain_release(chain);
    return has;
}
