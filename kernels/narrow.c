#include "kernels/narrow.h"

#include "kernels/packed.h"

enum { LINE = 64 };

static size_t round_up(size_t count, size_t multiple)
{
    return (count + multiple - 1) / multiple * multiple;
}

/* How a factor is cut: pieces all about alike and of whole groups. */
struct cut {
    size_t pieces, terms; /* of each piece but the last */
    size_t in_group;
};

static struct cut cut_of(const struct tensor *weight, size_t terms, const struct grouping *to)
{
    const size_t bytes = dtype_bytes(weight->dtype), in_group = to->group / (bytes * to->widened);
    const size_t pieces = terms ? (terms * bytes - 1) / to->piece + 1 : 1;
    return (struct cut){pieces, round_up((terms + pieces - 1) / pieces, in_group), in_group};
}

/* Where the group of `term` (of the piece's) begins. */
static char *place_of(const struct narrow *n, const struct piece *p, char *weight, size_t panel,
                      size_t out, size_t term, size_t in_group)
{
    const size_t first = out / panel * panel;
    const size_t wide = n->whole - first < panel ? n->whole - first : panel;
    return weight + p->groups * n->group * first +
           (term / in_group * wide + out - first) * n->group;
}

/* Some weights of an output, as they are or each i8 one in 16 bits. */
static void put_group(char *to, const char *from, size_t count, size_t bytes, bool widen)
{
    if (!widen) {
        memcpy(to, from, count * bytes);
        return;
    }
    for (size_t i = 0; i < count; i++)
        ((int16_t *)(void *)to)[i] = (int16_t)((const int8_t *)from)[i];
}

static void put(const struct narrow *n, const struct piece *p, char *weight,
                const struct tensor *from, size_t panel, const struct grouping *to)
{
    const size_t bytes = dtype_bytes(from->dtype), in_group = to->group / (bytes * to->widened);
    for (size_t o = 0; o < n->outs; o++) {
        const char *row = (const char *)from->data + (o * from->ld + p->first) * bytes;
        for (size_t k = 0; k < p->terms; k += in_group) {
            const size_t count = p->terms - k < in_group ? p->terms - k : in_group;
            put_group(place_of(n, p, weight, panel, o, k, in_group), row + k * bytes, count, bytes,
                      to->widened > 1);
        }
    }
}

static void put_scales(const struct narrow *n, const struct piece *p, float *scale, float *total,
                       int32_t *sums, const struct tensor *from)
{
    for (size_t o = 0; o < n->outs; o++) {
        const int8_t *row = (const int8_t *)from->data + o * from->ld + p->first;
        int32_t sum = 0;
        for (size_t k = 0; k < p->terms; k++)
            sum += row[k];
        sums[o] = sum;
        scale[o] = affine_at(from, o).scale;
        total[o] = scale[o] * (float)sum;
    }
}

/* Bytes of a piece's weights; the last may have fewer. */
static size_t piece_bytes(const struct cut *cut, size_t whole, size_t group)
{
    return round_up(cut->terms / cut->in_group * group * whole, LINE);
}

/* Packs a piece at `at`, and returns what lies behind it. */
static char *pack_piece(const struct narrow *n, struct piece *p, char *at,
                        const struct tensor *weight, size_t panel, const struct grouping *to)
{
    const size_t vector = round_up(n->whole * sizeof(float), LINE);
    if (weight->dtype == DTYPE_I8) {
        float *scale = (float *)(void *)at, *total = (float *)(void *)(at + vector);
        int32_t *sum = (int32_t *)(void *)(at + 2 * vector);
        put_scales(n, p, scale, total, sum, weight);
        p->scale = scale;
        p->total = total;
        p->sum = sum;
        at += 3 * vector;
    }
    put(n, p, at, weight, panel, to);
    p->weight = at;
    return at + round_up(p->groups * n->group * n->whole, LINE);
}

struct narrow *narrow_pack(const struct tensor *bias, size_t outs,
                           const struct tensor *const weight[], const size_t terms[],
                           size_t factors, size_t lanes, size_t panel, size_t group)
{
    return narrow_pack_wide(bias, outs, weight, terms, factors, lanes, panel,
                            (struct grouping){group, 1, PIECE_BYTES});
}

struct narrow *narrow_pack_wide(const struct tensor *bias, size_t outs,
                                const struct tensor *const weight[], const size_t terms[],
                                size_t factors, size_t lanes, size_t panel, struct grouping to)
{
    const size_t whole = round_up(outs, lanes), vector = round_up(whole * sizeof(float), LINE);
    size_t pieces = 0, bytes = vector;
    for (size_t f = 0; f < factors; f++) {
        const struct cut cut = cut_of(weight[f], terms[f], &to);
        pieces += cut.pieces;
        bytes += cut.pieces * (piece_bytes(&cut, whole, to.group) + 3 * vector);
    }
    const size_t front = round_up(sizeof(struct narrow) + pieces * sizeof(struct piece), LINE);
    char *block = packed_alloc(front + bytes);
    if (!block)
        return NULL;
    struct narrow *n = (struct narrow *)(void *)block;
    float *to_bias = (float *)(void *)(block + front);
    *n = (struct narrow){outs, whole, to.group, to_bias, 0};
    for (size_t o = 0; o < outs && bias->data; o++)
        to_bias[o] = ((const float *)bias->data)[o];
    char *at = block + front + vector;
    for (size_t f = 0; f < factors; f++) {
        const struct cut cut = cut_of(weight[f], terms[f], &to);
        for (size_t i = 0; i < cut.pieces; i++) {
            const size_t first = i * cut.terms, left = first < terms[f] ? terms[f] - first : 0;
            const size_t own = left < cut.terms ? left : cut.terms;
            struct piece *p = &n->piece[n->pieces++];
            *p = (struct piece){.factor = f,
                                .first = first,
                                .terms = own,
                                .groups = (own + cut.in_group - 1) / cut.in_group};
            at = pack_piece(n, p, at, weight[f], panel, &to);
        }
    }
    return n;
}
