#include "kernels/panel.h"

#include "kernels/packed.h"

enum { LINE_FLOATS = 16 };

static size_t round_up(size_t count, size_t unit) { return (count + unit - 1) / unit * unit; }

/* Where the weights of output `o` go: term k's at to[k * step]. */
struct place {
    float *to;
    size_t step;
};

static struct place place_of(const struct panels *p, float *weight, size_t panel, size_t o,
                             size_t term)
{
    size_t begin = term / p->stretch * p->stretch, first = o - o % panel;
    size_t terms = p->terms - begin < p->stretch ? p->terms - begin : p->stretch;
    size_t step = p->whole - first < panel ? p->whole - first : panel;
    return (struct place){
        weight + begin * p->whole + first * terms + (term - begin) * step + (o - first), step};
}

/* The stretch that holds term `term` ends before this one. */
static size_t stretch_end(const struct panels *p, size_t term)
{
    size_t end = (term / p->stretch + 1) * p->stretch;
    return end < p->terms ? end : p->terms;
}

/* Puts a part's columns at the terms from `term` on. */
static void put(const struct panels *p, float *weight, size_t panel, const struct columns *part,
                size_t term)
{
    for (size_t o = 0; o < p->outs; o++) {
        const float *from = (const float *)part->weight->data + o * part->weight->ld;
        for (size_t k = 0; k < part->terms;) {
            struct place place = place_of(p, weight, panel, o, term + k);
            size_t end = stretch_end(p, term + k) - term;
            for (float *to = place.to; k < end && k < part->terms; k++, to += place.step)
                *to = from[k];
        }
    }
}

struct panels *panels_pack(const struct tensor *bias, size_t outs, const struct columns *part,
                           size_t parts, struct panel_size size)
{
    struct panels p = {.outs = outs, .whole = round_up(outs, size.lanes)};
    for (size_t i = 0; i < parts; i++)
        p.terms += part[i].terms;
    size_t stretches = p.terms ? (p.terms - 1) / size.stretch + 1 : 1;
    p.stretch = p.terms ? (p.terms + stretches - 1) / stretches : 1; /* all about alike */
    size_t front = round_up(sizeof p / sizeof(float), LINE_FLOATS);
    size_t biases = round_up(p.whole, LINE_FLOATS);
    float *block = packed_alloc((front + biases + p.whole * p.terms) * sizeof(float));
    if (!block)
        return NULL;
    float *to_bias = block + front, *to_weight = to_bias + biases;
    for (size_t o = 0; o < outs; o++)
        to_bias[o] = ((const float *)bias->data)[o];
    for (size_t i = 0, term = 0; i < parts; term += part[i++].terms)
        put(&p, to_weight, size.panel, &part[i], term);
    p.bias = to_bias;
    p.weight = to_weight;
    *(struct panels *)block = p;
    return (struct panels *)block;
}
