#include "harness/data/dataset.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE_ROWS = 4096 };

void dataset_begin(struct dataset *data, size_t fields, size_t dense, size_t tasks)
{
    *data = (struct dataset){.fields = fields, .dense = dense, .tasks = tasks};
}

void dataset_free(struct dataset *data)
{
    free(data->bag);
    free(data->id);
    free(data->feature);
    free(data->label);
    free(data->user);
    free(data->truth);
    dataset_begin(data, data->fields, data->dense, data->tasks);
}

void dataset_clear(struct dataset *data) { data->rows = data->ids = 0; }

/* ---- room ------------------------------------------------------------------------------------ */

/* Moves an array to one of `count` elements; false: out of memory, and it stays. */
static bool resize(void *array, size_t element, size_t count)
{
    void *old, *larger;
    memcpy(&old, array, sizeof old);
    larger = realloc(old, element * count + 1);
    if (larger)
        memcpy(array, &larger, sizeof larger);
    return larger != NULL;
}

static bool make_rows(struct dataset *d, size_t rows)
{
    const size_t bags = rows * d->fields + 1;
    if (!resize(&d->bag, sizeof *d->bag, bags) ||
        !resize(&d->feature, sizeof *d->feature, rows * d->dense) ||
        !resize(&d->label, sizeof *d->label, rows * (d->tasks + 1)) ||
        !resize(&d->user, sizeof *d->user, rows) ||
        !resize(&d->truth, sizeof *d->truth, rows * (d->tasks + 1)))
        return false;
    d->rows_room = rows;
    d->bag[0] = 0;
    return true;
}

static size_t room_for(size_t needed, size_t room)
{
    return needed <= room ? room : needed > room + room / 2 ? needed : room + room / 2;
}

bool dataset_reserve(struct dataset *d, size_t rows, size_t ids, struct fault *fault)
{
    const size_t rows_room = room_for(d->rows + rows, d->rows_room);
    const size_t ids_room = room_for(d->ids + ids, d->ids_room);
    if (d->ids + ids > UINT32_MAX)
        return fault_caller(fault, "%zu ids in one data set; at most %u are allowed", d->ids + ids,
                            UINT32_MAX);
    if ((rows_room > d->rows_room || !d->bag) && !make_rows(d, rows_room))
        return fault_memory(fault, "the rows of a data set");
    if ((ids_room > d->ids_room || !d->id) && !resize(&d->id, sizeof *d->id, ids_room))
        return fault_memory(fault, "the ids of a data set");
    d->ids_room = ids_room;
    return true;
}

/* ---- rows ------------------------------------------------------------------------------------ */

bool dataset_copy(struct dataset *d, const struct dataset *from, size_t row, struct fault *fault)
{
    const uint32_t *bag = from->bag + row * from->fields;
    const size_t ids = bag[d->fields] - bag[0], labels = d->tasks + 1;
    if (!dataset_reserve(d, 1, ids, fault))
        return false;
    memcpy(d->id + d->ids, from->id + bag[0], ids * sizeof *d->id);
    for (size_t f = 0; f < d->fields; f++)
        d->bag[d->rows * d->fields + f + 1] = (uint32_t)(d->ids + bag[f + 1] - bag[0]);
    memcpy(d->feature + d->rows * d->dense, from->feature + row * d->dense,
           d->dense * sizeof *d->feature);
    memcpy(d->label + d->rows * labels, from->label + row * labels, labels);
    memcpy(d->truth + d->rows * labels, from->truth + row * labels, labels * sizeof *d->truth);
    d->user[d->rows++] = from->user[row];
    d->ids += ids;
    return true;
}

/* Appends the first `count` rows of a batch. */
static bool append_batch(struct dataset *d, const struct activations *a, size_t count,
                         struct fault *fault)
{
    const struct tensor *buffer = a->memory.buffer;
    const int32_t *bags = buffer[BUFFER_BAGS].data;
    const size_t labels = d->tasks + 1;
    if (!dataset_reserve(d, count, a->memory.ids, fault))
        return false;
    memcpy(d->id + d->ids, buffer[BUFFER_IDS].data, a->memory.ids * sizeof *d->id);
    for (size_t i = 1; i <= count * d->fields; i++)
        d->bag[d->rows * d->fields + i] = (uint32_t)(d->ids + (size_t)bags[i]);
    for (size_t b = 0; b < count; b++)
        memcpy(d->feature + (d->rows + b) * d->dense,
               (const float *)buffer[BUFFER_DENSE].data + b * buffer[BUFFER_DENSE].ld,
               d->dense * sizeof *d->feature);
    memcpy(d->label + d->rows * labels, a->label, count * labels);
    memcpy(d->user + d->rows, a->user, count * sizeof *d->user);
    for (size_t i = 0; i < count * labels; i++)
        d->truth[d->rows * labels + i] = NAN;
    d->rows += count;
    d->ids += a->memory.ids;
    return true;
}

bool dataset_gather(const struct dataset *d, const uint32_t *row, size_t count,
                    struct activations *a, struct fault *fault)
{
    struct tensor *buffer = a->memory.buffer;
    int32_t *bags = buffer[BUFFER_BAGS].data;
    size_t ids = 0, at = 0;
    for (size_t i = 0; i < count; i++)
        ids += d->bag[(row[i] + 1) * d->fields] - d->bag[row[i] * d->fields];
    if (!activations_reserve(a, ids, fault))
        return false;
    bags[0] = 0;
    for (size_t i = 0; i < count; i++) {
        const uint32_t *bag = d->bag + (size_t)row[i] * d->fields;
        memcpy((int32_t *)buffer[BUFFER_IDS].data + at, d->id + bag[0],
               (bag[d->fields] - bag[0]) * sizeof *d->id);
        for (size_t f = 0; f < d->fields; f++)
            bags[i * d->fields + f + 1] = (int32_t)(at + bag[f + 1] - bag[0]);
        at += bag[d->fields] - bag[0];
        memcpy((float *)buffer[BUFFER_DENSE].data + i * buffer[BUFFER_DENSE].ld,
               d->feature + (size_t)row[i] * d->dense, d->dense * sizeof *d->feature);
        memcpy(a->label + i * (d->tasks + 1), d->label + (size_t)row[i] * (d->tasks + 1),
               d->tasks + 1);
        a->user[i] = d->user[row[i]];
    }
    a->memory.ids = ids;
    return true;
}

/* ---- files ----------------------------------------------------------------------------------- */

static bool check_columns(const struct rows *rows, struct fault *fault)
{
    bool conversion = false;
    for (size_t i = 1; i <= rows->config->tasks; i++)
        conversion = conversion || rows_have_label(rows, i);
    if (!rows_have_label(rows, 0))
        return fault_caller(fault, "%s:1: column 'click' is missing; what is learned from needs it",
                            rows->path);
    return conversion ? true
                      : fault_caller(fault,
                                     "%s:1: there is no column of a conversion; what is learned "
                                     "from needs one of conv1 to conv%zu",
                                     rows->path, rows->config->tasks);
}

static bool read_rows(struct dataset *d, struct rows *rows, struct activations *a,
                      struct fault *fault)
{
    for (;;) {
        size_t count;
        if (!rows_read(rows, a, PIECE_ROWS, &count, fault) || !append_batch(d, a, count, fault))
            return false;
        if (count == 0)
            return d->rows ? true : fault_caller(fault, "%s: has no rows", rows->path);
    }
}

bool batch_make(struct batch *batch, const struct ektm_config *config, size_t rows_max,
                struct fault *fault)
{
    struct ektm_config columns = {.fields = config->fields,
                                  .width = 1,
                                  .dense = config->dense,
                                  .bottoms = 1,
                                  .bottom = {1},
                                  .rep = 1,
                                  .tasks = config->tasks,
                                  .hidden = 1,
                                  .tau = 1};
    memcpy(columns.rows, config->rows, sizeof columns.rows);
    *batch = (struct batch){.model = {.block = NULL}};
    if (!ektm_build(&batch->model.ektm, &columns))
        return fault_memory(fault, "a table of columns");
    if (activations_make(&batch->activations, &batch->model, rows_max, rows_max * config->fields,
                         fault))
        return true;
    batch_free(batch);
    return false;
}

void batch_free(struct batch *batch)
{
    activations_free(&batch->activations);
    ektm_free(&batch->model.ektm);
}

bool dataset_read(struct dataset *d, const char *path, const struct ektm_config *config,
                  enum label_pattern pattern, struct fault *fault)
{
    struct rows rows;
    struct batch batch;
    dataset_begin(d, config->fields, config->dense, config->tasks);
    if (!rows_open(&rows, path, config, fault))
        return false;
    rows.pattern = pattern;
    bool fine = check_columns(&rows, fault) && batch_make(&batch, config, PIECE_ROWS, fault);
    if (fine) {
        fine = read_rows(d, &rows, &batch.activations, fault);
        batch_free(&batch);
    }
    rows_close(&rows);
    if (!fine)
        dataset_free(d);
    return fine;
}
