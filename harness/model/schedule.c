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

size_t schedule_weight_bytes(const struct model *model)
{
    const struct ektm *ektm = &model->ektm;
    size_t floats = 0;
    for (size_t w = ektm->config.fields; w < ektm->weights; w++)
        floats += ektm->weight[w].rows * (ektm->weight[w].columns ? ektm->weight[w].columns : 1);
    return floats * sizeof(float);
}

/* Activations may have half of the L2: weights stream through the other. */
static size_t l2_room(const struct topology *topology)
{
    return (topology->cache_bytes[1] ? topology->cache_bytes[1] : L2_USUAL) / 2;
}

struct schedule schedule_of(const struct model *model, const struct topology *topology)
{
    size_t l3 = topology->cache_bytes[2] ? topology->cache_bytes[2] : L3_USUAL;
    size_t rows = l2_room(topology) / schedule_row_bytes(model) / TILE_UNIT * TILE_UNIT;
    bool near = schedule_weight_bytes(model) <= l3 / 2;
    return (struct schedule){.tile = !near  ? 0
                                     : rows ? rows
                                            : TILE_UNIT,
                             .columns_below = COLUMNS_BELOW};
}

double schedule_bytes_saved(const struct schedule *schedule, const struct model *model, size_t rows,
                            const struct topology *topology)
{
    double row = (double)schedule_row_bytes(model), room = (double)l2_room(topology);
    bool spills = (double)rows * row > room;
    bool still = !schedule->tile || schedule->tile >= rows || (double)schedule->tile * row > room;
    return spills && !still ? 2 * row * (double)rows : 0;
}
