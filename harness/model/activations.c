#include "harness/model/activations.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { LINE = 64 };

static size_t lines(size_t bytes) { return (bytes + LINE - 1) / LINE * LINE; }

/* BAGS and DENSE are in the block of inputs, the buffers behind them in that of what is computed.
 */
static size_t buffer_bytes(const struct model *model, enum ektm_buffer buffer, size_t rows)
{
    size_t width = model->ektm.buffer_width[buffer];
    return lines(buffer == BUFFER_BAGS ? (rows * width + 1) * sizeof(int32_t)
                                       : rows * width * sizeof(float));
}

bool activations_make(struct activations *activations, const struct model *model, size_t rows_max,
                      size_t ids_max, struct fault *fault)
{
    *activations = (struct activations){.rows_max = rows_max};
    for (enum ektm_buffer b = BUFFER_BAGS; b < BUFFERS; b++)
        *(b < BUFFER_X ? &activations->block_bytes : &activations->computed_bytes) +=
            buffer_bytes(model, b, rows_max);
    activations->block = memory_alloc(activations->block_bytes, PAGES_THP);
    activations->computed = memory_alloc(activations->computed_bytes, PAGES_THP);
    const size_t labels = rows_max * (model->ektm.config.tasks + 1);
    activations->label = malloc(labels + 1);
    activations->user = malloc((rows_max + 1) * sizeof *activations->user);
    if (!activations->block || !activations->computed || !activations->label ||
        !activations->user) {
        activations_free(activations);
        return fault_memory(fault, "the activations of a batch");
    }

    memset(activations->label, LABEL_MISSING, labels);
    memset(activations->user, 0xff, rows_max * sizeof *activations->user); /* USER_NONE */
    struct ektm_memory *memory = &activations->memory;
    char *at = activations->block;
    memory->buffer[BUFFER_IDS] = (struct tensor){NULL, 1, DTYPE_I32};
    for (enum ektm_buffer b = BUFFER_BAGS; b < BUFFERS; b++) {
        at = b == BUFFER_X ? activations->computed : at;
        memory->buffer[b] = (struct tensor){at, model->ektm.buffer_width[b],
                                            b == BUFFER_BAGS ? DTYPE_I32 : DTYPE_F32};
        at += buffer_bytes(model, b, rows_max);
    }
    memory->weight = model->weight;
    memory->table = model->table;
    memory->first = model->first;
    if (activations_reserve(activations, ids_max, fault))
        return true;
    activations_free(activations);
    return false;
}

bool activations_reserve(struct activations *activations, size_t ids, struct fault *fault)
{
    struct tensor *buffer = &activations->memory.buffer[BUFFER_IDS];
    size_t old = activations->ids_max, room = old + old / 2;
    if (buffer->data && ids <= old)
        return true;
    if (ids > INT32_MAX)
        return fault_caller(fault, "a batch of %zu ids is too large; at most %d are allowed", ids,
                            INT32_MAX);
    room = room < ids ? ids : room;
    room = room > INT32_MAX ? INT32_MAX : room;
    void *data = memory_alloc(room * sizeof(int32_t), PAGES_THP);
    if (!data)
        return fault_memory(fault, "the ids of a batch");
    if (buffer->data) {
        memcpy(data, buffer->data, old * sizeof(int32_t));
        memory_free(buffer->data, old * sizeof(int32_t));
    }
    buffer->data = data;
    activations->ids_max = room;
    return true;
}

void activations_free(struct activations *activations)
{
    memory_free(activations->memory.buffer[BUFFER_IDS].data,
                activations->ids_max * sizeof(int32_t));
    free(activations->label);
    free(activations->user);
    memory_free(activations->block, activations->block_bytes);
    memory_free(activations->computed, activations->computed_bytes);
    *activations = (struct activations){0};
}

void activations_refresh(const struct activations *activations)
{
    madvise(activations->computed, activations->computed_bytes, MADV_DONTNEED);
}
