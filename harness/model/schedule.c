#include "harness/model/schedule.h"

const struct schedule schedule_layers = {0};

/* Tiles are multiples of what the kernels' register tiles have as rows (6 and 8). */
enum { TILE_UNIT = 24, COLUMNS_BELOW = 4 };

enum { L2_USUAL = 1 << 20, L3_USUAL = 16 << 20 };

size_t schedule_row_bytes(const struct model *model)
{
    size_t floats = 0;
    for (enum ektm_buffer b = BUFFER_X; b < BUFFERS; b++)
        floats += b == BUFFER_P ? 0 : model->ektm.buffer_width[b];
    return floats * sizeof(float);
}

/* Activations may have half of the L2: weights stream through the other. */
static size_t l2_room(const struct topology *topology)
{
    return (topology->cache_bytes[1] ? topology->cache_bytes[1] : L2_USUAL) / 2;
}

/* Bytes of weights, not of tables, that the layer reads. */
static size_t layer_bytes(const struct model *model, const struct formats *formats, size_t layer)
{
    const struct ektm_layer *l = &model->ektm.layer[layer];
    size_t bytes = 0;
    for (size_t i = 0; i < l->op->operands; i++)
        if (l->binding[i].source == SOURCE_WEIGHT) {
            const struct operand *operand = &l->op->operand[i];
            const enum dtype dtype = operand_dtype(operand, formats_of(formats, l));
            bytes +=
                operand_rows(operand, &l->dims) * row_bytes(dtype, operand_row(operand, &l->dims));
        }
    return bytes;
}

size_t schedule_weight_bytes(const struct model *model, const struct formats *formats)
{
    size_t bytes = 0;
    for (size_t l = 0; l < model->ektm.layers; l++)
        bytes += layer_bytes(model, formats, l);
    return bytes;
}

/* How many of the first layers must take all rows for the others' weights to lie in `room`. */
static size_t wide_layers(const struct model *model, const struct formats *formats, size_t room)
{
    size_t first = model->ektm.layers, bytes = 0;
    while (first > 0 && bytes + layer_bytes(model, formats, first - 1) <= room)
        bytes += layer_bytes(model, formats, --first);
    return first;
}

struct schedule schedule_of(const struct model *model, const struct formats *formats,
                            const struct topology *topology)
{
    size_t l3 = topology->cache_bytes[2] ? topology->cache_bytes[2] : L3_USUAL;
    size_t rows = l2_room(topology) / schedule_row_bytes(model) / TILE_UNIT * TILE_UNIT;
    size_t wide = wide_layers(model, formats, l3 / 2);
    return (struct schedule){.tile = wide == model->ektm.layers ? 0
                                     : rows                     ? rows
                                                                : TILE_UNIT,
                             .wide = wide,
                             .columns_below = COLUMNS_BELOW,
                             .fuse = true};
}

/* Bytes of a row's activations that wide layers write. */
static size_t wide_row_bytes(const struct schedule *schedule, const struct model *model)
{
    bool wide[BUFFERS] = {false};
    size_t floats = 0;
    for (size_t l = 0; l < schedule->wide && l < model->ektm.layers; l++) {
        const struct ektm_layer *layer = &model->ektm.layer[l];
        for (size_t i = 0; i < layer->op->operands; i++)
            if (layer->op->operand[i].role == ROLE_OUT)
                wide[layer->binding[i].index] = true;
    }
    for (enum ektm_buffer b = 0; b < BUFFERS; b++)
        floats += wide[b] ? model->ektm.buffer_width[b] : 0;
    return floats * sizeof(float);
}

double schedule_bytes_saved(const struct schedule *schedule, const struct model *model, size_t rows,
                            const struct topology *topology)
{
    double row = (double)schedule_row_bytes(model), room = (double)l2_room(topology);
    double deep = row - (double)wide_row_bytes(schedule, model);
    bool spills = (double)rows * row > room;
    bool still = !schedule->tile || schedule->tile >= rows || (double)schedule->tile * deep > room;
    return spills && !still ? 2 * deep * (double)rows : 0;
}
