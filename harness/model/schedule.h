/* How a forward pass is walked: which rows go together, and how threads share a batch. */
#ifndef EKTM_HARNESS_MODEL_SCHEDULE_H
#define EKTM_HARNESS_MODEL_SCHEDULE_H

#include "harness/machine/topology.h"
#include "harness/model/formats.h"
#include "harness/model/model.h"

/* What `ektm tune` finds, and whether layers are fused. */
struct schedule {
    size_t tile; /* rows of a thread that go through all layers before its next ones do (depth
                    first); 0: all of them, layer by layer */
    size_t wide; /* so many layers, the first ones, take all of a thread's rows all the same, and
                    the others go depth first behind them; 0: none */
    size_t ask;  /* while a tile is computed, memory is asked for the table's rows of the next one,
                    in the first so many per cent of the work; 0: it is not asked */
    size_t lines_ahead; /* cache lines of rows that an embedding asks for in advance; 0: as many as
                           the kernel thinks best */
    size_t columns_below; /* a batch of fewer rows for each thread is shared by output columns and
                             tasks; 0: always by rows */
    bool fuse; /* fusions stand in the place of their layers, where the backend has them */
};

/* Layer by layer, shared by rows. */
extern const struct schedule schedule_layers;

/* What follows from the caches. With A bytes of activations a row and W bytes of weights, tiles of
 * t rows write and read 2 A bytes a row between the layers and read W / t bytes of weights:
 *
 *     layer by layer     2 A beyond the L2     W / batch
 *     tiles of t rows    2 A within the L2     W / t beyond the L2     where t A is half the L2
 *
 * Reading weights hides behind the products as long as the L3 has them: then tiles are as large as
 * half the L2 allows. It does not hide when they come from memory: where a model's weights take
 * more than half of the L3, so many of its first layers take all rows as it takes for the others'
 * weights to fit. Asking for the next tile's rows is left to `ektm tune`: where products read their
 * weights from the L2, both wait in the same queue. */
struct schedule schedule_of(const struct model *model, const struct formats *formats,
                            const struct topology *topology);

/* Bytes of activations that a row leaves between the layers. */
size_t schedule_row_bytes(const struct model *model);

/* Bytes of the weights that every row goes past, all but the tables, in the layers' formats. */
size_t schedule_weight_bytes(const struct model *model, const struct formats *formats);

/* Bytes of activations that a thread's `rows` rows write and read again beyond the L2 when they go
 * layer by layer, and that they do not in this schedule. */
double schedule_bytes_saved(const struct schedule *schedule, const struct model *model, size_t rows,
                            const struct topology *topology);

#endif
