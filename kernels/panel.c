#include "kernels/panel.h"

#include "kernels/packed.h"

enum { LINE_FLOATS = 16 };

static size_t round_up(size_t count, size_t unit) { return (count + unit - 1) / unit * unit; }

struct panels *panels_pack(const struct tensor *bias, size_t outs, const struct columns *part,
                           size_t parts, struct panel_width width)
{
    size_t terms = 0, all = round_up(outs, width.lanes);
    for (size_t i = 0; i < parts; i++)
        terms += part[i].terms;
    size_t front = round_up(sizeof(struct panels) / sizeof(float), LINE_FLOATS);
    size_t biases = round_up(all, LINE_FLOATS);
    float *block = packed_alloc((front + biases + all * terms) * sizeof(float));
    if (!block)
        return NULL;
    float *to_bias = block + front, *to_weight = to_bias + biases;
    for (size_t o = 0; o < outs; o++) {
        size_t panel = o - o % width.panel;
        size_t step = all - panel < width.panel ? all - panel : width.panel;
        float *to = to_weight + panel * terms + o % width.panel;
        to_bias[o] = ((const float *)bias->data)[o];
        for (size_t i = 0; i < parts; i++) {
            const float *from = (const float *)part[i].weight->data + o * part[i].weight->ld;
            for (size_t k = 0; k < part[i].terms; k++, to += step)
                *to = from[k];
        }
    }
    struct panels *panels = (struct panels *)block;
    *panels = (struct panels){outs, terms, to_bias, to_weight};
    return panels;
}
