#include "harness/model/narrowed.h"

#include "reference/quantize.h"

#include <stdlib.h>

enum { LINE = 64 };

static size_t lines(size_t bytes) { return (bytes + LINE - 1) / LINE * LINE; }

static bool is_table(const struct model *model, size_t w) { return w < model->ektm.config.fields; }

/* Whether a layer reads the weight in narrow formats. */
static bool is_read(const struct model *model, size_t w)
{
    for (size_t l = 0; l < model->ektm.layers; l++) {
        const struct ektm_layer *layer = &model->ektm.layer[l];
        for (size_t i = 0; i < layer->op->operands; i++)
            if (layer->op->operand[i].narrow && layer->binding[i].source == SOURCE_WEIGHT &&
                layer->binding[i].index == w)
                return true;
    }
    return is_table(model, w);
}

/* From one row to the next. */
static size_t stride(enum dtype dtype, size_t columns)
{
    return row_bytes(dtype, columns) / dtype_bytes(dtype);
}

static size_t bytes_of(const struct model *model, size_t w, enum dtype dtype)
{
    const struct ektm_weight *weight = &model->ektm.weight[w];
    const size_t bytes = weight->rows * row_bytes(dtype, weight->columns);
    return !is_read(model, w) ? 0 : is_table(model, w) ? bytes : lines(bytes);
}

static size_t table_bytes(const struct model *model, enum dtype dtype)
{
    size_t bytes = 0;
    for (size_t w = 0; is_table(model, w); w++)
        bytes += bytes_of(model, w, dtype);
    return lines(bytes);
}

static struct tensor tensor_at(void *data, enum dtype dtype, size_t columns)
{
    char *behind = (char *)data + columns;
    return (struct tensor){data, stride(dtype, columns), dtype, dtype == DTYPE_I8 ? behind : NULL};
}

static void narrow(struct tensor *to, const struct tensor *from, size_t rows, size_t columns,
                   bool table)
{
    for (size_t r = 0; r < rows; r++) {
        const float *row = (const float *)from->data + r * from->ld;
        if (to->dtype == DTYPE_I8) {
            int8_t *q = (int8_t *)to->data + r * to->ld;
            const struct affine affine =
                table ? quantize_table(q, row, columns) : quantize_weights(q, row, columns);
            memcpy((char *)to->affine + r * to->ld, &affine, sizeof affine);
        } else
            for (size_t c = 0; c < columns; c++)
                ((uint16_t *)to->data)[r * to->ld + c] = bf16_of(row[c]);
    }
}

bool narrowed_make(struct narrowed *n, const struct model *model, enum dtype dtype,
                   const struct topology *topology, enum pages pages, struct fault *fault)
{
    const size_t weights = model->ektm.weights, tables = table_bytes(model, dtype);
    *n = (struct narrowed){.dtype = dtype, .block_bytes = tables};
    for (size_t w = model->ektm.config.fields; w < weights; w++)
        n->block_bytes += bytes_of(model, w, dtype);
    n->weight = calloc(weights, sizeof *n->weight);
    n->block = n->weight ? memory_interleaved(topology, n->block_bytes, pages) : NULL;
    if (!n->block) {
        free(n->weight);
        return fault_memory(fault, "the weights in a narrow format");
    }
    char *at = n->block;
    n->table = tensor_at(at, dtype, model->ektm.config.width);
    for (size_t w = 0; w < weights; w++) {
        const struct ektm_weight *weight = &model->ektm.weight[w];
        if (w == model->ektm.config.fields)
            at = (char *)n->block + tables;
        if (!bytes_of(model, w, dtype))
            continue;
        n->weight[w] = tensor_at(at, dtype, weight->columns);
        narrow(&n->weight[w], &model->weight[w], weight->rows, weight->columns, is_table(model, w));
        at += bytes_of(model, w, dtype);
    }
    return true;
}

void narrowed_free(struct narrowed *narrowed)
{
    memory_free(narrowed->block, narrowed->block_bytes);
    free(narrowed->weight);
    *narrowed = (struct narrowed){.block = NULL};
}

struct call narrowed_call(const struct narrowed *narrowed, const struct ektm *ektm, size_t layer,
                          const struct call *call)
{
    const struct ektm_layer *l = &ektm->layer[layer];
    struct call own = *call;
    for (size_t i = 0; i < l->op->operands; i++) {
        const struct ektm_binding *b = &l->binding[i];
        if (!l->op->operand[i].narrow)
            continue;
        own.tensor[i] = b->source == SOURCE_TABLE ? narrowed->table : narrowed->weight[b->index];
        own.tensor[i].data =
            (char *)own.tensor[i].data + b->column * dtype_bytes(own.tensor[i].dtype);
    }
    return own;
}
