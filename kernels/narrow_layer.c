#include "kernels/narrow_layer.h"

#include "kernels/epilogue.h"
#include "kernels/packed.h"
#include "kernels/rounding.h"
#include "kernels/scratch.h"
#include "reference/operands.h"

#include <assert.h>
#include <stdlib.h>

enum { FACTORS = 2, LINE = 64 };

struct narrow_layer {
    const struct multiplier *by;
    const struct rounder *rounder;
    const struct epilogue *epilogue;
    size_t factors, terms, outs;
    size_t ldx;  /* elements from one rounded row to the next */
    size_t wide; /* outputs of a tile                         */
    void *packed[FACTORS];
    float *numbers;                         /* all of those that follow, [outs] each              */
    float *zeros;                           /* a bias for what has had its own                    */
    float *scale[FACTORS], *total[FACTORS]; /* i8: see struct integers                            */
    struct scratch *scratch;
};

/* A share of scratch memory. */
struct seat {
    char *x[FACTORS];                   /* [rows, ldx]: rounded                    */
    struct rounding *rounding[FACTORS]; /* [rows]: of i8                           */
    int32_t *sums;                      /* [rows, wide]: of i8                     */
    float *hidden;                      /* [rows, wide]: a head's units            */
    float *logit;                       /* [rows]: a head's                        */
};

static size_t at_most(size_t count, size_t limit) { return count < limit ? count : limit; }

static size_t round_up(size_t count, size_t multiple)
{
    return (count + multiple - 1) / multiple * multiple;
}

static size_t element_bytes(const struct multiplier *by)
{
    return by->dtype == DTYPE_BF16 || by->widened ? 2 : 1;
}

/* ---- preparing ------------------------------------------------------------------------------- */

/* Rows begin on lines, and so that few of them meet in the same sets of a cache. */
static size_t leading(const struct multiplier *by, size_t terms)
{
    if (by->tight)
        return terms;
    const size_t bytes = round_up(round_up(terms ? terms : 1, by->group) * element_bytes(by), LINE);
    return (bytes % (4 * LINE) ? bytes : bytes + LINE) / element_bytes(by);
}

/* What a share of scratch memory consists of, from `memory` on. Returns its size. */
static size_t divide(const struct narrow_layer *l, char *memory, struct seat *seat)
{
    const size_t rows = l->by->rows, tile = rows * l->wide * sizeof(float);
    size_t at = 0;
    for (size_t f = 0; f < l->factors; f++) {
        seat->x[f] = memory + at;
        at += round_up(rows * l->ldx * element_bytes(l->by), LINE);
        seat->rounding[f] = (struct rounding *)(void *)(memory + at);
        at += round_up(rows * sizeof(struct rounding), LINE);
    }
    seat->sums = (int32_t *)(void *)(memory + at);
    at += round_up(tile, LINE);
    seat->hidden = (float *)(void *)(memory + at);
    at += round_up(tile, LINE);
    seat->logit = (float *)(void *)(memory + at);
    return at + rows * sizeof(float);
}

static void note_scales(const struct narrow_layer *l, size_t factor, const struct tensor *weight)
{
    for (size_t o = 0; o < l->outs; o++) {
        const int8_t *row = (const int8_t *)weight->data + o * weight->ld;
        int32_t sum = 0;
        for (size_t k = 0; k < l->terms; k++)
            sum += row[k];
        l->scale[factor][o] = affine_at(weight, o).scale;
        l->total[factor][o] = l->scale[factor][o] * (float)sum;
    }
}

static bool pack(struct narrow_layer *l, const struct tensor *const weight[], size_t ld)
{
    l->numbers = packed_alloc((1 + 2 * FACTORS) * l->outs * sizeof(float));
    if (!l->numbers)
        return false;
    l->zeros = l->numbers;
    for (size_t f = 0; f < l->factors; f++) {
        l->scale[f] = l->numbers + (1 + 2 * f) * l->outs;
        l->total[f] = l->scale[f] + l->outs;
        if (l->by->dtype == DTYPE_I8)
            note_scales(l, f, weight[f]);
        l->packed[f] = l->by->pack(&(struct narrow_weights){weight[f], l->terms, l->outs, l->ldx,
                                                            ld, f > 0 && l->by->dtype != DTYPE_I8});
        if (!l->packed[f])
            return false;
    }
    return true;
}

/* Of `factors` weights [outs, terms]; `ld` is that of y where tiles of bf16 are part of it. */
static void *make(const struct multiplier *by, const struct tensor *const weight[], size_t factors,
                  size_t terms, size_t outs, size_t ld)
{
    struct narrow_layer *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    const enum isa isa = by->isa == ISA_SCALAR ? isa_widest() : by->isa;
    struct seat seat = {0};
    *l = (struct narrow_layer){.by = by,
                               .rounder = rounder_at(isa),
                               .epilogue = epilogue_at(isa),
                               .factors = factors,
                               .terms = terms,
                               .outs = outs,
                               .ldx = leading(by, terms),
                               .wide = at_most(outs, by->outs)};
    l->scratch = scratch_make(divide(l, (char *)l, &seat)); /* from anywhere: the size counts */
    if (l->scratch && pack(l, weight, by->dtype == DTYPE_I8 ? l->wide : ld))
        return l;
    narrow_layer_release(l);
    return NULL;
}

void narrow_layer_release(void *layer)
{
    struct narrow_layer *l = layer;
    for (size_t f = 0; f < l->factors; f++)
        if (l->packed[f])
            l->by->release(l->packed[f]);
    scratch_free(l->scratch);
    free(l->numbers);
    free(l);
}

const char *narrow_layer_path(const void *layer)
{
    const struct narrow_layer *l = layer;
    return l->by->path(l->packed[0]);
}

/* ---- running --------------------------------------------------------------------------------- */

/* Some rows of a call, on their way. */
struct block {
    const struct narrow_layer *layer;
    const struct seat *seat;
    size_t first, rows;
};

static struct rows rows_of(const struct block *b, const struct tensor *t)
{
    return (struct rows){(const float *)t->data + b->first * t->ld, t->ld};
}

/* Rounds the block's rows of a factor. */
static void enter(const struct block *b, size_t factor, const struct tensor *x)
{
    const struct narrow_layer *l = b->layer;
    const size_t bytes = element_bytes(l->by), filled = round_up(l->terms, l->by->group) * bytes;
    assert(b->seat->x[factor] &&
           b->seat->rounding[factor]); /* each factor has its part of a seat */
    for (size_t r = 0; r < b->rows; r++) {
        const float *from = (const float *)x->data + (b->first + r) * x->ld;
        void *to = b->seat->x[factor] + r * l->ldx * bytes;
        struct rounding *rounding = &b->seat->rounding[factor][r];
        if (l->by->dtype == DTYPE_I8)
            *rounding = l->rounder->range(from, l->terms);
        if (l->by->dtype == DTYPE_BF16)
            l->rounder->bf16(to, from, l->terms);
        else if (l->by->widened)
            l->rounder->i16(to, from, l->terms, rounding);
        else
            l->rounder->u8(to, from, l->terms, rounding);
        memset((char *)to + l->terms * bytes, 0, filled - l->terms * bytes);
    }
}

/* Outputs `out` to `out` + `count` of the block: y = max(start + W x, floor). Without a start,
 * which is NULL then, W x is added to y. */
static void product(const struct block *b, size_t factor, float *y, size_t ld, size_t out,
                    size_t count, const float *start, float floor)
{
    const struct narrow_layer *l = b->layer;
    const bool integers = l->by->dtype == DTYPE_I8;
    const struct narrow_tile tile = {.x = b->seat->x[factor],
                                     .ldx = l->ldx,
                                     .sums = integers ? (void *)b->seat->sums : (void *)y,
                                     .ld = integers ? l->wide : ld,
                                     .rows = b->rows,
                                     .out = out,
                                     .outs = count,
                                     .add = !integers && !start};
    l->by->multiply(l->packed[factor], &tile);
    if (integers)
        l->epilogue->dequantize(y, ld,
                                &(struct integers){b->seat->sums, l->wide,
                                                   b->seat->rounding[factor],
                                                   l->scale[factor] + out, l->total[factor] + out},
                                start, floor, b->rows, count);
    else if (start)
        (floor < 0 ? l->epilogue->bias : l->epilogue->relu)(y, ld, start, b->rows, count);
}

/* The block that begins at row `first`. */
static struct block block_at(const struct call *call, const struct seat *seat, size_t first)
{
    const struct narrow_layer *l = call->prepared;
    return (struct block){l, seat, first, at_most(call->dims.extent[BATCH] - first, l->by->rows)};
}

/* Goes over the batch in blocks, each through `pass`. */
static void walk(const struct call *call, void (*pass)(const struct call *, const struct block *))
{
    const struct narrow_layer *l = call->prepared;
    struct seat seat = {0};
    void *share = scratch_borrow(l->scratch);
    divide(l, share, &seat);
    for (size_t first = 0; first < call->dims.extent[BATCH]; first += l->by->rows) {
        const struct block block = block_at(call, &seat, first);
        pass(call, &block);
    }
    scratch_give_back(l->scratch, share);
}

/* ---- layers ---------------------------------------------------------------------------------- */

/* y = max(W x + bias, floor) */
static void affine(const struct block *b, const struct tensor *x, const struct tensor *bias,
                   const struct tensor *y, float floor)
{
    const struct narrow_layer *l = b->layer;
    enter(b, 0, x);
    for (size_t o = 0; o < l->outs; o += l->wide)
        product(b, 0, (float *)y->data + b->first * y->ld + o, y->ld, o,
                at_most(l->outs - o, l->wide), (const float *)bias->data + o, floor);
}

void *narrow_dense(const struct call *call, const struct multiplier *by)
{
    const struct tensor *t = call->tensor, *weight[] = {&t[DENSE_W]};
    return make(by, weight, 1, call->dims.extent[IN], call->dims.extent[OUT], t[DENSE_Y].ld);
}

static void dense(const struct call *call, const struct block *b)
{
    const struct tensor *t = call->tensor;
    const bool relu = call->options.activation == ACTIVATION_RELU;
    affine(b, &t[DENSE_X], &t[DENSE_B], &t[DENSE_Y], relu ? 0 : -INFINITY);
}

void narrow_dense_run(const struct call *call) { walk(call, dense); }

void *narrow_transmitter(const struct call *call, const struct multiplier *by)
{
    const struct tensor *t = call->tensor, *weight[] = {&t[TRANSMITTER_A]};
    const size_t width = call->dims.extent[WIDTH];
    return make(by, weight, 1, width, width, t[TRANSMITTER_M].ld);
}

static void transmitter(const struct call *call, const struct block *b)
{
    const struct tensor *t = call->tensor;
    affine(b, &t[TRANSMITTER_F], &t[TRANSMITTER_BIAS], &t[TRANSMITTER_M], 0);
}

void narrow_transmitter_run(const struct call *call) { walk(call, transmitter); }

void *narrow_enhanced(const struct call *call, const struct multiplier *by)
{
    const struct tensor *t = call->tensor, *weight[] = {&t[ENHANCED_GF], &t[ENHANCED_GM]};
    const size_t width = call->dims.extent[WIDTH];
    return make(by, weight, 2, width, width, t[ENHANCED_Z].ld);
}

static void enhanced(const struct call *call, const struct block *b)
{
    const struct narrow_layer *l = b->layer;
    const struct tensor *t = call->tensor, *tz = &t[ENHANCED_Z];
    const struct rows f = rows_of(b, &t[ENHANCED_F]), m = rows_of(b, &t[ENHANCED_M]);
    enter(b, 0, &t[ENHANCED_F]);
    enter(b, 1, &t[ENHANCED_M]);
    for (size_t o = 0; o < l->outs; o += l->wide) {
        float *z = (float *)tz->data + b->first * tz->ld + o;
        const size_t count = at_most(l->outs - o, l->wide);
        product(b, 0, z, tz->ld, o, count, (const float *)t[ENHANCED_C].data + o, -INFINITY);
        product(b, 1, z, tz->ld, o, count, NULL, -INFINITY);
        l->epilogue->gate(z, tz->ld, l->zeros, (struct rows){f.data + o, f.ld},
                          (struct rows){m.data + o, m.ld}, b->rows, count);
    }
}

void narrow_enhanced_run(const struct call *call) { walk(call, enhanced); }

void *narrow_head(const struct call *call, const struct multiplier *by)
{
    const struct tensor *weight[] = {&call->tensor[HEAD_U]};
    const size_t units = call->dims.extent[HIDDEN];
    return make(by, weight, 1, call->dims.extent[WIDTH], units, at_most(units, by->outs));
}

static void head(const struct call *call, const struct block *b)
{
    const struct narrow_layer *l = b->layer;
    const struct tensor *t = call->tensor, *tp = &t[HEAD_P];
    float *hidden = b->seat->hidden, *logit = b->seat->logit;
    enter(b, 0, &t[HEAD_X]);
    for (size_t r = 0; r < b->rows; r++)
        logit[r] = *(const float *)t[HEAD_V].data;
    for (size_t h = 0; h < l->outs; h += l->wide) {
        const size_t count = at_most(l->outs - h, l->wide);
        product(b, 0, hidden, l->wide, h, count, (const float *)t[HEAD_UBIAS].data + h, 0);
        l->epilogue->units(logit, (struct rows){hidden, l->wide}, l->zeros,
                           (const float *)t[HEAD_W].data + h, b->rows, count);
    }
    l->epilogue->predict((float *)tp->data + b->first * tp->ld, tp->ld, logit, b->rows);
}

void narrow_head_run(const struct call *call) { walk(call, head); }
